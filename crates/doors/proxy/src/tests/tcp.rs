//! TCP through every protocol.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use gatehouse_model::EndedWhy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{KINDS, Kind, World, assert_prompt, clients::exchange, random, wait_for};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_come_back_unchanged_and_are_counted_exactly() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let mut sum = 0;
        for length in [1, 1_000, 70_000, 1_500_000] {
            let sent = random(length);
            let stream = world.connect(1, world.echo).await;
            let answer = timeout(Duration::from_secs(20), exchange(stream, &sent)).await.expect("it ends");
            assert!(answer == sent, "{kind:?} {length}: {} bytes came back", answer.len());
            sum += length as u64;
            World::until_flowless(&world.user(1)).await;
            assert_eq!(world.counted(1), (sum, sum), "{kind:?}");
        }
        assert_eq!(world.counted(2), (0, 0), "{kind:?}: the bystander");
    }
}

#[tokio::test]
async fn small_writes_are_passed_on_at_once() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let mut stream = world.connect(1, world.echo).await;
        for round in 0..20u8 {
            stream.write_all(&[round; 7]).await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = [0; 7];
            timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.expect("in time").unwrap();
            assert_eq!(answer, [round; 7], "{kind:?}");
        }
        assert_eq!(world.counted(1), (140, 140));
    }
}

#[tokio::test]
async fn a_cut_user_loses_every_flow_at_once_and_gets_no_new_one() {
    let mut took = Vec::new();
    for kind in KINDS {
        let world = World::new(kind).await;
        let user = world.user(1);
        let mut streams = Vec::new();
        for _ in 0..3 {
            let mut stream = world.connect(1, world.echo).await;
            stream.write_all(b"hello").await.unwrap();
            stream.flush().await.unwrap();
            stream.read_exact(&mut [0; 5]).await.unwrap();
            streams.push(stream);
        }
        // Each on a QUIC connection of its own, which is a flow as well.
        assert_eq!(World::flows(&user), if kind == Kind::Hysteria { 6 } else { 3 });
        user.cut(EndedWhy::Disabled);
        took.push(World::until_flowless(&user).await);
        for mut stream in streams {
            assert!(!matches!(stream.read(&mut [0; 9]).await, Ok(1..)), "{kind:?}");
        }
        let mut stream = world.connect(1, world.echo).await;
        // Writing may succeed or not; nothing may come back but the page of a TLS fallback.
        let _ = stream.write_all(b"hello").await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await.expect("it is closed");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 404"), "{kind:?}");
        assert_eq!(World::flows(&user), 0);
    }
    assert_prompt(took);
}

#[tokio::test]
async fn an_ended_node_closes_listener_and_flows() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let user = world.user(1);
        let mut stream = world.connect(1, world.echo).await;
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        world.state.end(EndedWhy::NodeChanged);
        World::until_flowless(&user).await;
        let server = world.server();
        let mut refused = false;
        for _ in 0..200 {
            refused = tokio::net::TcpStream::connect(server).await.is_err()
                && tokio::net::UdpSocket::bind(server).await.is_ok();
            if refused {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(refused, "{kind:?}");
    }
}

#[tokio::test]
async fn a_target_that_is_denied_looks_dead_and_costs_nothing() {
    let forbidden = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for kind in KINDS {
        let world = World::new(kind).await;
        let mut stream = world.connect(1, forbidden.local_addr().unwrap()).await;
        // The server may be gone before these bytes are.
        let _ = stream.write_all(b"hello").await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await.expect("it is closed");
        assert!(answer.is_empty(), "{kind:?}");
        assert_eq!(world.counted(1), (0, 0));
        assert!(timeout(Duration::from_millis(20), forbidden.accept()).await.is_err(), "{kind:?}: it was reached");
    }
}

#[tokio::test]
async fn an_idle_flow_ends() {
    for kind in KINDS {
        let brief = |settings: &mut gatehouse_domain::settings::ProxySettings| {
            settings.tcp_idle = gatehouse_model::Span(Duration::from_millis(150));
        };
        let world = World::with(kind, brief, |_| {}).await;
        let mut stream = world.connect(1, world.echo).await;
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        let user = world.user(1);
        wait_for(|| user.account.tcp_flows.load(Relaxed) == 0).await;
    }
}
