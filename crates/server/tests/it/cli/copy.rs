//! An installation moves to the other engine and back, in the middle of its life.

use gatehouse_testkit::{Engine, Installation, postgres};
use serde_json::Value;

use crate::{
    GATEHOUSE,
    oa::system::{C, D, G, OaSystem, token},
};

/// What every door and surface would say, without what a restart may change.
async fn said(house: &Installation, base: &str, token: &str) -> Vec<String> {
    let mut said = Vec::new();
    for command in ["account list --json", "oa user list --json", "session list --all --json", "st"] {
        said.push(house.run(command).ok());
    }
    let mut oa = OaSystem::connect(base, token).await.unwrap();
    oa.until(C, "ann", &[412], 200).await;
    for name in ["ann", "ANN", "bob", "eve", "nobody", "张三"] {
        let body: Value = serde_json::from_str(&oa.ask(C, name).await.unwrap().body).unwrap();
        // Ports of the demo's nodes are any free ones; everything else of a link is kept.
        let links: Vec<_> = body["NodeInfos"].as_array().into_iter().flatten().map(credential).collect();
        said.push(format!("{name} {} {links:?}", body["StatusCode"]));
    }
    said
}

/// The part of a link before the address, which the user's uuid decides.
fn credential(node: &Value) -> String {
    let link = node["ConnInfo"].as_str().unwrap();
    // In the legacy form the address is encoded with the credential, at its end.
    link.split('@').next().unwrap().chars().take(60).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_installation_moves_to_postgresql_and_back() {
    let mut house = Installation::on(GATEHOUSE, Engine::Sqlite);
    let token = token(&house);
    // The demo's mark is a file: it moves with the data directory, which both servers share here.
    std::fs::write(house.path().join("data/demo"), "").unwrap();
    let running = house.serve("demo");
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    for name in ["ann", "bob", "eve", "张三"] {
        oa.make(name).await;
    }
    oa.code(G, "ANN").await;
    oa.until(G, "ANN", &[201, 102], 409).await;
    for name in ["bob", "张三"] {
        assert_eq!(oa.code(D, name).await, 200);
    }
    house.run("account disable eve --why moving").ok();
    house.run("account add staff --pass staff --email staff@example.com").ok();
    house.run("account grant staff role Administrator").ok();
    house.run("dt 00000000000000000000000000000000").ok();
    let first = said(&house, &running.url("http"), &token).await;
    let source = house.database_url();
    // It still runs, and it ends by itself in the middle of nothing.
    running.kill();

    let database = postgres::empty_database().unwrap();
    let copied = house.run(&format!("copy-database --from {source} --to {} --json", database.url())).json();
    assert_eq!(copied["tables"]["oa_user"], 6, "{copied}");
    house.set("DATABASE__URL", &database.url());
    let running = house.serve("demo");
    assert_eq!(said(&house, &running.url("http"), &token).await, first);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("on postgresql").await;
    house.run("oa user restore bob").ok();
    let second = said(&house, &running.url("http"), &token).await;
    running.stop();
    assert!(house.run("doctor").code == Some(0));

    let back = format!("sqlite://{}", house.path().join("back.db").display());
    house.run(&format!("copy-database --from {} --to {back}", database.url())).ok();
    house.set("DATABASE__URL", &back);
    // The deletion that was asked for before the first move happens after the second one.
    house.set("OA__DELETE_DELAY", "0s");
    let running = house.serve("demo");
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.until(D, "张三", &[418], 404).await;
    oa.until(C, "bob", &[412], 200).await;
    oa.make("on sqlite again").await;
    oa.make("张三").await;
    let third = said(&house, &running.url("http"), &token).await;
    let bob = |said: &[String]| said.iter().find(|line| line.starts_with("bob")).cloned();
    assert_eq!(bob(&third), bob(&second), "the same links all the way");
    assert!(house.run("doctor").code == Some(0));
    running.stop();
}
