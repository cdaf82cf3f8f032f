//! Foreign ids, sums that are none, markup and control characters: each is refused in the surface's words, or stored as it is.

use crate::support::{PASSWORD, encode, surface};

/// What people put into fields.
const NASTY: [&str; 12] = [
    "-1",
    "0",
    "99999999999999999999999",
    "1.5",
    "1e9",
    "abc",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "\u{7}\u{1b}[31m",
    "٣٣",
    "../../etc/passwd",
    "%s%n${7*7}{{7*7}}",
];

#[tokio::test]
async fn nothing_that_is_sent_breaks_an_action() {
    let surface = surface().await;
    let (_, uid) = surface.subscriber("test").await;
    surface.subscriber("other").await;
    let (user, admin) = (surface.login("test", PASSWORD).await, surface.admin().await);
    let names = [
        "uid",
        "id",
        "start",
        "limit",
        "grp",
        "amt",
        "service_id",
        "usr_service_id",
        "cmd",
        "go",
        "reg_id",
        "category",
        "msg",
        "reason",
        "cash",
        "days",
        "comment",
    ];
    for action in gatehouse_billing::actions() {
        if matches!(action, "logout" | "safe_ses") {
            continue;
        }
        for name in names {
            for text in NASTY {
                let query = format!("a={action}&{name}={}", encode(text));
                for session in [&user, &admin] {
                    let answer = surface.get(session, &query).await;
                    let code = answer.code();
                    assert!(code != "temporary" && code != "unauthorized", "{query}: {}", answer.body);
                    assert!(
                        !answer.body.contains("SQL") && !answer.body.contains("panicked"),
                        "{query}: {}",
                        answer.body
                    );
                }
            }
        }
    }
    assert_eq!(surface.get(&user, "").await.json()["usr"]["uid"], uid.to_string());
    assert_eq!(surface.get(&user, "").await.json()["usr"]["balance"], "0.00");
}

#[tokio::test]
async fn a_subscriber_gets_himself_whoever_he_names() {
    let surface = surface().await;
    let (_, mine) = surface.subscriber("test").await;
    let (_, other) = surface.subscriber("other").await;
    let user = surface.login("test", PASSWORD).await;
    for uid in [other.to_string(), "0".to_owned(), "x".to_owned()] {
        assert_eq!(surface.get(&user, &format!("a=u_main&uid={uid}")).await.json()["usr"]["uid"], mine.to_string());
        assert_eq!(surface.post(&user, &format!("a=u_message&uid={uid}"), "msg=x").await.code(), "ok");
        assert_eq!(surface.get(&user, &format!("a=api_block&uid={uid}&on=1")).await.code(), "forbidden");
    }
    let user = surface.login("other", PASSWORD).await;
    assert_eq!(surface.get(&user, "a=u_message").await.json()["messages"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn sums_are_plain_and_positive() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let user = surface.login("test", PASSWORD).await;
    for action in ["u_fondy", "u_lpay"] {
        for amount in [
            "",
            "0",
            "0.00",
            "-5",
            "+5",
            "abc",
            "1e9",
            "0.001",
            "1.005",
            "50000.01",
            "99999999999999999999",
            "NaN",
            "1 000",
            "0.99",
        ] {
            let answer = surface.get(&user, &format!("a={action}&amt={}", encode(amount))).await;
            assert_eq!(answer.code(), "bad_amount", "{action} {amount}");
        }
        assert_eq!(surface.get(&user, &format!("a={action}")).await.code(), "bad_amount");
        assert_eq!(surface.get(&user, &format!("a={action}&amt=1")).await.code(), "gateway_unavailable", "no keys");
    }
    assert_eq!(surface.get(&user, "a=u_pays").await.json()["pays"].as_array().unwrap().len(), 0, "no order");
}

#[tokio::test]
async fn a_push_token_is_printable() {
    let surface = surface().await;
    surface.subscriber("test").await;
    let user = surface.login("test", PASSWORD).await;
    let seeds = "c-kkWVxpBpM:APA91bFZGzWjxjWtnX2m0iu4yq-koveiZCk";
    assert_eq!(surface.get(&user, &format!("a=u_gcm&reg_id={seeds}")).await.body, r#"{"result":"ok"}"#);
    assert_eq!(surface.get(&user, &format!("a=u_gcm&reg_id={}", "x".repeat(4_096))).await.code(), "ok");
    for wrong in ["", "a%20b", "%D1%8F", "a%0a", &"x".repeat(4_097)] {
        assert_eq!(surface.get(&user, &format!("a=u_gcm&reg_id={wrong}")).await.code(), "bad_request");
    }
    assert_eq!(surface.get(&user, "a=u_gcm").await.code(), "bad_request");
}
