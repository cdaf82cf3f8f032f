//! Nodes come, change and go by the state file while an OA system asks.

use serde_json::Value;

use gatehouse_testkit::Installation;

use crate::{
    GATEHOUSE,
    oa::system::{C, OaSystem, eventually, token},
};

fn state(nodes: &[(&str, &str)]) -> String {
    let node = |(code, more): &(&str, &str)| {
        format!(
            "[[node]]\ntype = 'shadowsocks'\ncode = '{code}'\nhost = '127.0.0.1'\ngroups = ['default']\n{more}\n\
             settings = {{ cipher = 'aes-256-gcm', allow_classic = true }}\n"
        )
    };
    nodes.iter().map(node).collect()
}

/// Name, tips and sequence of the listed nodes.
async fn listed(oa: &mut OaSystem) -> Vec<String> {
    let body: Value = serde_json::from_str(&oa.ask(C, "ann").await.unwrap().body).unwrap();
    let nodes = body["NodeInfos"].as_array().into_iter().flatten();
    nodes.map(|node| ["Sequence", "Name", "Tips"].map(|key| node[key].as_str().unwrap()).join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_state_file_says_of_nodes_shows_at_once() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let token = token(&house);
    let mut oa = OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("ann").await;
    assert_eq!(oa.code(C, "ann").await, 412);
    let mut steps = async |nodes: &[(&str, &str)], expected: &[&str]| {
        house.write("s.toml", &state(nodes));
        house.run("apply s.toml").ok();
        let mut last = Vec::new();
        eventually(&format!("{expected:?}"), async || {
            last = listed(&mut oa).await;
            last == expected
        })
        .await;
    };
    steps(&[("a", "name = '服务节点1'"), ("b", "sort = 1\nremark = '东京'")], &["1 b 东京", "2 服务节点1 服务节点1"])
        .await;
    steps(&[("a", "name = 'renamed'\nsort = 1"), ("b", "sort = 2")], &["1 renamed renamed", "2 b 东京"]).await;
    steps(&[("a", "shown = false")], &["1 b 东京"]).await;
    steps(&[("a", "shown = true"), ("b", "enabled = false")], &["1 renamed renamed"]).await;
    steps(&[("b", "enabled = true")], &["1 renamed renamed", "2 b 东京"]).await;
    steps(&[("a", "state = 'absent'"), ("b", "state = 'absent'")], &[]).await;
    assert_eq!(oa.code(C, "ann").await, 412);
    let nodes = house.run("oa node list --json").json();
    assert_eq!(nodes, serde_json::json!([]));
    running.stop();
}
