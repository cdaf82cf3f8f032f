//! Back-pressure: nothing unbounded, nothing lost, and the directions do not wait for each other (specs/bastion.md §7.3).

use bytes::Bytes;
use gatehouse_testkit::peer::{Frame, Handshake, WebSocket};
use serde_json::json;

use super::{Pushed, World, door::Stay, hasty, path};

/// What may be on its way to a client that reads nothing: our queue, the kernel on both sides, and one piece.
const ON_THE_WAY: usize = 3 << 20;

async fn slow_client(world: &World) -> (WebSocket, Stay) {
    let handshake = WebSocket::handshake(world.address, &path(""), &[], Some(4096)).await.unwrap();
    let Handshake::Open(client) = handshake else { panic!("refused") };
    (*client, world.door.stay().await)
}

/// Numbered lines, so that each lost or doubled byte shows.
fn lines(from: usize, to: usize) -> Bytes {
    (from..to).map(|number| format!("{number:07}\n")).collect::<String>().into()
}

#[tokio::test]
async fn a_reader_that_stalls_holds_the_target_up_and_loses_nothing() {
    let world = World::with(hasty()).await;
    let (mut client, mut stay) = slow_client(&world).await;
    let mut written = 0;
    let wait = std::time::Duration::from_millis(300);
    while tokio::time::timeout(wait, stay.write(lines(written, written + 500))).await.is_ok() {
        written += 500;
        assert!(written * 8 < ON_THE_WAY, "the target is held up");
    }
    stay.until_blocked(true).await;
    // Stuck writes are not judged: many pings later the terminal is still there, and input goes its way.
    for key in 0..30 {
        client.text(json!({"type": 2, "data": key.to_string()}).to_string()).await.unwrap();
        assert_eq!(stay.next().await, Pushed::Input(key.to_string().into()));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Whether the last piece was taken when the attempt timed out cannot be known: it is not written again.
    let ending = async {
        stay.write("the end\n").await;
        stay.exit(0).await;
    };
    let ((), seen) = tokio::join!(ending, client.expect("the end\n"));
    let seen = seen.unwrap();
    let seen = seen.strip_suffix("the end\n").unwrap();
    assert!(seen.as_bytes() == lines(0, written) || seen.as_bytes() == lines(0, written + 500), "every byte once");
    assert_eq!(client.message().await.unwrap(), Frame::Closed(1000, String::new()));
}

#[tokio::test]
async fn while_the_socket_is_busy_pieces_become_large_frames() {
    let world = World::new().await;
    let (mut client, mut stay) = slow_client(&world).await;
    let mut written = 0;
    while !*stay.blocked.borrow() {
        stay.write(lines(written, written + 50)).await;
        written += 50;
    }
    let writing = async {
        stay.until_blocked(false).await;
        stay.exit(0).await;
    };
    let reading = async {
        let (mut largest, mut seen) = (0, String::new());
        loop {
            match client.message().await.unwrap() {
                Frame::Text(text) => {
                    largest = largest.max(text.len());
                    seen.push_str(&text);
                }
                Frame::Closed(..) => return (largest, seen),
                other => panic!("{other:?}"),
            }
        }
    };
    let ((), (largest, seen)) = tokio::join!(writing, reading);
    assert!(seen.as_bytes() == lines(0, written));
    assert!((16 << 10..=32 << 10).contains(&largest), "400 bytes were written at a time, {largest} sent");
}

#[tokio::test]
async fn input_that_the_target_does_not_take_is_bounded_and_holds_no_output_up() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    stay.takes_input.send_replace(false);
    let paste = "p".repeat(60_000);
    let message = json!({"type": 2, "data": paste}).to_string();
    let wait = std::time::Duration::from_millis(300);
    let mut sent = 0;
    while tokio::time::timeout(wait, client.text(message.clone())).await.is_ok() {
        sent += 1;
        assert!(sent < 300, "the client is held up");
        stay.write("o").await;
        assert_eq!(client.message().await.unwrap(), Frame::Text("o".to_owned()), "after {sent} messages");
    }
    stay.takes_input.send_replace(true);
    let input = stay.input(sent * paste.len()).await;
    assert!(input.iter().all(|byte| *byte == b'p'));
}

#[tokio::test]
async fn a_client_that_goes_while_its_input_is_stuck_is_noticed() {
    let world = World::new().await;
    let (mut client, mut stay) = world.compat().await;
    stay.takes_input.send_replace(false);
    client.text(json!({"type": 2, "data": "stuck"}).to_string()).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(stay.until_gone().await, []);
}

#[tokio::test]
async fn a_stalled_client_does_not_keep_an_ended_terminal() {
    let world = World::with(hasty()).await;
    let (client, mut stay) = slow_client(&world).await;
    let wait = std::time::Duration::from_millis(300);
    while tokio::time::timeout(wait, stay.write(lines(0, 500))).await.is_ok() {}
    stay.end(gatehouse_model::EndedWhy::Kicked, Some(("a", "b")));
    stay.until_gone().await;
    drop(client);
}
