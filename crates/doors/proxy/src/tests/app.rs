//! The whole door on the real application: rows in, traffic through, counters out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gatehouse_domain::{
    App, Settings, account,
    proxy::{
        egress::EgressRule,
        manage::{self, NodeSpec},
        settings::NodeSettings,
        user,
    },
    settings::ProxySettings,
    visit,
};
use gatehouse_model::{AccountId, Login, NodeId, NodeKind, PassKind, SsCipher};
use gatehouse_testkit::{Engine, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{clients::tls_client, echo_streams, random};
use crate::addr::write_socks;

/// An application with a Trojan node, and the door that serves it.
struct Served {
    test: TestApp,
    door: JoinHandle<()>,
    tasks: tokio_util::task::TaskTracker,
    node: NodeId,
    echo: SocketAddr,
}

impl Served {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut ProxySettings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let echo = listener.local_addr().unwrap();
        let mut settings = Settings::default();
        settings.proxy.egress_allow = vec![EgressRule::listener(echo)];
        settings.proxy.drain = gatehouse_model::Span(Duration::from_millis(200));
        adjust(&mut settings.proxy);
        let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.spawn(echo_streams(listener));
        let (node, _) = manage::save(&test.operator(), &spec()).await.unwrap();
        test.app.start("test").await.unwrap();
        let door = tasks.spawn(crate::run(test.app.clone()));
        let served = Self { test, door, tasks, node, echo };
        served.port().await;
        served
    }

    fn app(&self) -> &App {
        &self.test.app
    }

    /// The port the node listens on, as the snapshot tells everybody.
    async fn port(&self) -> u16 {
        let bound = || self.app().live().nodes().get(self.node).and_then(|node| node.bound_port);
        eventually(async || bound().is_some()).await;
        bound().unwrap()
    }

    async fn make(&self, login: &str) -> AccountId {
        let new = account::NewAccount {
            login: Login::new(login).unwrap(),
            name: None,
            email: None,
            phone: None,
            password: None,
        };
        let id = account::create(&self.test.operator(), &new).await.unwrap();
        account::pass::grant(&self.test.operator(), login, PassKind::Proxy).await.unwrap();
        id
    }

    async fn used(&self, id: AccountId) -> i64 {
        user::some(self.app(), &[id]).await.unwrap()[0].used
    }

    /// A connection of a user through the door, if it is served.
    async fn connect(&self, id: AccountId) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
        let row = user::some(self.app(), &[id]).await.unwrap().pop()?;
        let tcp = TcpStream::connect(("127.0.0.1", self.port().await)).await.ok()?;
        let nodes = self.app().live().nodes();
        let mut stream = tls_client(&nodes.get(self.node).unwrap().protocol, tcp).await;
        let hash = crate::user::trojan_hash(row.uuid.to_string().as_bytes());
        let mut request = hex::encode(hash).into_bytes();
        request.extend_from_slice(b"\r\n\x01");
        write_socks(self.echo, &mut request);
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(b"hello");
        stream.write_all(&request).await.ok()?;
        let mut answer = [0; 5];
        // A stranger waits longer: the fallback expects a whole HTTP request.
        timeout(Duration::from_millis(500), stream.read_exact(&mut answer)).await.ok()?.ok()?;
        (answer == *b"hello").then_some(stream)
    }

    async fn stop(self) {
        self.app().shutdown().cancel();
        timeout(Duration::from_secs(10), self.door).await.expect("the door stops in time").unwrap();
        drop(self.tasks);
    }
}

fn spec() -> NodeSpec {
    NodeSpec {
        kind: NodeKind::Trojan,
        code: "one".to_owned(),
        name: "One".to_owned(),
        remark: None,
        host: "node.example.net".to_owned(),
        port: 0,
        server_port: 0,
        listen_ip: None,
        rate: 150,
        is_enabled: true,
        is_shown: true,
        sort: None,
        transfer_cap: None,
        groups: ["default".to_owned()].into(),
        settings: NodeSettings::default(),
        content: None,
    }
}

