//! Tickets: of users, and as staff answer them.

use std::{sync::Arc, time::Duration};

use gatehouse_domain::Settings;
use gatehouse_testkit::{Engine, stand_in::SmtpRules};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    mail::mailing,
    support::{on, surface},
};

const SAVE: &str = "v1/user/ticket/save";
const FETCH: &str = "v1/user/ticket/fetch";
const OPEN: &str = "There are other unresolved tickets";

fn ticket() -> Value {
    json!({"subject": "节点异常", "level": 1, "message": "请帮我检查节点状态"})
}

#[tokio::test]
async fn a_ticket_goes_from_its_user_to_staff_and_back() {
    let surface = surface().await;
    let user = surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.ticket"]).await;
    assert_eq!(surface.post(&token, SAVE, ticket()).await.data(), true);
    let listed = surface.get(&token, FETCH).await.data();
    let id = listed[0]["id"].as_i64().unwrap();
    let at = listed[0]["created_at"].clone();
    assert!(at.as_i64().unwrap() > 1_000_000_000 && at.as_i64().unwrap() < 10_000_000_000, "seconds");
    let expected = json!([{"id": id, "level": 1, "reply_status": 0, "status": 0, "subject": "节点异常", "message": null,
        "created_at": at, "updated_at": at, "user_id": user}]);
    assert_eq!(listed, expected);

    let admin = |path: &str| format!("v2/{{sp}}/ticket/{path}");
    let page = surface.get(&staff, &admin("fetch?status=0&reply_status[]=0&current=1&pageSize=5")).await.json();
    assert_eq!((&page["total"], &page["per_page"], &page["last_page"]), (&json!(1), &json!(5), &json!(1)));
    assert_eq!(page["data"][0]["user"], json!({"id": user, "email": "user@example.com"}));
    assert!(page.get("status").is_none(), "bare");
    let found = surface.post(&staff, &admin("fetch"), json!({"filter": [{"id": "email", "value": "USER@"}]})).await;
    assert_eq!(found.json()["total"], 1);
    let found = surface.post(&staff, &admin("fetch"), json!({"email": "%"})).await;
    assert_eq!(found.json()["total"], 0, "wildcards are literal");
    let refused = surface.post(&staff, &admin("fetch"), json!({"filter": [{"id": "1=1", "value": "x"}]})).await;
    assert_eq!(refused.status, 422);

    let answer = json!({"id": id, "message": "done"});
    assert_eq!(surface.post(&staff, &admin("reply"), answer.clone()).await.data(), true);
    let shown = surface.get(&token, &format!("{FETCH}?id={id}")).await.data();
    assert_eq!(shown["reply_status"], 1);
    let thread: Vec<_> =
        shown["message"].as_array().unwrap().iter().map(|m| (m["is_me"].clone(), m["message"].clone())).collect();
    assert_eq!(thread, [(json!(true), json!("请帮我检查节点状态")), (json!(false), json!("done"))]);
    let theirs = surface.get(&staff, &admin(&format!("fetch?id={id}"))).await.data();
    assert_eq!((&theirs["message"][0]["is_me"], &theirs["message"][1]["is_me"]), (&json!(false), &json!(true)));

    assert_eq!(surface.post(&staff, &admin("close"), json!({"id": id})).await.data(), true);
    let closed = surface.post(&token, "v1/user/ticket/reply", json!({"id": id, "message": "again"})).await;
    assert_eq!(closed.failure(), (400, "The ticket is closed and cannot be replied".to_owned()));
    // An answer of staff reaches the user and opens nothing.
    assert_eq!(surface.post(&staff, &admin("reply"), answer).await.data(), true);
    assert_eq!(surface.get(&token, FETCH).await.data()[0]["status"], 1);
    for path in ["reply", "close"] {
        let unknown = surface.post(&staff, &admin(path), json!({"id": 999, "message": "x"})).await;
        assert_eq!(unknown.failure(), (400, "Ticket does not exist".to_owned()));
        assert_eq!(surface.post(&staff, &admin(path), json!({"message": "x"})).await.status, 422);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_ticket_is_told_in_the_contracts_words() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    surface.user("other@example.com").await;
    let (token, other) = (surface.login("user@example.com").await, surface.login("other@example.com").await);
    for (missing, text) in [
        ("subject", "Ticket subject cannot be empty"),
        ("level", "Ticket level cannot be empty"),
        ("message", "Message cannot be empty"),
    ] {
        let mut body = ticket();
        body[missing] = json!("  ");
        assert_eq!(surface.post(&token, SAVE, body).await.failure(), (422, text.to_owned()));
    }
    for level in [json!(3), json!(-1), json!("high"), json!(1.5), json!([1])] {
        let mut body = ticket();
        body["level"] = level;
        let failure = surface.post(&token, SAVE, body).await.failure();
        assert_eq!(failure, (422, "Incorrect ticket level format".to_owned()));
    }
    for (name, long) in [("subject", 256), ("message", 20_001)] {
        let mut body = ticket();
        body[name] = json!("字".repeat(long));
        assert_eq!(surface.post(&token, SAVE, body).await.status, 422);
    }
    surface.post(&token, SAVE, ticket()).await.data();
    assert_eq!(surface.post(&token, SAVE, ticket()).await.failure(), (400, OPEN.to_owned()));
    let id = surface.get(&token, FETCH).await.data()[0]["id"].clone();
    let missing = (400, "Ticket does not exist".to_owned());
    for strange in [id.clone(), json!(999), json!("9223372036854775807")] {
        for path in ["reply", "close", "withdraw"] {
            let body = json!({"id": strange, "message": "x"});
            assert_eq!(surface.post(&other, &format!("v1/user/ticket/{path}"), body).await.failure(), missing);
        }
        let strange = strange.as_str().map_or_else(|| strange.to_string(), str::to_owned);
        assert_eq!(surface.get(&other, &format!("{FETCH}?id={strange}")).await.failure(), missing);
    }
    assert_eq!(surface.get(&other, &format!("{FETCH}?id=x")).await.failure(), missing);
    let reply = async |body| surface.post(&token, "v1/user/ticket/reply", body).await.failure();
    assert_eq!(reply(json!({"message": "x"})).await, (400, "Invalid parameter".to_owned()));
    assert_eq!(reply(json!({"id": id})).await, (400, "Message cannot be empty".to_owned()));
    for path in ["close", "withdraw"] {
        let failure = surface.post(&token, &format!("v1/user/ticket/{path}"), json!({})).await.failure();
        assert_eq!(failure, (422, "Invalid parameter".to_owned()));
    }
    // In the language of the contract, where none is asked for.
    let request = http::Request::post("/api/v1/user/ticket/save")
        .header("authorization", &token)
        .header("content-type", "application/json");
    let answer = surface.send(request.body(axum::body::Body::from(ticket().to_string())).unwrap()).await;
    assert_eq!(answer.failure(), (400, "存在未关闭的工单".to_owned()));
}

#[tokio::test]
async fn withdraw_closes_a_ticket_or_asks_for_commission_by_its_parameters() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    let withdraw = async |body| surface.post(&token, "v1/user/ticket/withdraw", body).await;
    surface.post(&token, SAVE, ticket()).await.data();
    let id = surface.get(&token, FETCH).await.data()[0]["id"].clone();
    assert_eq!(withdraw(json!({"id": id})).await.data(), true);
    assert_eq!(surface.get(&token, FETCH).await.data()[0]["status"], 1);
    for (body, text) in [
        (json!({"withdraw_method": ""}), "The withdrawal method cannot be empty"),
        (json!({"withdraw_method": "USDT", "withdraw_account": ""}), "The withdrawal account cannot be empty"),
        (json!({"withdraw_method": "cash", "withdraw_account": "a"}), "Unsupported withdrawal method"),
        (
            json!({"withdraw_method": "USDT", "withdraw_account": "a"}),
            "The current required minimum withdrawal commission is 100",
        ),
    ] {
        assert_eq!(withdraw(body).await.failure(), (422, text.to_owned()));
    }
    let close = json!({"withdraw_close_enable": 1});
    surface.post(&admin, "v2/{sp}/config/save", close).await.data();
    let closed = withdraw(json!({"withdraw_method": "USDT", "withdraw_account": "a"})).await;
    assert_eq!(closed.failure(), (400, "Unsupported withdraw".to_owned()));
}

