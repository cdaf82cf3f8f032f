//! The seed's protocol, byte for byte (specs/bastion.md §7.1, §7.3, §7.4).

use gatehouse_domain::bastion::terminal::{Event, Failure};
use gatehouse_model::EndedWhy;
use gatehouse_testkit::peer::{Frame, WebSocket};
use serde_json::json;

use super::{Next, Pushed, World, door::host_key, hasty, path};

fn typed(text: &str) -> String {
    json!({"type": 2, "data": text}).to_string()
}

#[tokio::test]
async fn a_client_of_the_seed_types_resizes_and_leaves_by_an_empty_message() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    assert_eq!((stay.size.cols, stay.size.rows, stay.term.as_str()), (80, 24, "xterm"));
    assert_eq!((stay.admitted.asked.client, stay.admitted.login.as_str()), ("web", "administrator"));
    stay.write("$ ").await;
    assert_eq!(client.message().await.unwrap(), Frame::Text("$ ".to_owned()));
    client.text(r#"{ "type": 1, "data": { "cols": 120, "rows": 40 } }"#).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Resize(120, 40));
    client.text(r#"{"type": 2, "data": "ls -la\n"}"#).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Input("ls -la\n".into()));
    client.text(typed("exit 中\n")).await.unwrap();
    client.text("").await.unwrap();
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
    assert_eq!(stay.until_gone().await, [Pushed::Input("exit 中\n".into()), Pushed::Closed]);
}

#[tokio::test]
async fn closing_or_losing_the_socket_ends_the_terminal() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    client.close().await.unwrap();
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
    let (client, mut stay) = world.compat().await;
    drop(client);
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
}

#[tokio::test]
async fn the_exit_of_the_shell_closes_with_1000_after_all_output() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    let last = "x".repeat(20_000);
    let writing = async {
        for _ in 0..20 {
            stay.write(last.clone()).await;
        }
        stay.exit(3).await;
    };
    let ((), output) = tokio::join!(writing, client.output(400_000));
    assert!(output.unwrap() == last.repeat(20).into_bytes());
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
    stay.until_gone().await;
}

#[tokio::test]
async fn every_end_has_its_text_its_code_and_its_reason() {
    let world = World::new().await;
    let cases = [
        (EndedWhy::Idle, None, "会话空闲超时,已断开", 4408, "idle"),
        (EndedWhy::MaxDuration, None, "会话达到最长时间,已断开", 4408, "max-duration"),
        (EndedWhy::Kicked, Some(("管理员", "维护")), "会话已被管理员 管理员 终止: 维护", 4410, "killed"),
        (EndedWhy::PermissionRevoked, None, "权限已变更,会话已断开", 4410, "revoked"),
        (EndedWhy::CredentialsChanged, None, "权限已变更,会话已断开", 4410, "revoked"),
        (EndedWhy::Disabled, None, "用户被禁用，请及时联系管理员", 4410, "revoked"),
        (EndedWhy::RecordingFailed, None, "录像失败,会话已断开", 4410, "recording"),
        (EndedWhy::Shutdown, None, "服务即将重启,会话已断开", 1012, "shutdown"),
    ];
    for (why, by, text, code, reason) in cases {
        let (mut client, stay) = world.compat().await;
        stay.end(why, by);
        assert_eq!(client.message().await.unwrap(), Frame::Text(text.to_owned()), "{why:?}");
        assert_eq!(client.message().await.unwrap(), Frame::Closed(code, reason.to_owned()), "{why:?}");
    }
}

#[tokio::test]
async fn every_failure_to_reach_the_target_has_its_text_its_code_and_its_reason() {
    let world = World::new().await;
    let changed = Failure::HostKeyChanged { pinned: vec!["SHA256:old".to_owned()], presented: host_key() };
    let changed_text = "主机密钥已变更\r\n已登记: SHA256:old\r\n当前: SHA256:new";
    let cases = [
        (Failure::Dns, "连接超时", 4504, "timeout"),
        (Failure::Refused, "连接超时", 4504, "timeout"),
        (Failure::Unreachable, "连接超时", 4504, "timeout"),
        (Failure::Timeout, "连接超时", 4504, "timeout"),
        (Failure::Negotiation("no cipher".to_owned()), "连接超时", 4502, "ssh-failed"),
        (Failure::TargetAuth, "认证失败", 4502, "target-auth"),
        (Failure::HostKeyUnknown(host_key()), "主机密钥未登记", 4495, "hostkey-unknown"),
        (changed, changed_text, 4495, "hostkey-changed"),
        (Failure::Recording, "录像不可用,会话被拒绝", 4409, "recording"),
        (Failure::Quota, "会话数已达上限", 4429, "quota"),
        (Failure::Shutdown, "服务即将重启,会话已断开", 1012, "shutdown"),
    ];
    for (failure, text, code, reason) in cases {
        let what = format!("{failure:?}");
        world.door.script(Next::Fail(failure));
        let mut client = WebSocket::open(world.address, &path(""), &[]).await.unwrap();
        assert_eq!(client.message().await.unwrap(), Frame::Text(text.to_owned()), "{what}");
        assert_eq!(client.message().await.unwrap(), Frame::Closed(code, reason.to_owned()), "{what}");
    }
}

