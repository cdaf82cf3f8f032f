//! Staff's users.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gatehouse_domain::Settings;
use gatehouse_testkit::Engine;
use http::header;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Surface, on, surface};

async fn update(surface: &Surface, token: &str, body: Value) -> (u16, Value) {
    let answer = surface.post(token, "v2/{sp}/user/update", body).await;
    (answer.status, answer.json())
}

async fn fetch(surface: &Surface, token: &str, body: Value) -> Value {
    let answer = surface.post(token, "v2/{sp}/user/fetch", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    assert!(page.get("status").is_none(), "{page}");
    page
}

fn emails(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn users_are_filtered_sorted_and_paged_by_fixed_fields() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let admin = surface.admin().await;
        for name in ["anna", "bert", "carl", "d_ra", "dxra"] {
            surface.user(&format!("{name}@example.com")).await;
        }
        let id = fetch(&surface, &admin, json!({"filter": [{"id": "email", "value": "eq:Anna@example.com"}]})).await;
        let anna = id["data"][0]["id"].as_i64().unwrap();
        let change = json!({
            "id": anna, "transfer_enable": 5_000, "u": 1_000, "d": 200, "expired_at": 1_800_000_000, "balance": "12.34",
            "commission_balance": 1.5, "remarks": "A 50% client", "speed_limit": 100, "device_limit": null
        });
        assert_eq!(update(&surface, &admin, change).await.0, 200);
        let user = surface.get(&admin, &format!("v2/{{sp}}/user/getUserInfoById?id={anna}")).await.data();
        for (name, value) in [
            ("balance", json!(1_234)),
            ("commission_balance", json!(150)),
            ("u", json!(1_000)),
            ("total_used", json!(1_200)),
            ("transfer_enable", json!(5_000)),
            ("expired_at", json!(1_800_000_000)),
            ("speed_limit", json!(100)),
            ("device_limit", Value::Null),
            ("is_admin", json!(false)),
            ("banned", json!(false)),
        ] {
            assert_eq!(user[name], value, "{name}");
        }
        assert!(!user.to_string().contains("argon2"));
        let is = async |filter: Value| {
            let page =
                fetch(&surface, &admin, json!({"filter": filter, "sort": [{"id": "email", "desc": false}]})).await;
            emails(&page).iter().map(|email| email.split('@').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let everybody = ["admin", "anna", "bert", "carl", "d_ra", "dxra"];
        assert_eq!(is(json!([])).await, everybody);
        assert_eq!(is(json!([{"id": "email", "value": "D_R"}])).await, ["d_ra"]);
        assert_eq!(
            is(json!([{"id": "email", "value": "notlike:d"}, {"id": "email", "value": "like:r"}])).await,
            ["bert", "carl"]
        );
        assert_eq!(
            is(json!([{"id": "email", "value": ["anna@example.com", "BERT@example.com"]}])).await,
            ["anna", "bert"]
        );
        assert_eq!(is(json!([{"id": "id", "value": [anna, 9_999]}])).await, ["anna"]);
        assert_eq!(is(json!([{"id": "total_used", "value": "gte:1200"}])).await, ["anna"]);
        assert_eq!(is(json!([{"id": "balance", "value": 1_234}])).await, ["anna"]);
        assert_eq!(is(json!([{"id": "remarks", "value": "50%"}])).await, ["anna"]);
        assert_eq!(
            is(json!([{"id": "remarks", "value": "null:"}, {"id": "is_admin", "value": true}])).await,
            ["admin"]
        );
        assert_eq!(
            is(json!([{"id": "is_staff", "value": "eq:0"}, {"id": "expired_at", "value": "notnull:"}])).await,
            ["anna"]
        );
        for wrong in [
            json!([{"id": "password_hash", "value": "x"}]),
            json!([{"id": "1=1 --", "value": "x"}]),
            json!([{"id": "id", "value": "gt:x"}]),
            json!([{"id": "banned", "value": "gt:1"}]),
            json!([{"id": "email"}]),
            json!(["email"]),
        ] {
            let answer = surface.post(&admin, "v2/{sp}/user/fetch", json!({"filter": wrong})).await;
            assert_eq!(answer.status, 422, "{wrong}");
        }
        let quote = json!([{"id": "email", "value": "'; DROP TABLE account; --"}]);
        assert!(is(quote).await.is_empty());
        let sort = json!({"sort": [{"id": "no_such", "desc": true}]});
        assert_eq!(surface.post(&admin, "v2/{sp}/user/fetch", sort).await.status, 422);

        let page =
            fetch(&surface, &admin, json!({"current": 2, "pageSize": 4, "sort": [{"id": "email", "desc": true}]}))
                .await;
        assert_eq!(emails(&page), ["anna@example.com", "admin@example.com"]);
        assert_eq!(
            (&page["total"], &page["current_page"], &page["per_page"], &page["last_page"]),
            (&json!(6), &json!(2), &json!(4), &json!(2))
        );
        let beyond = fetch(&surface, &admin, json!({"current": 99, "pageSize": 1_000_000})).await;
        assert_eq!((beyond["data"].as_array().unwrap().len(), &beyond["per_page"]), (0, &json!(500)));
    }
}

#[tokio::test]
async fn an_update_writes_what_is_new_and_ends_what_it_should() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let id = surface.user("user@example.com").await.0;
    let host = surface.user("host@example.com").await.0;
    let token = surface.login("user@example.com").await;
    let inviter = json!({"id": id, "invite_user_email": "Host@example.com"});
    assert_eq!(update(&surface, &admin, inviter).await.0, 200);
    // A form that says nothing of the inviter leaves him.
    assert_eq!(update(&surface, &admin, json!({"id": id, "email": "user@example.com", "banned": 0})).await.0, 200);
    let shown = async || surface.get(&admin, &format!("v2/{{sp}}/user/getUserInfoById?id={id}")).await.data();
    assert_eq!(shown().await["invite_user"], json!({"id": host, "email": "host@example.com"}));
    assert_eq!(surface.get(&token, "v1/user/info").await.status, 200, "nothing that ends a session was new");
    assert_eq!(update(&surface, &admin, json!({"id": id, "invite_user_email": ""})).await.0, 200);
    assert_eq!(shown().await["invite_user_id"], Value::Null);

    for (change, status, text) in [
        (json!({"id": id, "invite_user_email": "nobody@example.com"}), 400, "The inviter does not exist"),
        (json!({"id": id, "email": "host@example.com"}), 400, "Email already exists"),
        (json!({"id": id, "plan_id": 99}), 400, "Subscription plan does not exist"),
        (json!({"id": 9_999, "remarks": "x"}), 400, "The user does not exist"),
        (json!({"remarks": "x"}), 422, "Invalid parameter"),
        (json!({"id": id, "password": "short"}), 422, "Password must be greater than 8 digits"),
        (json!({"id": id, "balance": "1.234"}), 422, "The value of balance is not valid"),
        (json!({"id": id, "balance": -1}), 422, "The value of balance is not valid"),
        (json!({"id": id, "discount": 101}), 422, "The value of discount is not valid"),
        (json!({"id": id, "expired_at": 9_223_372_036_854_775_807_i64}), 422, "The value of expired_at is not valid"),
        (json!({"id": id, "transfer_enable": -1}), 422, "The value of transfer_enable is not valid"),
    ] {
        let (got, body) = update(&surface, &admin, change.clone()).await;
        assert_eq!((got, body["message"].as_str().unwrap()), (status, text), "{change}");
    }
    let (status, _) =
        update(&surface, &admin, json!({"id": id, "email": "New@example.com", "password": "another password"})).await;
    assert_eq!(status, 200);
    assert_eq!(surface.get(&token, "v1/user/info").await.status, 403);
    let login = json!({"email": "new@example.com", "password": "another password"});
    let token = surface.post("", "v1/passport/auth/login", login).await.data()["token"].as_str().unwrap().to_owned();
    assert_eq!(update(&surface, &admin, json!({"id": id, "banned": true})).await.0, 200);
    assert_eq!(surface.get(&token, "v1/user/info").await.status, 403);
    assert_eq!(shown().await["banned"], true);
    assert_eq!(update(&surface, &admin, json!({"id": id, "banned": 0})).await.0, 200);
    assert_eq!(shown().await["banned"], false);
}

#[tokio::test]
async fn nobody_changes_somebody_mightier_and_the_last_administrator_stays() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let admin = surface.admin().await;
        let low = surface.staff("low@example.com", &["panel.user"]).await;
        let user = surface.user("user@example.com").await.0;
        let of = async |email: &str| {
            let page =
                fetch(&surface, &admin, json!({"filter": [{"id": "email", "value": format!("eq:{email}")}]})).await;
            page["data"][0]["id"].as_i64().unwrap()
        };
        let (boss, low_id) = (of("admin@example.com").await, of("low@example.com").await);
        for change in [
            json!({"password": "another password"}),
            json!({"email": "mine@example.com"}),
            json!({"banned": 1}),
            json!({"is_admin": 0}),
        ] {
            let mut change = change;
            change["id"] = json!(boss);
            let (status, body) = update(&surface, &low, change.clone()).await;
            assert_eq!((status, &body["message"]), (403, &json!("Unauthorized")), "{change}");
        }
        for call in ["resetSecret", "destroy"] {
            let answer = surface.post(&low, &format!("v2/{{sp}}/user/{call}"), json!({"id": boss})).await;
            assert_eq!(answer.status, 403, "{call}");
        }
        let ban = json!({"scope": "selected", "user_ids": [boss]});
        assert_eq!(surface.post(&low, "v2/{sp}/user/ban", ban).await.status, 403);
        for id in [user, low_id] {
            assert_eq!(update(&surface, &low, json!({"id": id, "is_admin": 1})).await.0, 403);
        }
        let last = "The last administrator must stay";
        for change in [json!({"id": boss, "is_admin": 0}), json!({"id": boss, "banned": 1})] {
            let (status, body) = update(&surface, &admin, change).await;
            assert_eq!((status, body["message"].as_str().unwrap()), (400, last));
        }
        let answer = surface.post(&admin, "v2/{sp}/user/destroy", json!({"id": boss})).await;
        assert_eq!(answer.failure(), (400, last.to_owned()));

        assert_eq!(update(&surface, &admin, json!({"id": user, "is_admin": 1})).await.0, 200);
        let second = surface.login("user@example.com").await;
        assert_eq!(surface.get(&second, "v1/user/checkLogin").await.data()["is_admin"], true);
        assert_eq!(surface.get(&second, "v2/{sp}/config/fetch").await.status, 200);
        // Two who take each other's role at the same time do not both succeed.
        let (one, two) = (json!({"id": user, "is_admin": 0}), json!({"id": boss, "banned": 1}));
        let (first, other) = tokio::join!(update(&surface, &admin, one), update(&surface, &second, two));
        let done = [first.0, other.0].iter().filter(|status| **status == 200).count();
        assert_eq!(done, 1, "{first:?} {other:?}");
    }
}

