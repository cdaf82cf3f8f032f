//! A load balancer in front, and somebody who says he is one.

use std::net::Ipv4Addr;

use super::*;

const V1: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.2 4711 22\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x08\xc0\0\x02\x02\x12\x67\0\x16";
const ITSELF: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

impl House {
    /// A port that forwards to the door, each connection with this before it.
    async fn balancer(&self, header: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, door, app) = (listener.local_addr().unwrap().port(), self.port, self.app().clone());
        self.app().spawn("balancer", async move {
            while let Ok((mut client, _)) = listener.accept().await {
                app.spawn("balanced", async move {
                    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door)).await.unwrap();
                    // In two pieces, as networks like to.
                    let (one, two) = header.split_at(header.len() / 2);
                    for part in [one, two] {
                        let _ = stream.write_all(part).await;
                        tokio::task::yield_now().await;
                    }
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut stream).await;
                });
            }
        });
        port
    }

    async fn run_at(&self, port: u16, command: &str) -> Told {
        Told::of(&self.ssh_at(port, "administrator#web", [command]).output().await.unwrap())
    }

    /// From where the newest stay came.
    async fn from(&self) -> Option<String> {
        let visits = visit::list(&self.test.operator(), None, false, Some(ROOT), 1).await.unwrap();
        visits.into_iter().next()?.from_address
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_proxy_says_who_connects_and_must_say_so() {
    let house = House::behind(&["127.0.0.1/32"], |settings| {
        settings.ssh.max_unauthenticated_per_address = 2;
        settings.ssh.login_deadline.0 = Duration::from_secs(2);
    })
    .await;
    for (header, client) in [(V1, "198.51.100.7"), (V2, "198.51.100.8"), (ITSELF, "127.0.0.1")] {
        let port = house.balancer(header).await;
        let told = house.run_at(port, "exit 7").await;
        assert_eq!((told.code, house.from().await.as_deref()), (Some(7), Some(client)), "{told:?}");
    }
    // Policies see the client.
    house.policy(json!({ "sources": ["198.51.100.7/32"] })).await;
    let (one, other) = (house.balancer(V1).await, house.balancer(V2).await);
    assert_eq!(house.run_at(one, "exit 7").await.code, Some(7));
    assert!(house.run_at(other, "exit 7").await.error.contains("当前时间或地址不允许访问"));
    // So do limits: two of one client may wait, and more of the proxy.
    let connect = async |first: &[u8]| -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, house.port)).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream
    };
    let speaks = async |stream: &mut TcpStream| {
        let mut line = [0; 8];
        stream.read_exact(&mut line).await.is_ok() && &line == b"SSH-2.0-"
    };
    let mut waiting = Vec::new();
    for (header, is_let_in) in [(V1, true), (V1, true), (V1, false), (V2, true), (V2, true), (V2, false)] {
        let mut stream = connect(header).await;
        assert_eq!(speaks(&mut stream).await, is_let_in);
        waiting.push(stream);
    }
    // One that says nothing, or half of it, or anything else.
    let start = Instant::now();
    for first in [&b""[..], &V1[..20], &V2[..20], b"SSH-2.0-OpenSSH_9.2p1\r\n", b"PROXY TCP4 a b c d\r\n"] {
        let mut stream = connect(first).await;
        assert!(!speaks(&mut stream).await, "{first:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(8), "within three login deadlines: {:?}", start.elapsed());
    let direct = house.run("administrator#web", "exit 7").await;
    assert_eq!(direct.code, Some(255), "{direct:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_header_of_somebody_who_is_not_listed_is_not_believed() {
    let house = House::behind(&["192.0.2.0/24"], |_| {}).await;
    for header in [V1, V2] {
        let port = house.balancer(header).await;
        let told = house.run_at(port, "exit 7").await;
        assert_eq!(told.code, Some(255), "{told:?}");
        // It is no beginning of ssh: nothing is negotiated.
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, house.port)).await.unwrap();
        stream.write_all(&[header, b"SSH-2.0-OpenSSH_9.2p1\r\n"].concat()).await.unwrap();
        let mut answer = Vec::new();
        // What was sent and not read may break the connection.
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is closed");
        assert_eq!(String::from_utf8_lossy(&answer), "SSH-2.0-Gatehouse\r\n");
    }
    assert_eq!(house.from().await, None, "nobody got anywhere");
    assert_eq!(house.run("administrator#web", "exit 7").await.code, Some(7));
    assert_eq!(house.from().await.as_deref(), Some("127.0.0.1"));
}