#[tokio::test]
async fn what_means_nothing_is_ignored_until_it_is_a_hundred_times_in_a_row() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    let rubbish = ["ls", "[]", "{}", r#"{"type":9}"#, r#"{"type":1,"data":{"cols":-5,"rows":1}}"#, "null"];
    for round in 0..99 {
        if round % 7 == 6 {
            client.binary(&b"\x00binary"[..]).await.unwrap();
        } else {
            client.text(rubbish[round % rubbish.len()]).await.unwrap();
        }
    }
    client.text(typed("still here")).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Input("still here".into()));
    for _ in 0..100 {
        client.text("[]").await.unwrap();
    }
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1008, "bad-messages".to_owned()));
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
}

#[tokio::test]
async fn a_message_of_64_kib_is_taken_and_one_byte_more_is_too_much() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    let envelope = typed("").len();
    let most = "v".repeat((64 << 10) - envelope);
    client.text(typed(&most)).await.unwrap();
    assert_eq!(stay.next().await, Pushed::Input(most.clone().into()));
    client.text(typed(&format!("{most}v"))).await.unwrap();
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1009, "oversize".to_owned()));
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
}

#[tokio::test]
async fn output_is_cut_between_characters_into_frames_of_at_most_32_kib() {
    let world = World::new().await;
    let (mut client, stay) = world.compat().await;
    let text = "中文😀a".repeat(30_000);
    stay.write(text.clone()).await;
    let mut seen = String::new();
    while seen.len() < text.len() {
        match client.message().await.unwrap() {
            Frame::Text(frame) => {
                assert!(frame.len() <= 32 << 10);
                seen.push_str(&frame);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(seen == text);
}

#[tokio::test]
async fn pings_are_answered_and_notices_of_v2_stay_there() {
    let world = World::new().await;
    let (mut client, stay) = world.compat().await;
    client.ping(&b"are you there"[..]).await.unwrap();
    assert_eq!(client.next().await.unwrap(), Frame::Pong("are you there".into()));
    stay.tell(Event::IdleWarning(60));
    stay.tell(Event::Participants(vec![("管理员".to_owned(), "watcher")]));
    stay.write("only this").await;
    assert_eq!(client.message().await.unwrap(), Frame::Text("only this".to_owned()));
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_given_up() {
    let world = World::with(hasty()).await;
    let (client, mut stay) = world.compat().await;
    // The client is there, but nobody reads, so nothing is answered.
    assert_eq!(stay.until_gone().await, [Pushed::Closed]);
    drop(client);
}

#[tokio::test]
async fn what_is_typed_before_the_terminal_opens_is_not_lost_and_leaving_abandons_the_dial() {
    let world = World::new().await;
    world.door.script(Next::Hang);
    let mut client = WebSocket::open(world.address, &path(""), &[]).await.unwrap();
    client.text(typed("early")).await.unwrap();
    drop(client);
    while world.door.abandoned() == 0 {
        tokio::task::yield_now().await;
    }
    // The scripted door opens at once, so what comes early is seen with a key that is asked about: v2 only.
    world.door.script(Next::Ask);
    let headers = [("sec-websocket-protocol", "bastion.v2")];
    let mut client = WebSocket::open(world.address, &path(""), &headers).await.unwrap();
    client.binary(&b"early"[..]).await.unwrap();
    client.text(r#"{"op":"resize","cols":99,"rows":33}"#).await.unwrap();
    let ask = json!({"op": "ask", "id": 1, "kind": "hostkey", "host": "127.0.0.1:22", "type": "ssh-ed25519",
        "sha256": "SHA256:new"});
    assert_eq!(super::v2::json(&mut client).await, ask);
    client.text(r#"{"op":"answer","id":2,"accept":false}"#).await.unwrap();
    client.text(r#"{"op":"answer","id":1,"accept":true}"#).await.unwrap();
    let mut stay = world.door.stay().await;
    assert_eq!((stay.next().await, stay.next().await), (Pushed::Input("early".into()), Pushed::Resize(99, 33)));
    let ready = super::v2::json(&mut client).await;
    assert_eq!((&ready["cols"], &ready["rows"]), (&json!(99), &json!(33)));
}

#[tokio::test]
async fn the_stop_of_the_server_says_good_bye_even_if_the_door_does_not() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    world.surface.test.app.shutdown().cancel();
    assert_eq!(client.message().await.unwrap(), Frame::Text("服务即将重启,会话已断开".to_owned()));
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1012, "shutdown".to_owned()));
    stay.until_gone().await;
}