#[tokio::test]
async fn roles_come_and_go_with_the_flags() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let id = surface.user("user@example.com").await.0;
    let token = surface.login("user@example.com").await;
    assert_eq!(surface.get(&token, "v2/{sp}/user/fetch").await.status, 403);
    assert_eq!(update(&surface, &admin, json!({"id": id, "is_staff": 1})).await.0, 200);
    let shown = async || surface.get(&admin, &format!("v2/{{sp}}/user/getUserInfoById?id={id}")).await.data();
    assert_eq!((&shown().await["is_staff"], &shown().await["is_admin"]), (&json!(true), &json!(false)));
    // Sent back as they were shown: nothing changes.
    assert_eq!(update(&surface, &admin, json!({"id": id, "is_staff": true, "is_admin": false})).await.0, 200);
    assert_eq!(update(&surface, &admin, json!({"id": id, "is_staff": 0, "is_admin": 1})).await.0, 200);
    assert_eq!(surface.get(&token, "v2/{sp}/user/fetch").await.status, 200);
    assert_eq!(update(&surface, &admin, json!({"id": id, "is_admin": 0})).await.0, 200);
    assert_eq!(surface.get(&token, "v2/{sp}/user/fetch").await.status, 403);
    let after = surface.login("user@example.com").await;
    assert_eq!(surface.get(&after, "v1/user/checkLogin").await.data()["is_admin"], false);
}

