//! Servers that are told to stop in the middle of it, and servers that share a database.

use std::cell::Cell;

use gatehouse_testkit::{Engine, Installation};
use rustix::process::Signal;

use super::book::{Book, LEASES, rest};
use crate::{
    GATEHOUSE,
    oa::system::{C, OaSystem, token},
};

/// Makes users until the connection ends.
async fn make_until_the_end(
    book: &Book,
    base: &str,
    token: &str,
    made: &Cell<u32>,
    prefix: &str,
) -> std::io::Result<()> {
    let mut oa = OaSystem::connect(base, token).await?;
    loop {
        let n = made.replace(made.get() + 1);
        assert_eq!(book.make(&mut oa, &format!("{prefix}{n}")).await?, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_told_to_stop_answers_what_it_took_and_keeps_what_it_answered() {
    let house = Installation::new(GATEHOUSE);
    let token = token(&house);
    let book = Book::default();
    let mut running = house.serve("serve");
    let base = running.url("http");
    let made = Cell::new(0);
    let client = async || make_until_the_end(&book, &base, &token, &made, "user").await;
    let stop = async {
        while made.get() < 100 {
            tokio::task::yield_now().await;
        }
        running.signal(Signal::TERM);
    };
    let (one, two, three, four, ()) = tokio::join!(client(), client(), client(), client(), stop);
    assert!([one, two, three, four].iter().all(Result::is_err));
    assert_eq!(running.wait().code(), Some(0), "{}", running.log());
    let running = house.serve("serve");
    rest(&house, LEASES).await;
    running.stop();
    let [exist, _, doubts] = book.check(&house, &[]).await;
    // What came too late was not read; whatever was read was answered.
    assert_eq!(exist, book.made(usize::MAX).len(), "{doubts} unanswered");
    assert!(exist >= 96, "{exist}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_on_one_database_the_other_finishes_what_a_dead_one_began() {
    let house = Installation::on(GATEHOUSE, Engine::Postgres);
    let (first, second) = (house.serve("demo"), house.serve("serve"));
    let (book, token) = (Book::default(), token(&house));
    let (one, two) = (first.url("http"), second.url("http"));
    let made = (Cell::new(0), Cell::new(0));
    let dying = async || make_until_the_end(&book, &two, &token, &made.1, "two-").await;
    let staying = async {
        let mut oa = OaSystem::connect(&one, &token).await.unwrap();
        for n in 0..100 {
            assert_eq!(book.make(&mut oa, &format!("one-{n}")).await.unwrap(), 200);
        }
    };
    let death = async {
        while made.0.get() + made.1.get() < 100 {
            tokio::task::yield_now().await;
        }
        second.kill();
    };
    let (a, b, (), ()) = tokio::join!(dying(), dying(), staying, death);
    assert!(a.is_err() && b.is_err());
    rest(&house, LEASES).await;
    let mut oa = OaSystem::connect(&one, &token).await.unwrap();
    for name in book.made(usize::MAX).iter().step_by(20) {
        oa.until(C, name, &[412], 200).await;
    }
    first.stop();
    let [exist, ..] = book.check(&house, &["demo"]).await;
    assert!(exist > 150, "{exist}");
}
