//! The built-in modules, and staff's pages of them.

use std::sync::Arc;

use gatehouse_domain::Settings;
use gatehouse_model::AccountId;
use gatehouse_testkit::Engine;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{PASSWORD, Surface, on, surface};

const STATUS: &str = "v1/user/real-name-verification/status";
const SUBMIT: &str = "v1/user/real-name-verification/submit";
/// Made up: the region and the day are right, the check digit is not.
const NUMBER: &str = "310104198505058888";

fn identity(number: &str) -> Value {
    json!({"real_name": "王小明", "identity_no": number})
}

async fn configure(surface: &Surface, admin: &str, code: &str, config: Value) {
    let body = json!({"code": code, "config": config});
    let answer = surface.post(admin, "v2/{sp}/plugin/config", body).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"data\":true}"));
}

#[tokio::test]
async fn plugins_are_modules_in_the_familys_words() {
    let surface = surface().await;
    let staff = surface.staff("staff@example.com", &["panel.plugin"]).await;
    let shown = surface.get(&staff, "v2/{sp}/plugin/integration-status").await.json();
    let expected = json!({"data": {
        "real_name_verification": {"enabled": true, "status": "complete"},
        "user_online_devices": {"enabled": true, "status": "complete"},
        "user_add_ipv6_subscription": {"enabled": true, "status": "integrated_with_runtime_sync"},
    }});
    assert_eq!(shown, expected);
    let all = surface.get(&staff, "v2/{sp}/plugin/getPlugins?type=feature").await.json();
    let codes: Vec<_> = all["data"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert_eq!(codes, ["real_name_verification", "user_online_devices", "user_add_ipv6_subscription"]);
    let keys = [
        "admin_crud",
        "admin_menus",
        "author",
        "can_be_deleted",
        "code",
        "config",
        "description",
        "is_enabled",
        "is_installed",
        "is_protected",
        "name",
        "need_upgrade",
        "readme",
        "type",
        "version",
    ];
    assert_eq!(all["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), keys);
    let enforce = &all["data"][0]["config"]["enforce"];
    assert_eq!((&enforce["type"], &enforce["value"]), (&json!("boolean"), &json!(false)));
    let types = surface.get(&staff, "v2/{sp}/plugin/types").await.json();
    assert_eq!((&types["data"][0]["value"], &types["data"][1]["value"]), (&json!("feature"), &json!("payment")));
    for what in [
        "plugin/install",
        "plugin/uninstall",
        "plugin/upgrade",
        "plugin/upload",
        "plugin/delete",
        "theme/upload",
        "theme/delete",
    ] {
        let answer = surface.post(&staff, &format!("v2/{{sp}}/{what}"), json!({"code": "x"})).await;
        assert_eq!(answer.failure(), (400, "not supported".to_owned()), "{what}");
    }
    for (what, code, status) in
        [("enable", json!("none"), 400), ("disable", json!(null), 422), ("config", json!("../x"), 400)]
    {
        assert_eq!(
            surface.post(&staff, &format!("v2/{{sp}}/plugin/{what}"), json!({"code": code})).await.status,
            status
        );
    }
    let wrong = json!({"code": "real_name_verification", "config": {"enforce": 1, "min_age": "old"}});
    assert_eq!(surface.post(&staff, "v2/{sp}/plugin/config", wrong).await.status, 422);
    configure(&surface, &staff, "real_name_verification", json!({"min_age": "18", "no_such": 1})).await;
    let config = surface.get(&staff, "v2/{sp}/plugin/config?code=real_name_verification").await.json();
    assert_eq!((&config["data"]["min_age"]["value"], &config["data"]["enforce"]["value"]), (&json!(18), &json!(false)));
    assert!(config["data"].get("no_such").is_none());
}

#[tokio::test]
async fn a_module_that_is_off_is_not_there() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    let routes = [
        ("real_name_verification", vec![format!("G {STATUS}"), format!("P {SUBMIT}")]),
        ("user_online_devices", vec!["G v1/user/user-online-devices/get-ip".to_owned()]),
        (
            "user_add_ipv6_subscription",
            ["G check", "P enable", "P sync-password"]
                .map(|it| it.replace(' ', " v1/user/user-add-ipv6-subscription/"))
                .to_vec(),
        ),
    ];
    let staffs = [
        (
            "real_name_verification",
            vec![
                "G v1/{sp}/realname/records".to_owned(),
                format!("P v1/{{sp}}/realname/review/{user}"),
                format!("P v1/{{sp}}/realname/reset/{user}"),
                "P v1/{sp}/realname/sync-all".to_owned(),
                "P v1/{sp}/realname/approve-all".to_owned(),
                "P v1/{sp}/realname/clear-cache".to_owned(),
            ],
        ),
        ("user_online_devices", vec!["G v1/{sp}/user-online-devices/users".to_owned()]),
    ];
    let body = json!({"real_name": "王小明", "identity_no": NUMBER, "status": "approved"});
    let calls = routes.iter().map(|it| (&token, it)).chain(staffs.iter().map(|it| (&admin, it)));
    for (credential, (code, paths)) in calls {
        for line in paths {
            let call = async || match line.split_once(' ').unwrap() {
                ("G", path) => surface.get(credential, path).await,
                (_, path) => surface.post(credential, path, body.clone()).await,
            };
            let on = call().await;
            assert_ne!(on.status, 404, "{line}: {}", on.text());
            surface.post(&admin, "v2/{sp}/plugin/disable", json!({"code": code})).await.json();
            assert_eq!(call().await.failure(), (404, "Not Found".to_owned()), "{line}");
            surface.post(&admin, "v2/{sp}/plugin/enable", json!({"code": code})).await.json();
        }
    }
}

#[tokio::test]
async fn an_identity_is_submitted_reviewed_and_shown_masked() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.realname"]).await;
    let status = surface.get(&token, STATUS).await.data();
    let none = json!({"status": "unverified", "is_verified": false, "can_submit": true, "real_name_masked": null,
        "identity_no_masked": null, "reject_reason": null, "submitted_at": null, "reviewed_at": null, "required": false});
    assert_eq!(status, none);
    for (name, number, text) in [
        ("王", NUMBER, "The name is not valid"),
        ("<b>王</b>", NUMBER, "The name is not valid"),
        ("王小明", "31010419850505888", "The identity number is not valid"),
        ("王小明", "3101041985050588888", "The identity number is not valid"),
        ("王小明", "310104198513058888", "The identity number is not valid"),
        ("王小明", "990104198505058888", "The identity number is not valid"),
        ("王小明", "310104198502308888", "The identity number is not valid"),
        ("王小明", "310104299905058888", "The identity number is not valid"),
        ("王小明", "31010419850505888A", "The identity number is not valid"),
    ] {
        let answer = surface.post(&token, SUBMIT, json!({"real_name": name, "identity_no": number})).await;
        assert_eq!(answer.failure(), (422, text.to_owned()), "{number}");
        assert!(!answer.text().contains(number));
    }
    assert_eq!(surface.post(&token, SUBMIT, json!({})).await.failure(), (422, "Please enter your name".to_owned()));
    assert_eq!(surface.post(&token, SUBMIT, identity(NUMBER)).await.data(), json!({"status": "pending"}));
    let again = surface.post(&token, SUBMIT, identity(NUMBER)).await;
    assert_eq!(again.failure(), (400, "You have already submitted your verification".to_owned()));
    let status = surface.get(&token, STATUS).await.data();
    assert_eq!((&status["status"], &status["can_submit"]), (&json!("pending"), &json!(false)));
    assert_eq!(
        (&status["real_name_masked"], &status["identity_no_masked"]),
        (&json!("王**"), &json!("310***********8888"))
    );

    let records = surface.get(&staff, "v1/{sp}/realname/records?status=pending&keyword=USER").await.json();
    assert_eq!(records["total"], 1);
    let row = &records["data"][0];
    let expected = json!({"user_id": user, "email": "user@example.com", "status": "pending", "real_name_masked": "王**",
        "identity_no_masked": "310***********8888", "checksum_ok": false, "submitted_at": row["submitted_at"],
        "reviewed_at": null, "reject_reason": null});
    assert_eq!(row, &expected);
    let review =
        async |user: &str, body| surface.post(&staff, &format!("v1/{{sp}}/realname/review/{user}"), body).await;
    let id = user.to_string();
    assert_eq!(review(&id, json!({"status": "rejected"})).await.status, 422);
    assert_eq!(review(&id, json!({"status": "maybe"})).await.status, 422);
    for nobody in ["999", "x", "9223372036854775807"] {
        assert_eq!(review(nobody, json!({"status": "approved"})).await.status, 400);
    }
    let rejected = review(&id, json!({"action": "reject", "reason": "blurred"})).await;
    assert_eq!(rejected.text(), "{\"data\":true}");
    let status = surface.get(&token, STATUS).await.data();
    assert_eq!((&status["reject_reason"], &status["can_submit"]), (&json!("blurred"), &json!(true)));
    let late = review(&id, json!({"status": "approved"})).await.failure();
    assert_eq!(late, (400, "This verification is not pending".to_owned()));
    surface.post(&token, SUBMIT, identity(NUMBER)).await.data();
    let approved = surface.post(&staff, "v1/{sp}/realname/approve-all", json!({})).await.json();
    assert_eq!(approved, json!({"data": {"approved": 1}}));
    assert_eq!(surface.get(&token, STATUS).await.data()["is_verified"], true);
    let synced = surface.post(&staff, "v1/{sp}/realname/sync-all", json!({})).await.json();
    assert!(synced["data"]["synced"].as_i64().unwrap() >= 1);
    let cleared = surface.post(&staff, "v1/{sp}/realname/clear-cache", json!({})).await.json();
    assert_eq!(cleared, json!({"data": {"cleared": true}}));
    surface.post(&staff, &format!("v1/{{sp}}/realname/reset/{user}"), json!({})).await.json();
    assert_eq!(surface.get(&token, STATUS).await.data(), none);
    let reset = surface.post(&staff, &format!("v1/{{sp}}/realname/reset/{user}"), json!({})).await;
    assert_eq!(reset.failure(), (400, "There is no verification of this user".to_owned()));
}

#[tokio::test]
async fn rules_of_the_module_count() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    surface.user("other@example.com").await;
    let (token, other) = (surface.login("user@example.com").await, surface.login("other@example.com").await);
    let admin = surface.admin().await;
    let code = "real_name_verification";
    let rules = json!({"checksum": 1, "min_age": 30, "auto_approve": true, "notice": "Be honest", "allow_resubmit": 0});
    configure(&surface, &admin, code, rules).await;
    let submit = async |token: &str, number: &str| surface.post(token, SUBMIT, identity(number)).await;
    assert_eq!(surface.get(&token, STATUS).await.data()["notice"], "Be honest");
    let sample = submit(&token, "110101199001011234").await.failure();
    assert_eq!(sample, (422, "The check digit of the identity number is wrong".to_owned()));
    let young = submit(&token, "11010120101122123X").await.failure();
    assert!(young.0 == 422, "{young:?}");
    assert_eq!(submit(&token, "11010519491231002x").await.data(), json!({"status": "approved"}));
    let taken = submit(&other, "11010519491231002X").await.failure();
    assert_eq!(taken, (400, "This identity is used by another account".to_owned()));
    configure(&surface, &admin, code, json!({"unique_identity": 0})).await;
    assert_eq!(submit(&other, "11010519491231002X").await.data(), json!({"status": "approved"}));
}

