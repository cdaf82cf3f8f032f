//! Ten thousand connections that do nothing.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use gatehouse_testkit::Installation;

use super::memory;
use crate::{
    GATEHOUSE,
    oa::system::{D, OaSystem, eventually, token},
    wire::{Wire, request},
};

const CONNECTIONS: usize = 10_000;

/// Beside the connections: other tests of this process, the server's own files.
const SPARE: u64 = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_little_and_delay_nobody() {
    raise_open_files();
    let house = Installation::new(GATEHOUSE).with("HTTP__HEADER_TIMEOUT", "10m");
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    oa.make("somebody").await;
    let before = memory(&running);

    let address = base.trim_start_matches("http://").to_owned();
    let mut connecting = JoinSet::new();
    let mut idle: Vec<TcpStream> = Vec::with_capacity(CONNECTIONS);
    for n in 0..CONNECTIONS {
        connecting.spawn(TcpStream::connect(address.clone()));
        // As many at once as a backlog holds easily.
        if n >= 500 {
            idle.push(connecting.join_next().await.unwrap().unwrap().unwrap());
        }
    }
    while let Some(connected) = connecting.join_next().await {
        idle.push(connected.unwrap().unwrap());
    }
    assert_eq!(idle.len(), CONNECTIONS);
    let metrics = running.url("metrics");
    let held = async || gauge(&metrics).await;
    eventually("all are accepted", async || held().await > f64::from(u32::try_from(CONNECTIONS).unwrap())).await;

    let answered = timeout(Duration::from_secs(5), oa.code(D, "nobody")).await;
    assert_eq!(answered.expect("an old connection is served"), 404);
    let mut new = OaSystem::connect(&base, &t).await.unwrap();
    let made = timeout(Duration::from_secs(10), new.make("somebody else")).await;
    made.expect("a new connection is served");
    let each = memory(&running).saturating_sub(before) / CONNECTIONS as u64;
    println!("{each} bytes per idle connection");
    // Measured: 3.2 KB.
    assert!(each < 8 << 10, "{each} bytes per idle connection");

    drop(idle);
    eventually("all are gone", async || held().await < 10.0).await;
    running.stop();
}

/// How many connections the server holds.
async fn gauge(metrics: &str) -> f64 {
    let mut wire = Wire::connect(metrics).await.unwrap();
    let page = wire.exchange(request("GET /metrics", None, "")).await.unwrap().body;
    let line = page.lines().find_map(|line| line.strip_prefix("gatehouse_http_connections "));
    line.unwrap_or_default().parse().unwrap_or_default()
}

/// For this process and for the servers it starts.
fn raise_open_files() {
    let needed = CONNECTIONS as u64 + SPARE;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Only root may go beyond the maximum; who is not must have it given.
    let maximum = maximum.map(|maximum| maximum.max(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    raised.unwrap_or_else(|error| panic!("this test needs {needed} open files (ulimit -Hn): {error}"));
}
