//! The subprotocol `bastion.v2` (specs/bastion.md §7.6).

use gatehouse_domain::bastion::terminal::{Event, Failure};
use gatehouse_model::EndedWhy;
use gatehouse_testkit::peer::{Frame, WebSocket};
use serde_json::{Value, json};

use super::{Next, Pushed, World, hasty, path};

/// The next message, which is JSON.
pub(super) async fn json(client: &mut WebSocket) -> Value {
    match client.message().await.unwrap() {
        Frame::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The next message of a kind; measurements in between are passed over.
pub(super) async fn op(client: &mut WebSocket, wanted: &str) -> Value {
    loop {
        let message = json(client).await;
        if message["op"] == wanted {
            return message;
        }
        assert_eq!(message["op"], "latency", "{message}");
    }
}

#[tokio::test]
async fn a_v2_client_learns_what_it_has_before_it_and_bytes_go_undecoded() {
    let world = World::new().await;
    let (mut client, mut stay) = world.v2("&cols=100&rows=30&term=tmux-256color").await;
    assert_eq!((stay.size.cols, stay.size.rows, stay.term.as_str()), (100, 30, "tmux-256color"));
    assert_eq!(stay.admitted.asked.client, "web.v2");
    let mut ready = json(&mut client).await;
    let resume = ready["resume"].take();
    assert_eq!(resume.as_str().map(str::len), Some(32));
    let expected = json!({
        "op": "ready", "session_id": stay.admitted.visit.to_string(), "resource": {"id": 1, "name": "web"},
        "voucher": {"id": 1, "username": "root"}, "host_key": {"type": "ssh-ed25519", "sha256": "SHA256:new"},
        "cols": 100, "rows": 30, "recording": true, "resume": null,
    });
    assert_eq!(ready, expected);
    stay.write(&b"\xff\xfe\xe4\xb8"[..]).await;
    assert_eq!(client.message().await.unwrap(), Frame::Binary((&b"\xff\xfe\xe4\xb8"[..]).into()));
    client.binary(&b"\xff\x00"[..]).await.unwrap();
    client.text(r#"{"op":"resize","cols":0,"rows":2000}"#).await.unwrap();
    client.text(r#"{"op":"signal","name":"SIGINT"}"#).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Input((&b"\xff\x00"[..]).into()));
    assert_eq!(stay.next().await, Pushed::Resize(1, 1000));
    assert_eq!(stay.next().await, Pushed::Signal("INT".to_owned()));
    client.text(r#"{"op":"ping","t":17}"#).await.unwrap();
    assert_eq!(json(&mut client).await, json!({"op": "pong", "t": 17}));
    client.text(r#"{"op":"close"}"#).await.unwrap();
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
}

#[tokio::test]
async fn the_default_terminal_of_v2_is_its_own_and_odd_ones_are_not_passed_on() {
    let world = World::new().await;
    for query in ["", "&term=", "&term=x%0Ay", "&cols=-1&rows=x"] {
        let (_client, stay) = world.v2(query).await;
        assert_eq!((stay.term.as_str(), stay.size.cols, stay.size.rows), ("xterm-256color", 80, 24), "{query}");
    }
}

#[tokio::test]
async fn the_exit_is_told_after_all_output() {
    let world = World::new().await;
    let (mut client, stay) = world.v2("").await;
    stay.write("bye").await;
    stay.exit(3).await;
    op(&mut client, "ready").await;
    assert_eq!(client.message().await.unwrap(), Frame::Binary("bye".into()));
    assert_eq!(json(&mut client).await, json!({"op": "exit", "code": 3}));
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
}

#[tokio::test]
async fn errors_name_the_class_of_a_failure_to_connect() {
    let world = World::new().await;
    let cases = [
        (Failure::Dns, "dns", "连接超时", 4504, "timeout"),
        (Failure::Refused, "refused", "连接超时", 4504, "timeout"),
        (Failure::Unreachable, "unreachable", "连接超时", 4504, "timeout"),
        (Failure::Timeout, "timeout", "连接超时", 4504, "timeout"),
        (Failure::TargetAuth, "target-auth", "认证失败", 4502, "target-auth"),
    ];
    for (failure, cause, text, code, reason) in cases {
        world.door.script(Next::Fail(failure));
        let headers = [("sec-websocket-protocol", "bastion.v2")];
        let mut client = WebSocket::open(world.address, &path(""), &headers).await.unwrap();
        assert_eq!(json(&mut client).await, json!({"op": "error", "code": cause, "text": text}));
        assert_eq!(client.message().await.unwrap(), Frame::Closed(code, reason.to_owned()));
    }
    let (mut client, stay) = world.v2("").await;
    stay.end(EndedWhy::Shutdown, None);
    let notice = op_after_ready(&mut client).await;
    assert_eq!(notice, json!({"op": "notice", "kind": "shutdown", "text": "服务即将重启,会话已断开"}));
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1012, "shutdown".to_owned()));
}

/// The first message that is not `ready`, which may still have been on its way when the terminal ended.
async fn op_after_ready(client: &mut WebSocket) -> Value {
    let first = json(client).await;
    if first["op"] == "ready" { json(client).await } else { first }
}

#[tokio::test]
async fn an_unknown_host_key_that_the_person_rejects_is_refused() {
    let world = World::new().await;
    world.door.script(Next::Ask);
    let headers = [("sec-websocket-protocol", "bastion.v2")];
    let mut client = WebSocket::open(world.address, &path(""), &headers).await.unwrap();
    assert_eq!(json(&mut client).await["op"], "ask");
    client.text(r#"{"op":"answer","id":1,"accept":false}"#).await.unwrap();
    let error = json!({"op": "error", "code": "hostkey-unknown", "text": "主机密钥未登记"});
    assert_eq!(json(&mut client).await, error);
    assert_eq!(client.message().await.unwrap(), Frame::Closed(4495, "hostkey-unknown".to_owned()));
    // A client of the seed cannot be asked.
    world.door.script(Next::Ask);
    let mut client = WebSocket::open(world.address, &path(""), &[]).await.unwrap();
    assert_eq!(client.message().await.unwrap(), Frame::Text("主机密钥未登记".to_owned()));
}

#[tokio::test]
async fn no_more_than_the_window_is_in_flight() {
    let world = World::new().await;
    let (mut client, mut stay) = world.v2("").await;
    op(&mut client, "ready").await;
    client.text(r#"{"op":"window","bytes":16384}"#).await.unwrap();
    client.text(r#"{"op":"ping","t":1}"#).await.unwrap();
    assert_eq!(op(&mut client, "pong").await["t"], 1);
    let flood = vec![b'f'; 30_000];
    for _ in 0..3 {
        stay.write(flood.clone()).await;
    }
    stay.until_blocked(true).await;
    assert_eq!(client.output(16_384).await.unwrap().len(), 16_384);
    client.text(r#"{"op":"ping","t":2}"#).await.unwrap();
    assert_eq!(op(&mut client, "pong").await["t"], 2, "no output without credit");
    client.text(r#"{"op":"ack","bytes":10000}"#).await.unwrap();
    assert_eq!(client.output(10_000).await.unwrap().len(), 10_000);
    client.text(r#"{"op":"ping","t":3}"#).await.unwrap();
    assert_eq!(op(&mut client, "pong").await["t"], 3);
    // More than is in flight is not believed.
    client.text(r#"{"op":"ack","bytes":99999999}"#).await.unwrap();
    assert_eq!(client.output(16_384).await.unwrap().len(), 16_384);
    // What waits can be thrown away; it is told how much that was.
    client.text(r#"{"op":"drop"}"#).await.unwrap();
    let dropped = op(&mut client, "notice").await;
    assert_eq!((&dropped["kind"], dropped["bytes"].as_u64() > Some(0)), (&json!("dropped"), true), "{dropped}");
    client.text(r#"{"op":"ack","bytes":16384}"#).await.unwrap();
    stay.until_blocked(false).await;
    stay.exit(0).await;
    let rest = loop {
        match client.message().await.unwrap() {
            Frame::Binary(_) => {}
            Frame::Text(text) if text.contains("latency") => {}
            other => break other,
        }
    };
    assert_eq!(rest, Frame::Text(r#"{"op":"exit","code":0}"#.to_owned()));
}

#[tokio::test]
async fn acknowledgements_behind_stuck_input_do_not_stop_output_for_ever() {
    let world = World::new().await;
    let (mut client, mut stay) = world.v2("").await;
    op(&mut client, "ready").await;
    client.text(r#"{"op":"window","bytes":16384}"#).await.unwrap();
    stay.takes_input.send_replace(false);
    for _ in 0..4 {
        client.binary(vec![b'i'; 60_000]).await.unwrap();
    }
    stay.write(vec![b'o'; 30_000]).await;
    assert_eq!(client.output(30_000).await.unwrap().len(), 30_000, "the acknowledgement could not be read");
    stay.takes_input.send_replace(true);
    assert_eq!(stay.input(240_000).await.len(), 240_000);
}

#[tokio::test]
async fn measurements_warnings_and_watchers_are_told() {
    let world = World::with(hasty()).await;
    let (mut client, stay) = world.v2("").await;
    op(&mut client, "ready").await;
    stay.tell(Event::IdleWarning(60));
    let notice = op(&mut client, "notice").await;
    assert_eq!((&notice["kind"], &notice["seconds"]), (&json!("idle"), &json!(60)));
    stay.tell(Event::Participants(vec![("管理员".to_owned(), "watcher")]));
    let people = op(&mut client, "participants").await;
    assert_eq!(people["participants"], json!([{"name": "管理员", "role": "watcher"}]));
    loop {
        let latency = json(&mut client).await;
        assert_eq!((&latency["op"], &latency["ssh_ms"]), (&json!("latency"), &json!(1.5)));
        if latency["ws_ms"].as_f64().is_some_and(|ms| ms > 0.0) {
            break;
        }
    }
}