#[tokio::test]
async fn five_submissions_a_day_are_enough() {
    let surface = surface().await;
    surface.user("first@example.com").await;
    surface.user("user@example.com").await;
    let (first, token) = (surface.login("first@example.com").await, surface.login("user@example.com").await);
    surface.post(&first, SUBMIT, identity(NUMBER)).await.data();
    for _ in 0..5 {
        assert_eq!(surface.post(&token, SUBMIT, identity(NUMBER)).await.status, 400);
    }
    assert_eq!(surface.post(&token, SUBMIT, identity(NUMBER)).await.status, 429);
    assert_eq!(surface.post(&token, SUBMIT, identity("310104198505058889")).await.status, 429);
    surface.test.advance(std::time::Duration::from_hours(25));
    assert_eq!(surface.post(&token, SUBMIT, identity("310104198505058889")).await.data()["status"], "pending");
}

#[tokio::test]
async fn of_many_accounts_with_one_identity_one_gets_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = Arc::new(on(engine, Settings::default()).await);
        let mut tokens = Vec::new();
        for number in 0..8 {
            let email = format!("user{number}@example.com");
            surface.user(&email).await;
            tokens.push(surface.login(&email).await);
        }
        let mut submissions = JoinSet::new();
        // Each twice: one account does not get two either.
        for token in tokens.iter().chain(&tokens) {
            let (surface, token) = (Arc::clone(&surface), token.clone());
            submissions.spawn(async move { surface.post(&token, SUBMIT, identity(NUMBER)).await.status });
        }
        let statuses = submissions.join_all().await;
        let taken = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(taken, 1, "{engine:?}: {statuses:?}");
        assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{engine:?}: {statuses:?}");
    }
}

