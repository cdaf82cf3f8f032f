use gatehouse_model::NodeKind;

use super::*;

#[derive(Default)]
struct Extras<'a> {
    routes: &'a [RouteRule],
    custom_outbounds: &'a [Value],
    cert_config: Option<&'a CertConfig>,
}

fn config_with(kind: NodeKind, settings: &Value, extras: &Extras<'_>) -> String {
    let config = NodeConfig {
        host: "node.example.com",
        server_port: 8443,
        settings: &Settings::parse(kind, settings).unwrap(),
        private: &Private::split(settings),
        server_key: &[7; 32],
        routes: extras.routes,
        custom_outbounds: extras.custom_outbounds,
        custom_routes: &[],
        cert_config: extras.cert_config,
        push_interval: 60,
        pull_interval: 45,
    };
    config.to_json().expose().to_owned()
}

fn config(kind: NodeKind, settings: &Value) -> String {
    config_with(kind, settings, &Extras::default())
}

#[test]
fn shadowsocks_gets_its_server_key_and_nulls_where_they_belong() {
    let text = config(NodeKind::Shadowsocks, &json!({"cipher": "2022-blake3-aes-256-gcm"}));
    assert_eq!(
        text,
        r#"{"protocol":"shadowsocks","listen_ip":"0.0.0.0","server_port":8443,"network":"tcp","networkSettings":null,"cipher":"2022-blake3-aes-256-gcm","plugin":null,"plugin_opts":null,"server_key":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=","base_config":{"pull_interval":45,"push_interval":60}}"#
    );
    let text = config(NodeKind::Shadowsocks, &json!({"cipher": "aes-256-gcm"}));
    assert!(text.contains(r#""server_key":null"#));
}

#[test]
fn every_type_sends_exactly_its_keys() {
    let keys = |kind: NodeKind, settings: Value| {
        let value: Value = serde_json::from_str(&config(kind, &settings)).unwrap();
        let common =
            ["protocol", "listen_ip", "server_port", "network", "networkSettings", "base_config"].map(str::to_owned);
        let object = value.as_object().unwrap().clone();
        assert!(common.iter().all(|key| object.contains_key(key)));
        let mut keys: Vec<String> =
            object.into_iter().map(|(key, _)| key).filter(|key| !common.contains(key)).collect();
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(keys(NodeKind::Vmess, json!({"tls": 0, "network": "ws"})), "multiplex tls tls_settings");
    assert_eq!(keys(NodeKind::Trojan, json!({"network": "tcp"})), "host multiplex server_name tls tls_settings");
    assert_eq!(
        keys(NodeKind::Vless, json!({"tls": 2, "network": "tcp"})),
        "decryption flow multiplex tls tls_settings"
    );
    assert_eq!(
        keys(NodeKind::Hysteria, json!({"version": 1})),
        "down_mbps host obfs server_name tls_settings up_mbps version"
    );
    assert_eq!(
        keys(NodeKind::Hysteria, json!({"version": 2})),
        "down_mbps host obfs obfs-password server_name tls_settings up_mbps version"
    );
    assert_eq!(
        keys(NodeKind::Tuic, json!({})),
        "auth_timeout congestion_control heartbeat server_name tls_settings version zero_rtt_handshake"
    );
    assert_eq!(keys(NodeKind::Anytls, json!({})), "padding_scheme server_name tls_settings");
    assert_eq!(keys(NodeKind::Naive, json!({"tls": 1})), "tls tls_settings");
    assert_eq!(keys(NodeKind::Mieru, json!({"transport": "TCP"})), "traffic_pattern transport");
}

#[test]
fn private_keys_reach_the_node_and_only_those_in_use() {
    let reality = json!({"public_key": "pub", "private_key": "PRIVATE-R", "server_port": 443, "short_id": "01"});
    let text = config(NodeKind::Vless, &json!({"tls": 2, "network": "tcp", "reality_settings": reality}));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tls_settings"]["private_key"], "PRIVATE-R");
    assert_eq!(value["tls_settings"]["server_port"], "443", "nodes read a text");
    assert_eq!(value["decryption"], Value::Null);
    let text = config(NodeKind::Vless, &json!({"tls": 1, "network": "tcp", "reality_settings": reality}));
    assert!(!text.contains("PRIVATE"));
    let encryption = json!({"enabled": true, "encryption": "e", "decryption": "PRIVATE-D"});
    let ech = json!({"ech": {"enabled": true, "config": "list", "key": "PRIVATE-E"}});
    let both = json!({"tls": 1, "network": "tcp", "encryption": encryption, "tls_settings": ech});
    let text = config(NodeKind::Vless, &both);
    assert!(text.contains(r#""decryption":"PRIVATE-D""#) && text.contains(r#""key":"PRIVATE-E""#));
}

/// Null only for keys that may carry it.
fn has_stray_null(value: &Value) -> bool {
    const MAY: [&str; 6] = ["networkSettings", "plugin", "plugin_opts", "server_key", "decryption", "obfs"];
    let in_nested = |value: &Value| value.to_string().contains("null");
    value.as_object().unwrap().iter().any(|(key, value)| match value {
        Value::Null => !MAY.contains(&key.as_str()),
        nested => in_nested(nested),
    })
}

#[test]
fn routes_custom_parts_and_certificates_follow_only_when_set() {
    let rules = [RouteRule {
        id: 3,
        matches: vec!["a.example.com".into()],
        action: "block".into(),
        action_value: String::new(),
    }];
    let cert = CertConfig::parse(&json!({"cert_mode": "content", "cert_content": "C", "key_content": "K"})).unwrap();
    let custom = [json!({"tag": "x"})];
    let trojan = json!({"network": "grpc", "network_settings": {"serviceName": "s"}});
    let extras = Extras { routes: &rules, custom_outbounds: &custom, cert_config: cert.as_ref() };
    assert!(config_with(NodeKind::Trojan, &trojan, &extras).contains(
        r#""routes":[{"action":"block","action_value":"","id":3,"match":["a.example.com"]}],"custom_outbounds":[{"tag":"x"}],"cert_config":{"cert_content":"C","cert_mode":"content","key_content":"K"},"base_config""#
    ));
    let text = config(NodeKind::Trojan, &trojan);
    assert!(!text.contains("routes") && !text.contains("custom") && !text.contains("cert_config"));
    assert!(text.contains(r#""networkSettings":{"serviceName":"s"}"#));
    for kind in NodeKind::ALL {
        let settings = match kind {
            NodeKind::Hysteria => json!({"version": 2}),
            NodeKind::Tuic | NodeKind::Anytls => json!({}),
            _ => json!({"cipher": "aes-128-gcm", "tls": 1, "network": "tcp", "transport": "TCP"}),
        };
        let value: Value = serde_json::from_str(&config(*kind, &settings)).unwrap();
        assert!(!has_stray_null(&value), "{value}");
    }
}

fn users(count: i64) -> Vec<NodeUser> {
    let uuid: Uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301".parse().unwrap();
    (1..=count).map(|id| NodeUser { id, uuid, speed_limit: 100, device_limit: 0 }).collect()
}

#[test]
fn users_are_the_same_in_both_encodings() {
    let json = users_json(&users(1));
    assert_eq!(
        std::str::from_utf8(&json).unwrap(),
        r#"{"users":[{"id":1,"uuid":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","speed_limit":100,"device_limit":0}]}"#
    );
    let read: Value = rmp_serde::from_slice(&users_msgpack(&users(1))).unwrap();
    assert_eq!(read, serde_json::from_slice::<Value>(&json).unwrap());
    assert_eq!(users_json(&[]), br#"{"users":[]}"#);
    assert_eq!(users_msgpack(&[]), b"\x81\xa5users\x90");
    let many: Value = rmp_serde::from_slice(&users_msgpack(&users(100_000))).unwrap();
    assert_eq!(many["users"].as_array().unwrap().len(), 100_000);
}

#[test]
fn the_etag_is_the_sha1_of_the_body_in_quotation_marks() {
    assert_eq!(etag(b"abc"), "\"a9993e364706816aba3e25717850c26c9cd0d89d\"");
}
