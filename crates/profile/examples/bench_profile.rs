//! Renderings a second on one core: `cargo run --release -p gatehouse-profile --example bench_profile`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not a part of the product")]

use std::{hint::black_box, sync::Arc, time::Instant};

use gatehouse_model::{NodeKind, Secret};
use gatehouse_profile::{
    Client, Format, Person, Profile, ProfileNode, Query, Settings, Site, Template,
    node_config::{NodeUser, users_json, users_msgpack},
    render,
};
use serde_json::json;

fn main() {
    let settings = [
        (NodeKind::Shadowsocks, json!({"cipher": "2022-blake3-aes-256-gcm"})),
        (
            NodeKind::Vmess,
            json!({"tls": 1, "network": "ws", "network_settings": {"path": "/w", "headers": {"Host": "h"}}}),
        ),
        (NodeKind::Trojan, json!({"network": "tcp"})),
        (NodeKind::Hysteria, json!({"version": 2})),
    ];
    let nodes: Vec<ProfileNode> = (1..=20)
        .zip(settings.iter().cycle())
        .map(|(id, (kind, settings))| ProfileNode {
            id,
            name: format!("香港 {id}"),
            tags: Vec::new(),
            host: "node.example.com".into(),
            port: "443".parse().unwrap(),
            settings: Arc::new(Settings::parse(*kind, settings).unwrap()),
            server_key: vec![7; 32],
        })
        .collect();
    let nodes: Vec<&ProfileNode> = nodes.iter().collect();
    let site = Site { app_name: "Gatehouse".into(), subscribe_host: "sub.example.com".into(), ..Site::default() };
    let person = Person {
        uuid: "3f2504e0-4f89-41d3-9a0c-0305e82c3301".parse().unwrap(),
        up: 1,
        down: 2,
        total: 1 << 40,
        expiry: None,
        reset_in_days: None,
        subscribe_url: Secret::new("https://sub.example.com/s/token"),
    };
    let query = Query::default();
    for format in Format::ALL {
        let template = Template::parse(format, "", &site).unwrap();
        let client = Client::of(format);
        let profile = Profile {
            site: &site,
            person: &person,
            nodes: &nodes,
            query: &query,
            choice: 0,
            show_info: true,
            show_protocol: false,
        };
        let start = Instant::now();
        let rounds = 2_000;
        let mut bytes = 0;
        for _ in 0..rounds {
            bytes = black_box(render(black_box(&template), black_box(&profile), &client)).body.len();
        }
        let each = start.elapsed() / rounds;
        println!("{format:?}: {:.0} a second, {bytes} bytes", 1.0 / each.as_secs_f64());
    }
    let users: Vec<NodeUser> =
        (1..=100_000).map(|id| NodeUser { id, uuid: person.uuid, speed_limit: 100, device_limit: 3 }).collect();
    for (name, write) in [("JSON", users_json as fn(&[NodeUser]) -> Vec<u8>), ("MessagePack", users_msgpack)] {
        let start = Instant::now();
        let body = black_box(write(black_box(&users)));
        println!("100,000 users as {name}: {:?}, {} bytes", start.elapsed(), body.len());
    }
}