/// Whether a file of the database has a text.
fn has_on_disk(surface: &Surface, text: &str) -> bool {
    let mut found = false;
    for entry in std::fs::read_dir(surface.test.dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            found |= bytes.windows(text.len()).any(|window| window == text.as_bytes());
        }
    }
    found
}

#[tokio::test]
async fn the_raw_identity_is_nowhere_and_goes_with_its_user() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    surface.post(&token, SUBMIT, identity(NUMBER)).await.data();
    surface.post(&admin, "v1/{sp}/realname/approve-all", json!({})).await.json();
    assert!(has_on_disk(&surface, "user@example.com"), "the search finds what is there");
    assert!(!has_on_disk(&surface, NUMBER) && !has_on_disk(&surface, "王小明"));
    let audit = gatehouse_domain::audit::list(&surface.test.operator(), None, None, 100).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "panel.identity.submit"));
    assert!(audit.iter().all(|row| !format!("{row:?}").contains(NUMBER)));
    let (count, unreadable) = gatehouse_domain::keys::check(&surface.test.operator()).await.unwrap();
    assert!(count > 2 && unreadable.is_empty(), "{unreadable:?}");
    let operator = surface.test.operator();
    gatehouse_domain::account::pass::revoke(&operator, "user@example.com", gatehouse_model::PassKind::Proxy)
        .await
        .unwrap();
    let records = surface.get(&admin, "v1/{sp}/realname/records").await.json();
    assert_eq!(records["total"], 0);
    // The number is free again.
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    assert_eq!(surface.post(&token, SUBMIT, identity(NUMBER)).await.data()["status"], "pending");
}