async fn eventually(condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(10), "the condition was never met");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for the end of a stream from which nothing is expected; says how long it took.
async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Duration {
    let start = Instant::now();
    let read = timeout(Duration::from_secs(10), stream.read(&mut [0; 9])).await.expect("it is closed");
    assert!(!matches!(read, Ok(1..)));
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_life_from_pass_to_shutdown() {
    let served = Served::new().await;
    let operator = served.test.operator();
    let id = served.make("first").await;
    let bystander = served.make("second").await;
    // Made a moment ago, and served already.
    let start = Instant::now();
    eventually(async || served.connect(id).await.is_some()).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let before = {
        eventually(async || served.used(id).await > 0).await;
        served.used(id).await
    };
    assert_eq!(before % 1_500, 0, "ten bytes at one and a half for each connection");

    let mut stream = served.connect(id).await.unwrap();
    let sent = random(300_000);
    let mut answer = vec![0; sent.len()];
    for (part, back) in sent.chunks(10_000).zip(answer.chunks_mut(10_000)) {
        stream.write_all(part).await.unwrap();
        stream.read_exact(back).await.unwrap();
    }
    assert!(sent == answer);
    let expected = before + 2 * (300_000 + 5) * 150;
    eventually(async || served.used(id).await == expected).await;
    assert_eq!(served.used(bystander).await, 0);

    account::change::set_enabled(&operator, "first", false, None).await.unwrap();
    // 100 ms on an idle machine (server tests measure it); here only that no timer was waited for.
    let took = closed(&mut stream).await;
    assert!(took < Duration::from_millis(900), "{took:?}");
    assert!(served.connect(id).await.is_none());
    account::change::set_enabled(&operator, "first", true, None).await.unwrap();
    eventually(async || served.connect(id).await.is_some()).await;

    let mut stream = served.connect(id).await.unwrap();
    eventually(async || !visit::list(&operator, None, true, Some("first"), 10).await.unwrap().is_empty()).await;
    let open = visit::list(&operator, None, true, Some("first"), 10).await.unwrap();
    visit::end(&operator, &open[0].uuid).await.unwrap();
    assert!(closed(&mut stream).await < Duration::from_millis(1_500));

    let mut stream = served.connect(id).await.unwrap();
    let list = || async { visit::list(&served.test.operator(), None, false, Some("first"), 50).await.unwrap() };
    let total: i64 = {
        eventually(async || list().await.iter().any(|visit| visit.until_at.is_none() && visit.up > 0)).await;
        list().await.iter().map(|visit| visit.up + visit.down).sum()
    };
    assert_eq!(total * 150, served.used(id).await, "visits and user agree");
    let app = served.app().clone();
    served.test.app.shutdown().cancel();
    closed(&mut stream).await;
    let Served { test, door, .. } = served;
    timeout(Duration::from_secs(10), door).await.expect("it stops in time").unwrap();
    let visits = visit::list(&test.operator(), None, false, Some("first"), 50).await.unwrap();
    assert!(visits.iter().all(|visit| visit.until_at.is_some()));
    let whys: Vec<_> = visits.iter().filter_map(|visit| visit.ended_why.as_deref()).collect();
    assert_eq!(whys, ["shutdown", "kicked", "disabled"], "newest first");
    app.live().refresh(&app).await.unwrap();
    assert_eq!(app.live().nodes().nodes[0].bound_port, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_is_recorded_although_its_account_is_deleted_before_the_first_flush() {
    // Longer than the test: nothing is written before the door stops.
    let served = Served::with(|proxy| proxy.flush_interval = gatehouse_model::Span(Duration::from_mins(1))).await;
    let operator = served.test.operator();
    let id = served.make("brief").await;
    let profile = account::change::Profile { name: Some("Brief Visitor".to_owned()), ..Default::default() };
    account::change::edit(&operator, "brief", &profile).await.unwrap();
    let mut stream = loop {
        if let Some(stream) = served.connect(id).await {
            break stream;
        }
    };
    account::change::delete(&operator, "brief").await.unwrap();
    closed(&mut stream).await;
    assert!(visit::list(&operator, None, false, None, 10).await.unwrap().is_empty(), "not written yet");
    served.app().shutdown().cancel();
    let Served { test, door, .. } = served;
    timeout(Duration::from_secs(10), door).await.expect("it stops in time").unwrap();
    let visits = visit::list(&test.operator(), None, false, None, 10).await.unwrap();
    let [visit] = visits.as_slice() else { panic!("{visits:?}") };
    assert_eq!(
        (visit.account_id, visit.login.as_str(), visit.name.as_deref()),
        (Some(id), "brief", Some("Brief Visitor"))
    );
    assert_eq!((visit.up, visit.down, visit.ended_why.as_deref()), (5, 5, Some("deleted")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_follow_their_rows() {
    let served = Served::new().await;
    let operator = served.test.operator();
    let id = served.make("first").await;
    eventually(async || served.connect(id).await.is_some()).await;
    let mut stream = served.connect(id).await.unwrap();
    let mut changed = spec();
    (changed.name, changed.rate) = ("Renamed".to_owned(), 200);
    manage::save(&operator, &changed).await.unwrap();
    let nodes = || served.app().live().nodes();
    eventually(async || nodes().nodes[0].name == "Renamed").await;
    stream.write_all(b"again").await.unwrap();
    stream.read_exact(&mut [0; 5]).await.expect("a new name and rate disturb nobody");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    changed.server_port = free.local_addr().unwrap().port();
    manage::save(&operator, &changed).await.unwrap();
    closed(&mut stream).await;
    // The port is taken: the node fails and says so, and is tried again.
    eventually(async || nodes().nodes[0].bound_port.is_none()).await;
    assert!(TcpStream::connect(("127.0.0.1", changed.server_port)).await.is_ok(), "ours");
    drop(free);
    changed.settings.fallback = Some("127.0.0.1:9".to_owned());
    manage::save(&operator, &changed).await.unwrap();
    eventually(async || nodes().nodes[0].bound_port == Some(changed.server_port)).await;
    eventually(async || served.connect(id).await.is_some()).await;

    let mut stream = served.connect(id).await.unwrap();
    changed.groups = ["others".to_owned()].into();
    manage::save(&operator, &changed).await.unwrap();
    closed(&mut stream).await;
    changed.groups = ["default".to_owned()].into();
    manage::save(&operator, &changed).await.unwrap();
    eventually(async || served.connect(id).await.is_some()).await;

    let mut stream = served.connect(id).await.unwrap();
    changed.is_enabled = false;
    manage::save(&operator, &changed).await.unwrap();
    closed(&mut stream).await;
    eventually(async || TcpStream::connect(("127.0.0.1", changed.server_port)).await.is_err()).await;
    served.stop().await;
}

#[tokio::test]
async fn a_second_node_may_speak_something_else() {
    let served = Served::new().await;
    let mut classic = spec();
    (classic.kind, classic.code) = (NodeKind::Shadowsocks, "two".to_owned());
    classic.settings =
        NodeSettings { cipher: Some(SsCipher::Aes256Gcm), allow_classic: true, ..NodeSettings::default() };
    let (id, _) = manage::save(&served.test.operator(), &classic).await.unwrap();
    let nodes = || served.app().live().nodes();
    eventually(async || nodes().get(id).is_some_and(|node| node.bound_port.is_some())).await;
    let first = nodes().get(served.node).map(Arc::clone).unwrap();
    assert!(first.bound_port.is_some());
    served.stop().await;
}
