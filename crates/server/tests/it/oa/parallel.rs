//! Many requests for one name at the same moment: one is accepted, the others hear the state it left.

use gatehouse_testkit::{Engine, Installation};

use crate::GATEHOUSE;
use tokio::task::JoinSet;

use super::system::{D, G, OaSystem, token};

const SYSTEMS: usize = 40;

/// Asks from every connection at once; the codes, sorted.
async fn together(systems: &mut Vec<OaSystem>, endpoint: &'static str, name: &'static str) -> Vec<u64> {
    let mut asking = JoinSet::new();
    for mut oa in systems.drain(..) {
        asking.spawn(async move { (oa.code(endpoint, name).await, oa) });
    }
    let mut codes = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (code, oa) = asked.unwrap();
        codes.push(code);
        systems.push(oa);
    }
    codes.sort_unstable();
    codes
}

async fn one_of_many(engine: Engine) {
    let house = Installation::on(GATEHOUSE, engine);
    let running = house.serve("serve");
    let token = token(&house);
    let mut systems = Vec::new();
    for _ in 0..SYSTEMS {
        systems.push(OaSystem::connect(&running.url("http"), &token).await.unwrap());
    }
    for name in ["ann", "张三", "o'brien"] {
        let made = together(&mut systems, G, name).await;
        assert_eq!(made.iter().filter(|code| **code == 200).count(), 1, "{made:?}");
        assert!(made.iter().all(|code| [200, 201, 102, 405].contains(code)), "{made:?}");
        systems[0].until(G, name, &[201, 102], 405).await;
        let deleted = together(&mut systems, D, name).await;
        let mut expected = vec![418; SYSTEMS];
        expected[0] = 200;
        assert_eq!(deleted, expected);
    }
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_is_accepted_on_sqlite() {
    one_of_many(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_is_accepted_on_postgresql() {
    one_of_many(Engine::Postgres).await;
}