async fn visit(surface: &Surface, user: AccountId, node: i64, address: &str, seen_at: i64) {
    let insert = format!(
        "INSERT INTO visit (uuid, door, account_id, login, from_address, node_id, node_name, since_at, seen_at) \
         VALUES ('{address}-{node}-{user}', 'proxy', {user}, 'x', '{address}', {node}, 'node {node}', 1, {seen_at})"
    );
    surface.test.execute(&insert).await.unwrap();
}

#[tokio::test]
async fn devices_are_distinct_addresses_that_use_the_subscription_now() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let user = surface.user("user@example.com").await;
        let other = surface.user("other@example.com").await;
        surface
            .test
            .execute(&format!("UPDATE proxy_pass SET device_limit = 3 WHERE account_id = {user}"))
            .await
            .unwrap();
        let token = surface.login("user@example.com").await;
        let staff = surface.staff("staff@example.com", &["panel.user"]).await;
        for (node, address, at) in
            [(1, "192.0.2.1", 5_000), (2, "192.0.2.1", 4_000), (1, "2001:db8::1", 3_000), (1, "2001:db8::2", 2_000)]
        {
            visit(&surface, user, node, address, at).await;
        }
        visit(&surface, other, 1, "192.0.2.9", 1_000).await;
        surface.test.execute(&format!("UPDATE visit SET until_at = 1 WHERE account_id = {other}")).await.unwrap();
        let shown = surface.get(&token, "v1/user/user-online-devices/get-ip").await.data();
        assert_eq!(shown["ips"], json!(["192.0.2.1", "2001:db8::1", "2001:db8::2"]), "{engine:?}");
        let first = json!({"ip": "192.0.2.1", "node_id": 1, "node_name": "node 1", "last_seen": 5});
        assert_eq!((shown["ip_details"].as_array().unwrap().len(), &shown["ip_details"][0]), (4, &first));
        // The two of IPv6 are one network.
        let overview = &shown["session_overview"];
        assert_eq!((&overview["online_count"], &overview["device_limit"]), (&json!(2), &json!(3)));
        assert_eq!(overview["sessions"][0]["is_current"], true);
        let users = surface.get(&staff, "v1/{sp}/user-online-devices/users").await.json();
        assert_eq!(users["total"], 1);
        let expected = json!({"user_id": user, "email": "user@example.com", "online_count": 2, "device_limit": 3,
            "ips": ["192.0.2.1", "2001:db8::1", "2001:db8::2"], "last_online_at": 5});
        assert_eq!(users["data"][0], expected);
        let all = surface.get(&staff, "v1/{sp}/user-online-devices/users?all=1&keyword=OTHER").await.json();
        assert_eq!((&all["total"], &all["data"][0]["online_count"]), (&json!(1), &json!(0)));
        let none = surface.get(&staff, "v1/{sp}/user-online-devices/users?all=1&keyword=%25").await.json();
        assert_eq!(none["total"], 0);
    }
}