#[tokio::test]
async fn a_ban_needs_a_scope_and_ends_every_session() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let admin = surface.admin().await;
        let mut tokens = Vec::new();
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(surface.user(&format!("{name}@example.com")).await.0);
            tokens.push(surface.login(&format!("{name}@example.com")).await);
        }
        let ban = |body: Value| surface.post(&admin, "v2/{sp}/user/ban", body);
        for wrong in [
            json!({}),
            json!({"scope": "selected"}),
            json!({"scope": "selected", "user_ids": []}),
            json!({"scope": "selected", "user_ids": ["x"]}),
            json!({"scope": "filtered"}),
            json!({"scope": "filtered", "filter": []}),
            json!({"scope": "everybody"}),
        ] {
            assert_eq!(ban(wrong.clone()).await.status, 422, "{wrong}");
        }
        assert_eq!(ban(json!({"scope": "selected", "user_ids": [9_999]})).await.status, 400);
        let alive = async || {
            let answers = join_all(tokens.iter().map(|token| surface.get(token, "v1/user/info"))).await;
            answers.iter().map(|answer| answer.status == 200).collect::<Vec<_>>()
        };
        assert_eq!(alive().await, [true, true, true]);
        assert_eq!(ban(json!({"scope": "selected", "user_ids": [ids[0]]})).await.data(), true);
        assert_eq!(alive().await, [false, true, true]);
        let filter = json!([{"id": "email", "value": "b@"}]);
        assert_eq!(ban(json!({"scope": "filtered", "filter": filter})).await.data(), true);
        assert_eq!(alive().await, [false, false, true]);
        assert_eq!(ban(json!({"scope": "all"})).await.data(), true);
        assert_eq!(alive().await, [false, false, false]);
        // Whoever bans everybody does not ban himself.
        assert_eq!(surface.get(&admin, "v1/user/info").await.status, 200);
        let login = json!({"email": "a@example.com", "password": PASSWORD});
        assert_eq!(
            surface.post("", "v1/passport/auth/login", login).await.failure(),
            (400, "Your account has been suspended".to_owned())
        );
    }
}

