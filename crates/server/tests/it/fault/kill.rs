//! `kill -9` while users come and go.

use std::{cell::Cell, time::Duration};

use gatehouse_domain::Random;
use gatehouse_testkit::{Engine, Installation};
use tokio::time::sleep;

use super::book::{Book, LEASES, rest};
use crate::{
    GATEHOUSE,
    oa::system::{OaSystem, token},
};

/// Deaths of one story, and the requests over which they are spread.
const DEATHS: u64 = 20;
const REQUESTS: u64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_when_users_come_and_go_on_sqlite_leaves_nobody_lost_doubled_or_stuck() {
    die_often(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_when_users_come_and_go_on_postgresql_leaves_nobody_lost_doubled_or_stuck() {
    die_often(Engine::Postgres).await;
}

async fn die_often(engine: Engine) {
    let house = Installation::on(GATEHOUSE, engine).with("OA__DELETE_DELAY", "0s");
    let token = token(&house);
    let (book, random) = (Book::default(), Random::System);
    let (asked, mut deaths) = (Cell::new(0_u64), 0);
    while asked.get() < REQUESTS || deaths < DEATHS {
        let running = house.serve("serve");
        let base = running.url("http");
        // Death comes after so many answers and a little more: in the middle of requests, of jobs, of a pause.
        let (last, spare) = (random.below(2 * REQUESTS / DEATHS), random.below(30_000));
        let answered = Cell::new(0);
        let client = async || -> std::io::Result<()> {
            let mut oa = OaSystem::connect(&base, &token).await?;
            loop {
                let n = asked.replace(asked.get() + 1);
                if n % 3 < 2 {
                    assert_eq!(book.make(&mut oa, &format!("user{n:03}")).await?, 200);
                } else {
                    delete_one(&book, &random, &mut oa).await?;
                }
                answered.set(answered.get() + 1);
            }
        };
        let clients = async { tokio::join!(client(), client(), client(), client(), client()) };
        let death = async {
            while answered.get() < last {
                tokio::task::yield_now().await;
            }
            sleep(Duration::from_micros(spare)).await;
            running.kill();
        };
        let (ends, ()) = tokio::join!(clients, death);
        drop(ends);
        deaths += 1;
    }
    let running = house.serve("serve");
    rest(&house, LEASES).await;
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("after").await;
    let log = running.stop();
    assert!(!log.contains("ERROR"), "{log}");
    let [exist, gone, doubts] = book.check(&house, &["after"]).await;
    println!("{engine:?}: {deaths} deaths in {asked:?}; {exist} exist, {gone} came and went, {doubts} unanswered");
    assert!(exist > 20 && gone > 20, "{exist} exist, {gone} came and went");
}

/// A user may still wait for the claim of a dead process; then another one goes, if there is one.
async fn delete_one(book: &Book, random: &Random, oa: &mut OaSystem) -> std::io::Result<()> {
    for _ in 0..5 {
        let Some(name) = book.some_made(random.below(REQUESTS)) else { break };
        match book.delete(oa, &name).await? {
            200 => break,
            code => assert!([201, 102].contains(&code), "{name}: {code}"),
        }
    }
    Ok(())
}