#[tokio::test]
async fn the_last_word_may_have_to_be_staffs() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let admin = surface.admin().await;
    surface.post(&token, SAVE, ticket()).await.data();
    let id = surface.get(&token, FETCH).await.data()[0]["id"].clone();
    let reply = async || surface.post(&token, "v1/user/ticket/reply", json!({"id": id, "message": "more"})).await;
    assert_eq!(reply().await.data(), true);
    surface.post(&admin, "v2/{sp}/config/save", json!({"ticket_must_wait_reply": 1})).await.data();
    assert_eq!(reply().await.failure(), (400, "Please wait for the technical enginneer to reply".to_owned()));
    surface.post(&admin, "v2/{sp}/ticket/reply", json!({"id": id, "message": "yes?"})).await.data();
    assert_eq!(reply().await.data(), true);
    assert_eq!(surface.get(&token, FETCH).await.data()[0]["reply_status"], 0);
}

#[tokio::test]
async fn markup_and_control_characters_come_back_as_they_were_written() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let text = "<script>alert(1)</script>\u{7}\u{1b}[31m \u{202e}'; DROP TABLE panel_ticket; --";
    let body = json!({"subject": text, "level": "0", "message": text});
    let answer = surface.post(&token, SAVE, body).await;
    assert_eq!(answer.data(), true);
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let id = surface.get(&token, FETCH).await.data()[0]["id"].clone();
    let shown = surface.get(&token, &format!("{FETCH}?id={id}")).await.data();
    assert_eq!((&shown["subject"], &shown["message"][0]["message"]), (&json!(text), &json!(text)));
    let nul = surface.post(&token, "v1/user/ticket/reply", json!({"id": id, "message": "a\u{0}b"})).await;
    assert_eq!(nul.status, 400);
}

