//! What is refused: garbage, wrong credentials, replays; and what strangers see.

use std::time::Duration;

use gatehouse_model::SsCipher;
use shadowsocks::{ProxyClientStream, config::ServerType, context::Context as SsContext};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

use super::{
    HANDSHAKE, KINDS, Kind, World,
    clients::{Recorder, exchange},
    random,
};

/// Reads until the server closes; nothing may come, and not before the deadline of the handshake.
async fn silent_until_the_deadline(mut stream: impl tokio::io::AsyncRead + Unpin, start: Instant, what: &str) {
    let mut answer = Vec::new();
    let result = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it is closed");
    assert!(answer.is_empty(), "{what}: it answered");
    assert!(result.is_err(), "{what}: closed with a reset");
    assert!(start.elapsed() + Duration::from_millis(50) >= HANDSHAKE, "{what}: closed after {:?}", start.elapsed());
}

const TLS: [Kind; 4] = [Kind::Trojan, Kind::Vless, Kind::TrojanWs, Kind::VlessWs];

fn shadowsocks() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().filter(|kind| matches!(kind, Kind::Ss(_)))
}

#[tokio::test]
async fn garbage_on_a_shadowsocks_port_gets_silence_until_the_deadline() {
    for kind in shadowsocks() {
        let world = World::new(kind).await;
        let attempts = [0, 1, 20, 49, 50, 51, 74, 75, 76, 500, 70_000].map(|length| {
            let world = &world;
            async move {
                let start = Instant::now();
                let mut tcp = world.dial([127, 0, 0, 1]).await;
                tcp.write_all(&random(length)).await.unwrap();
                silent_until_the_deadline(tcp, start, &format!("{kind:?} {length}")).await;
            }
        });
        futures_util::future::join_all(attempts).await;
        assert_eq!(world.counted(1), (0, 0));
    }
}

#[tokio::test]
async fn an_end_of_input_is_no_reason_to_answer_early() {
    for kind in shadowsocks() {
        let world = World::new(kind).await;
        let start = Instant::now();
        let mut tcp = world.dial([127, 0, 0, 1]).await;
        tcp.write_all(&random(200)).await.unwrap();
        tcp.shutdown().await.unwrap();
        silent_until_the_deadline(tcp, start, &format!("{kind:?}")).await;
    }
}

#[tokio::test]
async fn a_recorded_connection_is_served_once() {
    for kind in shadowsocks() {
        let world = World::new(kind).await;
        let tcp = Recorder { tcp: world.dial([127, 0, 0, 1]).await, written: Vec::new() };
        let context = SsContext::new_shared(ServerType::Local);
        let mut stream = ProxyClientStream::from_stream(context, tcp, &world.ss_config(1), world.echo);
        stream.write_all(b"hello").await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        let recorded = stream.into_inner().written;
        World::until_flowless(&world.user(1)).await;
        assert_eq!(world.counted(1), (5, 5));
        let whole = recorded.len();
        let attempts = [whole, whole - 1, whole / 2, 60].map(|length| {
            let (world, recorded) = (&world, &recorded);
            async move {
                let start = Instant::now();
                let mut tcp = world.dial([127, 0, 0, 1]).await;
                tcp.write_all(&recorded[..length]).await.unwrap();
                silent_until_the_deadline(tcp, start, &format!("{kind:?} {length}")).await;
            }
        });
        futures_util::future::join_all(attempts).await;
        // Dripped one byte at a time; the server stops listening at its deadline.
        let start = Instant::now();
        let mut tcp = world.dial([127, 0, 0, 1]).await;
        for byte in &recorded {
            if tcp.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        silent_until_the_deadline(tcp, start, "dripped").await;
        assert_eq!(world.counted(1), (5, 5), "{kind:?}");
    }
}

#[tokio::test]
async fn a_header_split_after_its_fixed_part_is_served() {
    for kind in shadowsocks() {
        let Kind::Ss(cipher) = kind else { continue };
        // Only the 2022 edition demands its first bytes in one read.
        let first = if cipher.is_2022() { cipher.key_len() + 16 + 27 } else { 7 };
        let world = World::new(kind).await;
        let (near, mut far) = tokio::io::duplex(10_000);
        let context = SsContext::new_shared(ServerType::Local);
        let mut client = ProxyClientStream::from_stream(context, near, &world.ss_config(1), world.echo);
        client.write_all(b"hello").await.unwrap();
        let mut request = vec![0; 4_000];
        let length = far.read(&mut request).await.unwrap();
        let mut tcp = world.dial([127, 0, 0, 1]).await;
        tcp.write_all(&request[..first]).await.unwrap();
        for byte in &request[first..length] {
            sleep(Duration::from_millis(1)).await;
            tcp.write_all(&[*byte]).await.unwrap();
        }
        let mut answer = vec![0; 1_000];
        let length = timeout(Duration::from_secs(3), tcp.read(&mut answer)).await.expect("in time").unwrap();
        assert!(length > 5, "{kind:?}");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_a_stranger() {
    use std::sync::{Arc, atomic::AtomicI64};
    let world = World::new(Kind::Ss(SsCipher::Blake3Aes256Gcm)).await;
    let now = gatehouse_domain::Clock::System.now().0;
    for (shift, is_served) in [(0, true), (25_000, true), (-25_000, true), (40_000, false), (-40_000, false)] {
        let clock = gatehouse_domain::Clock::Manual(Arc::new(AtomicI64::new(now + shift)));
        let door = crate::door::Door::new(world.door.settings.clone(), clock, world.door.random.clone());
        door.table.apply(&[super::row(1)], &[], crate::table::Used::Settled, gatehouse_model::Millis(0));
        let state = crate::door::NodeState::new(&world.node, &world.door.shutdown);
        let memory = |cipher, _| Arc::new(crate::listener::replay::Replay::new(cipher));
        let running = crate::listener::start(&door, &state, &world.node, memory).await.unwrap();
        let tcp = tokio::net::TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        let context = SsContext::new_shared(ServerType::Local);
        let mut stream = ProxyClientStream::from_stream(context, tcp, &world.ss_config(1), world.echo);
        stream.write_all(b"hello").await.unwrap();
        // The client refuses the reply of a server with a wrong clock, so the server's count tells.
        let _ = timeout(Duration::from_secs(3), stream.read_exact(&mut [0; 5])).await.expect("served or closed");
        let user = door.table.by_uuid(super::testing::uuid(1).as_bytes()).unwrap();
        assert_eq!(!user.account.visits().is_empty(), is_served, "{shift}");
    }
}

#[tokio::test]
async fn a_stranger_sees_a_web_page() {
    for kind in TLS {
        let world = World::new(kind).await;
        for request in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), world.request(99, 1, world.echo)] {
            let mut stream = world.tls(world.dial([127, 0, 0, 1]).await).await;
            stream.write_all(&request).await.unwrap();
            let mut answer = Vec::new();
            timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it ends").unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"), "{kind:?}");
        }
        assert_eq!((world.counted(1), world.counted(2)), ((0, 0), (0, 0)));
    }
}

