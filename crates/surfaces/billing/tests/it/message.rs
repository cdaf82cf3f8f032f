//! specs/billing.md §5.3: messages.

use gatehouse_domain::Settings;
use serde_json::{Value, json};

use crate::support::{PASSWORD, surface, with};

fn categories(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(|message| message["category"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_message_of_the_seed_is_stored_and_listed_as_it_was_sent() {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    // As curl sends it: raw UTF-8 with blanks.
    let sent = surface.post(&session, "a=u_message", "msg=У меня не работает интернет").await.json();
    assert_eq!(sent["result"], "ok");
    let listed = surface.get(&session, "a=u_message").await.json();
    let message = json!({
        "id": sent["id"], "time": "1767225600", "date": "01.01.2026 02:00", "category": "491",
        "msg": "У меня не работает интернет", "comment": "", "reason": "У меня не работает интернет", "creator": "user",
        "read": "0", "answered": "0"
    });
    assert_eq!(listed["messages"], json!([message]));
    assert_eq!(listed["result"]["messages"], listed["messages"]);

    let admin = surface.admin().await;
    let answer = surface.post(&admin, &format!("a=u_message&uid={uid}&category=482"), "msg=Прочтите <b>").await.json();
    let listed = surface.get(&session, "a=u_message").await.json();
    assert_eq!(categories(&listed), ["482", "491"]);
    assert_eq!(
        (&listed["messages"][0]["msg"], &listed["messages"][1]["answered"]),
        (&json!("Прочтите <b>"), &json!("1"))
    );
    assert_eq!(categories(&surface.get(&admin, &format!("a=u_message&uid={uid}")).await.json()), ["482", "492"]);
    let read = format!("a=u_ajAcceptMsg&id={}", answer["id"].as_str().unwrap());
    assert_eq!(surface.get(&session, &read).await.body, r#"{"result":"ok"}"#);
    assert_eq!(categories(&surface.get(&session, "a=u_message&limit=1").await.json()), ["481"]);
    assert_eq!(categories(&surface.get(&session, "a=u_message&start=1").await.json()), ["491"]);
    for id in ["", "0", "999999", "x", sent["id"].as_str().unwrap()] {
        assert_eq!(surface.get(&session, &format!("a=u_ajAcceptMsg&id={id}")).await.code(), "not_found", "{id}");
    }
    assert_eq!(surface.get(&session, "a=u_ajAcceptMsg").await.code(), "not_found");
}

#[tokio::test]
async fn one_message_goes_to_many() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let (session, admin) = (surface.login("test", PASSWORD).await, surface.admin().await);
    let group = surface.get(&session, "").await.json()["usr"]["grp"].as_str().unwrap().to_owned();
    let send = async |grp: &str| {
        surface.post(&admin, &format!("a=u_message&category=488&grp={grp}"), "msg=Работы").await.code()
    };
    assert_eq!(send(&group).await, "ok");
    for wrong in ["", "x", "999"] {
        assert_eq!(send(wrong).await, "bad_request", "{wrong}");
    }
    let listed = surface.get(&session, "a=u_message").await.json();
    assert_eq!(categories(&listed), ["488"]);
    let id = listed["messages"][0]["id"].as_str().unwrap();
    assert_eq!(surface.get(&session, &format!("a=u_ajAcceptMsg&id={id}")).await.code(), "ok");
    assert_eq!(surface.get(&session, "a=u_message").await.json()["messages"][0]["read"], "1");
}

#[tokio::test]
async fn a_message_is_posted_and_bounded() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    assert_eq!(surface.get(&session, "a=u_message&msg=x").await.code(), "post_required");
    assert_eq!(surface.post(&session, "a=u_message&msg=x", "").await.code(), "post_required");
    for empty in ["", "msg=", "msg=%20%0a%09", "msg=0"] {
        assert_eq!(surface.post(&session, "a=u_message", empty).await.code(), "msg_empty", "{empty}");
    }
    let text =
        async |length: usize| surface.post(&session, "a=u_message", format!("msg={}", "я".repeat(length))).await.code();
    assert_eq!((text(1_500).await, text(1_501).await), ("ok".to_owned(), "msg_long".to_owned()));
    assert_eq!(surface.get(&session, "a=u_message&limit=x").await.code(), "bad_request");

    let mut settings = Settings::default();
    settings.billing.message.max_unanswered = 1;
    let surface = with(settings).await;
    let (account, _) = surface.subscriber("test").await;
    let session = surface.login("test", PASSWORD).await;
    assert_eq!(surface.post(&session, "a=u_message", "msg=x").await.code(), "ok");
    assert_eq!(surface.post(&session, "a=u_message", "msg=x").await.code(), "too_many");
    surface
        .execute(&format!(
            "INSERT INTO statement (account_id, at, kind, amount, reason, comment, actor, actor_no, created_at) \
             VALUES ({account}, 0, 451, 0, '', 'Вы ругались', 'admin', 1, 0)"
        ))
        .await;
    let blocked = surface.post(&session, "a=u_message", "msg=x").await.json();
    assert_eq!(blocked, json!({ "error": "Вы ругались", "err_cod": "msg_blocked" }));
}