const IPV6: &str = "v1/user/user-add-ipv6-subscription";

/// Plans 1 and 2 of groups 1 and 2; the user has plan 1.
async fn subscribed(surface: &Surface, user: AccountId) {
    for statement in [
        "INSERT INTO node_group (id, name, created_at, updated_at) VALUES (901, 'four', 1, 1), (902, 'six', 1, 1)".to_owned(),
        "INSERT INTO plan (id, name, tags, node_group_id, transfer_gib, is_shown, is_sold, is_renewable, created_at, updated_at) \
         VALUES (901, 'Four', '[]', 901, 100, TRUE, TRUE, TRUE, 1, 1), (902, 'Six', '[]', 902, 100, TRUE, TRUE, TRUE, 1, 1)"
            .to_owned(),
        format!(
            "UPDATE proxy_pass SET plan_id = 901, node_group_id = 901, quota = 1000, speed_limit = 50, \
             expires_at = 4102444800000 WHERE account_id = {user}"
        ),
    ] {
        surface.test.execute(&statement).await.unwrap();
    }
}

#[tokio::test]
async fn a_shadow_follows_its_account() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = on(engine, Settings::default()).await;
        let user = surface.user("user@example.com").await;
        let token = surface.login("user@example.com").await;
        let admin = surface.admin().await;
        let check = async || surface.get(&token, &format!("{IPV6}/check")).await.data();
        let enable = async || surface.post(&token, &format!("{IPV6}/enable"), json!({})).await;
        let none = json!({"allowed": false, "reason": "IPv6 subscriptions are not set up", "is_active": false,
            "ipv6_email": null, "subscribe_url": null, "plan": null});
        assert_eq!(check().await, none);
        assert_eq!(enable().await.failure(), (400, "IPv6 subscriptions are not set up".to_owned()));
        configure(&surface, &admin, "user_add_ipv6_subscription", json!({"plan_id": 902})).await;
        assert_eq!(check().await["reason"], "An active subscription is needed");
        subscribed(&surface, user).await;
        let sync = surface.post(&token, &format!("{IPV6}/sync-password"), json!({})).await;
        assert_eq!(sync.failure(), (400, "There is no IPv6 subscription yet".to_owned()));
        let made = enable().await.data();
        assert_eq!((&made["allowed"], &made["is_active"], &made["plan"]), (&json!(true), &json!(true), &json!("Six")));
        assert_eq!(made["ipv6_email"], "user-ipv6@example.com");
        assert_eq!(enable().await.data(), made, "again: the same");
        assert_eq!(check().await, made);

        // It logs in with the same password and is an account of its own.
        let shadow = surface.login("user-ipv6@example.com").await;
        let (mine, its) = (
            surface.get(&token, "v1/user/getSubscribe").await.data(),
            surface.get(&shadow, "v1/user/getSubscribe").await.data(),
        );
        assert_eq!((&its["plan_id"], &its["transfer_enable"]), (&json!(902), &json!(1000)));
        assert_eq!((&its["speed_limit"], &its["expired_at"]), (&json!(50), &mine["expired_at"]));
        assert_ne!(its["token"], mine["token"]);
        assert_ne!(its["uuid"], mine["uuid"]);
        assert_eq!(made["subscribe_url"], its["subscribe_url"]);
        for path in ["enable", "sync-password"] {
            let refused = surface.post(&shadow, &format!("{IPV6}/{path}"), json!({})).await;
            assert_eq!(refused.failure(), (400, "This account cannot do that".to_owned()));
        }
        assert_eq!(surface.get(&shadow, &format!("{IPV6}/check")).await.data()["allowed"], false);
        let withdraw = json!({"withdraw_method": "USDT", "withdraw_account": "a"});
        assert_eq!(surface.post(&shadow, "v1/user/ticket/withdraw", withdraw).await.status, 400);
        assert_eq!(surface.get(&shadow, "v1/user/invite/save").await.status, 400);

        // A ban, a new address and the end reach it at once.
        let operator = surface.test.operator();
        let profile = gatehouse_domain::account::change::Profile {
            email: Some("renamed@example.com".to_owned()),
            ..gatehouse_domain::account::change::Profile::default()
        };
        gatehouse_domain::account::change::edit(&operator, "user@example.com", &profile).await.unwrap();
        assert_eq!(check().await["ipv6_email"], "renamed-ipv6@example.com");
        gatehouse_domain::account::change::set_enabled(&operator, "user@example.com", false, None).await.unwrap();
        assert_eq!(surface.get(&shadow, "v1/user/info").await.status, 403);
        let login = json!({"email": "renamed-ipv6@example.com", "password": PASSWORD});
        let banned = surface.post("", "v1/passport/auth/login", login.clone()).await.failure();
        assert_eq!(banned, (400, "Your account has been suspended".to_owned()));
        gatehouse_domain::account::change::delete(&operator, "user@example.com").await.unwrap();
        let gone = surface.post("", "v1/passport/auth/login", login).await.failure();
        assert_eq!(gone, (400, "Incorrect email or password".to_owned()), "{engine:?}");
    }
}