#[tokio::test]
async fn of_many_saves_at_once_one_opens_a_ticket() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let surface = Arc::new(on(engine, Settings::default()).await);
        surface.user("user@example.com").await;
        let token = surface.login("user@example.com").await;
        let mut saves = JoinSet::new();
        for _ in 0..64 {
            let (surface, token) = (Arc::clone(&surface), token.clone());
            saves.spawn(async move { surface.post(&token, SAVE, ticket()).await });
        }
        let mut opened = 0;
        while let Some(answer) = saves.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 200 {
                opened += 1;
            } else {
                assert_eq!(answer.failure(), (400, OPEN.to_owned()), "{engine:?}");
            }
        }
        assert_eq!(opened, 1, "{engine:?}");
        assert_eq!(surface.get(&token, FETCH).await.data().as_array().unwrap().len(), 1, "{engine:?}");
    }
}

#[tokio::test]
async fn an_answer_is_mailed_escaped_and_not_too_often() {
    let (surface, smtp) = mailing(SmtpRules::default(), "").await;
    surface.user("user@example.com").await;
    let token = surface.login("user@example.com").await;
    let staff = surface.staff("staff@example.com", &["panel.ticket"]).await;
    surface.post(&token, SAVE, json!({"subject": "<i>node</i>", "level": 1, "message": "m"})).await.data();
    let id = surface.get(&token, FETCH).await.data()[0]["id"].clone();
    let answer = async |message: &str| {
        let body = json!({"id": id, "message": message});
        surface.post(&staff, "v2/{sp}/ticket/reply", body).await.data();
        surface.test.run_due_jobs().await.unwrap();
        smtp.mails().iter().filter(|mail| mail.to == "user@example.com").count()
    };
    assert_eq!(answer("<script>one</script>").await, 1);
    let body = smtp.mails().last().unwrap().body.clone();
    assert!(
        body.contains("&lt;script&gt;one") && body.contains("&lt;i&gt;node") && !body.contains("<script>"),
        "{body}"
    );
    assert_eq!(answer("two").await, 1, "half an hour has not passed");
    surface.test.advance(Duration::from_mins(31));
    assert_eq!(answer("three").await, 2);
}
