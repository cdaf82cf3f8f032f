//! A v2 terminal outlives its connection for a while (specs/bastion.md §7.6).

use std::time::Duration;

use gatehouse_domain::Settings;
use gatehouse_testkit::peer::{Frame, WebSocket};
use serde_json::{Value, json};

use super::{
    Pushed, STRANGER, TOKEN, World,
    v2::{json, op},
};

async fn back(world: &World, token: &str, resume: &Value, offset: usize) -> WebSocket {
    let resume = resume.as_str().unwrap();
    let path = format!("/api/terminal/ssh/?token={token}&resume={resume}&offset={offset}");
    WebSocket::open(world.address, &path, &[("sec-websocket-protocol", "bastion.v2")]).await.unwrap()
}

/// The error with which a client is turned away.
async fn refusal(mut client: WebSocket) -> (Value, Frame) {
    (json(&mut client).await, client.message().await.unwrap())
}

fn gone() -> (Value, Frame) {
    let text = "会话已结束,无法恢复";
    (json!({"op": "error", "code": "resume", "text": text}), Frame::Closed(4410, "resume".to_owned()))
}

#[tokio::test]
async fn a_lost_client_comes_back_and_gets_what_it_missed() {
    let world = World::new().await;
    let (mut client, mut stay) = world.v2("").await;
    let ready = op(&mut client, "ready").await;
    stay.write("0123456789").await;
    assert_eq!(client.output(10).await.unwrap(), b"0123456789");
    drop(client);
    stay.write("abc").await;
    stay.write("def").await;
    // Says to have 6 of the 10: the connection broke while the rest was on its way.
    let mut client = back(&world, TOKEN, &ready["resume"], 6).await;
    let again = op(&mut client, "ready").await;
    assert_eq!(again["session_id"], ready["session_id"]);
    assert_ne!(again["resume"], ready["resume"]);
    assert_eq!(client.output(10).await.unwrap(), b"6789abcdef");
    client.binary(&b"x"[..]).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Input("x".into()));
    assert_eq!(refusal(back(&world, TOKEN, &ready["resume"], 16).await).await, gone(), "the token was used");
    drop(client);
    let mut client = back(&world, TOKEN, &again["resume"], 16).await;
    op(&mut client, "ready").await;
    stay.exit(0).await;
    assert_eq!(op(&mut client, "exit").await["code"], 0);
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
    stay.until_gone().await;
}

#[tokio::test]
async fn a_terminal_is_resumed_by_its_owner_with_a_valid_credential_only() {
    let world = World::new().await;
    let (mut client, _stay) = world.v2("").await;
    let ready = op(&mut client, "ready").await;
    drop(client);
    assert_eq!(refusal(back(&world, STRANGER, &ready["resume"], 0).await).await, gone());
    let (error, closed) = refusal(back(&world, "nobody", &ready["resume"], 0).await).await;
    assert_eq!((&error["code"], closed), (&json!("auth"), Frame::Closed(4401, "auth".to_owned())));
    assert_eq!(refusal(back(&world, TOKEN, &json!("00000000000000000000000000000000"), 0).await).await, gone());
    // None of them used the token up.
    let mut client = back(&world, TOKEN, &ready["resume"], 0).await;
    op(&mut client, "ready").await;
}

#[tokio::test]
async fn a_new_connection_takes_over_from_one_that_is_not_known_to_be_lost() {
    let world = World::new().await;
    let (mut old, stay) = world.v2("").await;
    let ready = op(&mut old, "ready").await;
    let mut new = back(&world, TOKEN, &ready["resume"], 0).await;
    op(&mut new, "ready").await;
    stay.write("to the new one").await;
    assert_eq!(new.message().await.unwrap(), Frame::Binary("to the new one".into()));
    let end = loop {
        match old.message().await.unwrap() {
            Frame::Text(_) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Frame::Closed(4409, _) | Frame::Gone), "{end:?}");
}

#[tokio::test]
async fn output_that_nobody_holds_any_more_is_announced_as_a_gap() {
    let world = World::new().await;
    let (mut client, stay) = world.v2("").await;
    let ready = op(&mut client, "ready").await;
    for _ in 0..10 {
        stay.write(vec![b'a'; 20_000]).await;
        client.output(20_000).await.unwrap();
    }
    drop(client);
    let mut client = back(&world, TOKEN, &ready["resume"], 100_000).await;
    op(&mut client, "ready").await;
    let gap = op(&mut client, "notice").await;
    assert_eq!((&gap["kind"], &gap["bytes"]), (&json!("gap"), &json!(100_000 - 65_536)));
    assert_eq!(client.output(65_536).await.unwrap().len(), 65_536);
}

#[tokio::test]
async fn little_is_read_for_a_client_that_is_away_and_after_the_grace_nothing() {
    let mut settings = Settings::default();
    settings.terminal.resume_grace.0 = Duration::from_millis(1_500);
    let world = World::with(settings).await;
    let (mut client, mut stay) = world.v2("").await;
    let ready = op(&mut client, "ready").await;
    drop(client);
    let wait = Duration::from_millis(300);
    let mut read = 0;
    while tokio::time::timeout(wait, stay.write(vec![b'a'; 4_096])).await.is_ok() {
        read += 4_096;
    }
    assert!(read <= (64 << 10) + 4_096, "{read} bytes were read");
    stay.until_blocked(true).await;
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
    assert_eq!(refusal(back(&world, TOKEN, &ready["resume"], 0).await).await, gone());
}

#[tokio::test]
async fn whoever_leaves_in_order_does_not_come_back() {
    let world = World::new().await;
    let (mut client, mut stay) = world.v2("").await;
    let ready = op(&mut client, "ready").await;
    client.close().await.unwrap();
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
    assert_eq!(refusal(back(&world, TOKEN, &ready["resume"], 0).await).await, gone());
}
