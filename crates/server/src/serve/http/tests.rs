//! Connections are bounded in number and time, and end in order.

#![expect(clippy::disallowed_methods, reason = "the test's own tasks play the clients")]

use std::path::Path;

use axum::routing::{get, post};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

use super::*;
use crate::config::TlsConfig;

const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    server: Arc<Server>,
    address: SocketAddr,
}

/// Serves a router on a free port.
async fn serve(router: Router, connections: usize, header_timeout: Duration, tls: Option<Arc<Tls>>) -> Running {
    let server = Arc::new(Server {
        permits: Arc::new(Semaphore::new(connections)),
        header_timeout,
        proxies: TrustedProxies::default(),
        tls,
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
        connections: TaskTracker::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let site = Arc::new(Site::new(router));
    server.connections.spawn(Arc::clone(&server).accept(listener, site));
    Running { server, address }
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("the server closes").unwrap();
    answer
}

fn hello() -> Router {
    Router::new().route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
}

#[tokio::test]
async fn a_request_is_answered_and_knows_its_peer() {
    let running = serve(hello(), 10, PATIENCE, None).await;
    let answer = exchange(running.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");
    let answer = exchange(running.address, "GET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found"), "{answer}");
}

#[tokio::test]
async fn strangers_that_dawdle_are_put_out() {
    let running = serve(hello(), 10, Duration::from_millis(50), None).await;
    assert_eq!(exchange(running.address, "").await, "", "no byte at all");
    let answer = exchange(running.address, "GET / HTTP/1.1\r\nHos").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "half a head: {answer}");
    let answer = exchange(running.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "an answered connection that stays idle is closed as well: {answer}");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let running = serve(hello(), 10, PATIENCE, None).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(2 * HEAD_LIMIT));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let running = serve(hello(), 1, PATIENCE, None).await;
    let first = TcpStream::connect(running.address).await.unwrap();
    let second = tokio::spawn(exchange(running.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let taken = async {
        while running.server.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, taken).await.unwrap();
    assert!(!second.is_finished());
    drop(first);
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn peers_that_take_no_answers_are_put_out() {
    let running = serve(hello(), 1, Duration::from_millis(300), None).await;
    let mut greedy = TcpStream::connect(running.address).await.unwrap();
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let asking = async { while greedy.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, asking).await.expect("the connection breaks although nobody reads");
}

#[tokio::test]
async fn the_stop_lets_requests_finish_and_closes_idle_connections() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        post(async move || {
            entered.notify_one();
            leave.notified().await;
            "done"
        })
    };
    let running = serve(Router::new().route("/slow", slow), 10, PATIENCE, None).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let busy = tokio::spawn(exchange(running.address, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    entered.notified().await;
    let server = Arc::clone(&running.server);
    let finished = tokio::spawn(async move { server.finish(PATIENCE).await });
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(!finished.is_finished());
    leave.notify_one();
    assert!(busy.await.unwrap().ends_with("done"));
    finished.await.unwrap();
}

#[tokio::test]
async fn requests_that_outlast_the_drain_are_dropped() {
    let entered = Arc::new(Notify::new());
    let notify = Arc::clone(&entered);
    let never = post(async move || {
        notify.notify_one();
        std::future::pending::<()>().await;
    });
    let running = serve(Router::new().route("/never", never), 10, PATIENCE, None).await;
    let busy = tokio::spawn(exchange(running.address, "POST /never HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    entered.notified().await;
    timeout(PATIENCE, running.server.finish(Duration::from_millis(10))).await.expect("the drain is bounded");
    assert_eq!(busy.await.unwrap(), "");
}

/// Writes a fresh self-signed certificate over the files and returns it.
fn write_certificate(files: &TlsConfig) -> reqwest::Certificate {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(&files.cert_file, certificate.pem()).unwrap();
    std::fs::write(&files.key_file, key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(certificate.pem().as_bytes()).unwrap()
}

fn client(trusted: reqwest::Certificate, address: SocketAddr) -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([trusted]).resolve("localhost", address).build().unwrap()
}

#[tokio::test]
async fn a_new_certificate_counts_after_the_reload_and_a_broken_one_does_not() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let files = TlsConfig { cert_file: path("cert.pem"), key_file: path("key.pem") };
    let old = write_certificate(&files);
    let tls = Tls::load(Some(&files)).unwrap().unwrap();
    let running = serve(hello(), 10, PATIENCE, Some(Arc::clone(&tls))).await;
    let url = format!("https://localhost:{}/", running.address.port());
    assert_eq!(client(old.clone(), running.address).get(&url).send().await.unwrap().status(), 200);

    let new = write_certificate(&files);
    tls.reload().unwrap();
    assert_eq!(client(new.clone(), running.address).get(&url).send().await.unwrap().status(), 200);
    assert!(client(old, running.address).get(&url).send().await.is_err());

    std::fs::write(Path::new(&files.key_file), "no key").unwrap();
    let error = format!("{:#}", tls.reload().unwrap_err());
    assert!(error.contains("http.tls.key_file") && error.contains("key.pem"), "{error}");
    assert_eq!(client(new, running.address).get(&url).send().await.unwrap().status(), 200);
}
