//! Three thousand creations over six hundred connections at once.

use std::{cell::RefCell, collections::BTreeMap};

use gatehouse_testkit::{Engine, Installation};
use tokio::task::JoinSet;

use crate::{
    GATEHOUSE,
    oa::system::{C, G, OaSystem, eventually, token},
};

const USERS: usize = 3_000;
const CONNECTIONS: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_creations_at_once_are_all_answered_and_none_is_lost_on_sqlite() {
    create_many(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_creations_at_once_are_all_answered_and_none_is_lost_on_postgresql() {
    create_many(Engine::Postgres).await;
}

async fn create_many(engine: Engine) {
    let house = Installation::on(GATEHOUSE, engine);
    let running = house.serve("demo");
    let (base, token) = (running.url("http"), token(&house));
    OaSystem::connect(&base, &token).await.unwrap().until(C, "nobody", &[412], 204).await;
    let mut systems = Vec::new();
    for _ in 0..CONNECTIONS {
        systems.push(OaSystem::connect(&base, &token).await.unwrap());
    }

    // Each creation is followed by a question at once: the answers show the queue at work.
    let mut running_systems = JoinSet::new();
    for (first, mut oa) in systems.into_iter().enumerate() {
        running_systems.spawn(async move {
            let mut seen = Vec::new();
            for n in (first..USERS).step_by(CONNECTIONS) {
                let name = format!("user{n}");
                assert_eq!(oa.code(G, &name).await, 200, "{name}");
                seen.push(oa.code(C, &name).await);
            }
            (oa, seen)
        });
    }
    let seen = RefCell::new(BTreeMap::<u64, usize>::new());
    let mut systems = Vec::new();
    while let Some(done) = running_systems.join_next().await {
        let (oa, codes) = done.unwrap();
        systems.push(oa);
        for code in codes {
            *seen.borrow_mut().entry(code).or_default() += 1;
        }
    }
    let seen = seen.into_inner();
    println!("asked at once after the creation: {seen:?}");
    assert!(seen.keys().all(|code| [201, 102, 200].contains(code)), "{seen:?}");
    assert!(seen.contains_key(&201), "a queue this long must be visible: {seen:?}");

    eventually("all exist", async || {
        let users = house.run("oa user list --json").json();
        users.as_array().unwrap().iter().filter(|user| user["state"] == "exists" && user["code"] == 200).count()
            == USERS + 1
    })
    .await;
    let mut checking = JoinSet::new();
    for (first, mut oa) in systems.into_iter().enumerate() {
        checking.spawn(async move {
            for n in (first..USERS).step_by(CONNECTIONS) {
                assert_eq!(oa.code(G, &format!("user{n}")).await, 405);
            }
        });
    }
    while let Some(done) = checking.join_next().await {
        done.unwrap();
    }
    running.stop();
}