#[tokio::test]
async fn the_site_behind_gets_every_byte_a_stranger_sent() {
    for kind in TLS {
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fallback = site.local_addr().unwrap().to_string();
        let with_site = |node: &mut gatehouse_domain::proxy::node::Node| {
            use gatehouse_domain::proxy::node::Protocol::{Trojan, Vless};
            if let Trojan(tls, _) | Vless(tls, _) = &mut node.protocol {
                tls.fallback = Some(fallback.clone());
            }
        };
        let world = World::with(kind, |_| {}, with_site).await;
        world.door.tasks.spawn(super::echo_streams(site));
        let unknown = world.request(99, 1, world.echo);
        for sent in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), unknown, b"0".to_vec(), random(100_000)] {
            let stream = world.tls(world.dial([127, 0, 0, 1]).await).await;
            let answer = timeout(Duration::from_secs(5), exchange(Box::new(stream), &sent)).await.expect("it ends");
            assert!(answer == sent, "{kind:?}: {} of {} bytes", answer.len(), sent.len());
        }
        assert_eq!((world.counted(1), world.counted(2)), ((0, 0), (0, 0)));
    }
}

#[tokio::test]
async fn a_wrong_credential_inside_a_websocket_gets_silence_until_the_deadline() {
    for kind in [Kind::TrojanWs, Kind::VlessWs] {
        let world = World::new(kind).await;
        for request in [world.request(99, 1, world.echo), random(40), Vec::new()] {
            let start = Instant::now();
            let mut stream = world.carrier(world.dial([127, 0, 0, 1]).await).await;
            stream.write_all(&request).await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = Vec::new();
            let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it is closed");
            assert!(answer.is_empty(), "{kind:?}");
            assert!(start.elapsed() + Duration::from_millis(50) >= HANDSHAKE, "{kind:?} {:?}", start.elapsed());
        }
        assert_eq!((world.counted(1), world.counted(2)), ((0, 0), (0, 0)));
    }
}

#[tokio::test]
async fn a_flow_of_vision_ends_the_connection() {
    let world = World::new(Kind::Vless).await;
    let mut stream = world.tls(world.dial([127, 0, 0, 1]).await).await;
    let mut request = world.request(1, 1, world.echo);
    request.splice(17..18, [&[18, 0x0A, 16][..], b"xtls-rprx-vision"].concat());
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it ends");
    assert!(answer.is_empty());
}

#[tokio::test]
async fn failed_trials_of_an_address_are_rationed() {
    let world = World::new(Kind::Ss(SsCipher::Aes256Gcm)).await;
    let trials = world.running.trials.as_ref().unwrap();
    let stranger = [192, 0, 2, 1].into();
    let sealed = random(18);
    for _ in 0..25 {
        assert!(trials.find(stranger, &random(32), &sealed).await.is_none());
    }
    let user = world.user(1);
    let salt = random(32);
    let subkey = crate::listener::chunk::subkey(SsCipher::Aes256Gcm, trials.key(&user), &salt);
    let mut good = vec![0; 18];
    crate::aead::seal_with(&crate::aead::key(SsCipher::Aes256Gcm, subkey.as_slice()), [0; 12], &mut good);
    assert!(trials.find(stranger, &salt, &good).await.is_none(), "the ration is used up");
    assert!(trials.find([192, 0, 2, 2].into(), &salt, &good).await.is_some());
    assert!(trials.find([192, 0, 2, 2].into(), &salt, &good).await.is_some(), "remembered");
}