#[tokio::test]
async fn a_shadow_takes_over_settings_passwords_and_resets() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    let code = "user_add_ipv6_subscription";
    configure(&surface, &admin, code, json!({"group_id": 902, "allowed_plan_ids": "902"})).await;
    subscribed(&surface, user).await;
    let refused = surface.post(&token, &format!("{IPV6}/enable"), json!({})).await.failure();
    assert_eq!(refused, (400, "Your plan does not include an IPv6 subscription".to_owned()));
    configure(&surface, &admin, code, json!({"allowed_plan_ids": []})).await;
    surface.user("user-ipv6@example.com").await;
    let taken = surface.post(&token, &format!("{IPV6}/enable"), json!({})).await.failure();
    assert_eq!(taken, (400, "The e-mail address of the IPv6 account is taken".to_owned()));
    configure(&surface, &admin, code, json!({"email_suffix": "-six"})).await;
    let made = surface.post(&token, &format!("{IPV6}/enable"), json!({})).await.data();
    assert_eq!((&made["ipv6_email"], &made["plan"]), (&json!("user-six@example.com"), &json!("Four")));
    let shadow = surface.login("user-six@example.com").await;
    let change = json!({"old_password": PASSWORD, "new_password": "another password"});
    surface.post(&token, "v1/user/changePassword", change).await.data();
    surface.login("user-six@example.com").await;
    assert_eq!(surface.post(&token, &format!("{IPV6}/sync-password"), json!({})).await.data(), true);
    assert_eq!(surface.get(&shadow, "v1/user/info").await.status, 403, "its sessions end");
    let login = json!({"email": "user-six@example.com", "password": "another password"});
    let login = surface.post("", "v1/passport/auth/login", login).await.data();
    let shadow = login["token"].as_str().unwrap();
    // Settings of the module reach the shadows that are there.
    configure(&surface, &admin, code, json!({"plan_id": 902, "group_id": null})).await;
    assert_eq!(surface.get(shadow, "v1/user/getSubscribe").await.data()["plan_id"], 902);
    // Traffic is counted apart, unless the quota is shared.
    let id =
        surface.get(&admin, "v1/{sp}/user-online-devices/users?all=1&keyword=six").await.json()["data"][0]["user_id"]
            .as_i64()
            .unwrap();
    let used = async |shadow: i64| {
        let sql = format!(
            "INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ({shadow}, 60000, 0, 1), ({user}, 50000, 0, 1)"
        );
        surface.test.execute(&sql).await.unwrap();
    };
    used(id).await;
    let check =
        async || gatehouse_domain::account::change::check_proxy(&surface.test.operator(), "user@example.com").await;
    assert_eq!(check().await.unwrap(), Ok(user));
    configure(&surface, &admin, code, json!({"share_quota": 1})).await;
    assert_eq!(check().await.unwrap(), Err("quota"));
    let six = gatehouse_domain::account::change::check_proxy(&surface.test.operator(), "user-six@example.com").await;
    assert_eq!(six.unwrap(), Err("quota"));
}

