//! 429: the limiter, and a database that cannot be written.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

use super::system::{C, D, G, OaSystem, token};

const TOO_MANY: &str = r#"{"StatusCode":429,"StatusString":"服务请求过于频繁，请稍后再试"}"#;

#[tokio::test]
async fn more_requests_than_configured_are_429() {
    let house = Installation::new(GATEHOUSE).with("OA__RATE_LIMIT__PER_MINUTE", "1").with("OA__RATE_LIMIT__BURST", "3");
    let running = house.serve("serve");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    let mut codes = Vec::new();
    for endpoint in [G, D, G] {
        codes.push(oa.code(endpoint, &format!("user{}", codes.len())).await);
    }
    assert_eq!(codes, [200, 404, 200]);
    for endpoint in [G, D] {
        assert_eq!(oa.ask(endpoint, "one more").await.unwrap().body, TOO_MANY);
    }
    assert_eq!(oa.code(C, "user0").await, 412, "queries are not limited by default");
    let users = house.run("oa user list --json").json();
    assert_eq!(users.as_array().unwrap().len(), 2, "{users}");
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_else_holds_the_database_nothing_is_granted_and_afterwards_everything() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("ann").await;
    let database = house.database().await;
    let held = database.begin().await.unwrap();
    let mut second = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    let (made, deleted) = tokio::join!(oa.ask(G, "bob"), second.ask(D, "ann"));
    assert_eq!((made.unwrap().body.as_str(), deleted.unwrap().body.as_str()), (TOO_MANY, TOO_MANY));
    assert_eq!(oa.code(G, "ann").await, 405, "reading goes on");
    drop(held);
    database.close().await;
    oa.make("bob").await;
    assert_eq!(oa.code(D, "ann").await, 200);
    running.stop();
}
