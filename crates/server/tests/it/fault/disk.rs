//! A disk without room: a limit on the size of the server's files, which the kernel enforces as it does a full disk.

use std::{process::Command, time::Duration};

use rustix::process::{Resource, Rlimit, prlimit};

use gatehouse_testkit::{Installation, RunningServer};

use super::book::{Book, rest};
use crate::{
    GATEHOUSE,
    oa::system::{D, G, OaSystem, eventually, token},
};

/// More would only take longer.
const ROOM: u64 = 300_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_clearly_and_loses_nothing() {
    let house = Installation::new(GATEHOUSE).with("OA__DELETE_DELAY", "0s");
    let token = token(&house);
    let running = unkillable_by_files(&house);
    let book = Book::default();
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    assert_eq!(book.make(&mut oa, "early").await.unwrap(), 200);
    oa.until(G, "early", &[201, 102], 405).await;

    let size = |name: &str| house.path().join(name).metadata().map_or(0, |data| data.len());
    limit(&running, Some(size("data/gatehouse.db").max(size("data/gatehouse.db-wal")) + ROOM));
    let (mut n, mut refused) = (0, 0);
    while refused < 20 {
        let name = format!("user{n}");
        match book.make(&mut oa, &name).await.unwrap() {
            200 => refused = 0,
            429 => (book.doubt(&name), refused += 1).1,
            code => panic!("{name}: {code}"),
        }
        n += 1;
        assert!(n < 2_000, "the disk does not fill");
    }
    // A smaller change may still find a place; from now on not a byte does.
    limit(&running, Some(0));
    assert_eq!((oa.code(G, "nobody").await, oa.code(D, "early").await), (429, 429));
    assert_eq!(oa.code(G, "early").await, 405, "reading goes on");
    let mut stranger = OaSystem::connect(&running.url("http"), "wrong").await.unwrap();
    assert!([401, 429].contains(&stranger.code(G, "early").await));

    limit(&running, None);
    let mut attempts = 0;
    eventually("there is room again", async || {
        attempts += 1;
        let name = format!("late{attempts}");
        let is_made = book.make(&mut oa, &name).await.unwrap() == 200;
        if !is_made {
            book.doubt(&name);
        }
        is_made
    })
    .await;
    assert_eq!(book.delete(&mut oa, "early").await.unwrap(), 200);
    // Jobs that could not even be given back are not left to their leases, which last longer than this.
    rest(&house, Duration::from_secs(20)).await;
    running.kill();
    let running = house.serve("serve");
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    for name in book.made(usize::MAX) {
        assert_eq!(oa.code(G, &name).await, 405, "{name}");
    }
    running.stop();
    book.check(&house, &[]).await;
}

/// A server that outlives a write beyond its limit: the signal that would end it is ignored.
fn unkillable_by_files(house: &Installation) -> RunningServer {
    let serve = house.command("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(serve.get_program()).args(serve.get_args());
    shell.current_dir(house.path()).env_clear();
    shell.envs(serve.get_envs().filter_map(|(key, value)| Some((key, value?))));
    house.start(shell)
}

fn limit(running: &RunningServer, bytes: Option<u64>) {
    prlimit(Some(running.process()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}