#[tokio::test]
async fn users_are_made_with_passwords_of_their_own_and_files_hold_no_formulas() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let generate = |body: Value| surface.post(&admin, "v2/{sp}/user/generate", body);
    let one = generate(json!({"email_prefix": "=cmd", "email_suffix": "example.com"})).await;
    assert_eq!(one.data(), true);
    let password = one.json()["password"].as_str().unwrap().to_owned();
    assert_ne!(password, "=cmd@example.com");
    let login = json!({"email": "=cmd@example.com", "password": password});
    surface.post("", "v1/passport/auth/login", login).await.data();
    let again = generate(json!({"email_prefix": "=CMD", "email_suffix": "@example.com"})).await;
    assert_eq!(again.failure(), (400, "Email already exists".to_owned()));
    let known = generate(json!({"email_prefix": "known", "email_suffix": "example.com", "password": PASSWORD})).await;
    assert!(known.json().get("password").is_none());
    surface.login("known@example.com").await;

    let many =
        generate(json!({"generate_count": 20, "email_suffix": "example.com", "expired_at": 1_800_000_000})).await;
    assert_eq!(many.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let text = many.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 21);
    let passwords: BTreeSet<&str> = lines[1..].iter().map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(passwords.len(), 20);
    for wrong in [
        json!({"generate_count": 501, "email_suffix": "example.com"}),
        json!({"generate_count": 0, "email_suffix": "example.com"}),
        json!({"generate_count": 2}),
        json!({"email_suffix": "example.com"}),
        json!({"email_prefix": "a b", "email_suffix": "example.com"}),
        json!({"email_prefix": "a", "email_suffix": "example.com", "password": "short"}),
    ] {
        assert_eq!(generate(wrong.clone()).await.status, 422, "{wrong}");
    }
    let plan = json!({"email_prefix": "p", "email_suffix": "example.com", "plan_id": 99});
    assert_eq!(generate(plan).await.failure(), (400, "Subscription plan does not exist".to_owned()));
    let file = surface.get(&admin, "v2/{sp}/user/dumpCSV").await.text();
    assert!(file.contains("'=cmd@example.com") && !file.contains("\n=cmd"), "{file}");
}

#[tokio::test]
async fn a_reset_and_an_end_act_at_once() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let id = surface.user("user@example.com").await.0;
    let token = surface.login("user@example.com").await;
    let before = surface.get(&token, "v1/user/getSubscribe").await.data();
    assert_eq!(surface.post(&admin, "v2/{sp}/user/resetSecret", json!({"id": id})).await.data(), true);
    let after = surface.get(&token, "v1/user/getSubscribe").await.data();
    assert_ne!((&before["uuid"], &before["token"]), (&after["uuid"], &after["token"]));
    surface.get(&token, "v1/user/invite/save").await.data();
    assert_eq!(surface.post(&admin, "v2/{sp}/user/destroy", json!({"id": id})).await.data(), true);
    assert_eq!(surface.get(&token, "v1/user/info").await.status, 403);
    assert_eq!(surface.post(&admin, "v2/{sp}/user/destroy", json!({"id": id})).await.status, 400);
    let new = json!({"email": "user@example.com", "password": PASSWORD});
    surface.post("", "v1/passport/auth/register", new).await.data();
}