#[tokio::test]
async fn the_state_of_the_machinery_is_told() {
    let surface = surface().await;
    let admin = surface.admin().await;
    let status = async || surface.get(&admin, "v2/{sp}/system/getSystemStatus").await.data();
    let before = status().await;
    assert_eq!((&before["schedule"], &before["schedule_last_runtime"]), (&json!(false), &json!(null)));
    assert_eq!((&before["horizon"], &before["app_name"]), (&json!(false), &json!("Gatehouse")));
    surface.test.run_due_periodic().await.unwrap();
    let after = status().await;
    assert_eq!((&after["schedule"], &after["schedule_last_runtime"]), (&json!(true), &after["time"]));
    surface.test.advance(std::time::Duration::from_mins(3));
    assert_eq!(status().await["schedule"], false);
}

#[tokio::test]
async fn answered_tickets_close_after_a_day_of_silence() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    let ticket = json!({"subject": "s", "level": 0, "message": "m"});
    surface.post(&token, "v1/user/ticket/save", ticket).await.data();
    let status = async || surface.get(&token, "v1/user/ticket/fetch").await.data()[0]["status"].clone();
    let day = std::time::Duration::from_hours(25);
    surface.test.advance(day);
    surface.test.run_due_periodic().await.unwrap();
    assert_eq!(status().await, 0, "nobody answered");
    let id = surface.get(&token, "v1/user/ticket/fetch").await.data()[0]["id"].clone();
    surface.post(&admin, "v2/{sp}/ticket/reply", json!({"id": id, "message": "done"})).await.data();
    surface.test.run_due_periodic().await.unwrap();
    assert_eq!(status().await, 0, "not yet");
    surface.test.advance(day);
    surface.test.run_due_periodic().await.unwrap();
    assert_eq!(status().await, 1);
}

#[tokio::test]
async fn whoever_is_not_verified_orders_nothing_where_that_is_enforced() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    subscribed(&surface, user).await;
    let order = async || {
        let body = json!({"plan_id": 901, "period": "month_price"});
        surface.post(&token, "v1/user/order/save", body).await.failure().1
    };
    let needed = "Please complete the real-name verification first";
    assert_ne!(order().await, needed);
    configure(&surface, &admin, "real_name_verification", json!({"enforce": 1, "auto_approve": 1})).await;
    assert_eq!(surface.get(&token, STATUS).await.data()["required"], true);
    assert_eq!(order().await, needed);
    surface.post(&token, SUBMIT, identity(NUMBER)).await.data();
    assert_ne!(order().await, needed);
}
