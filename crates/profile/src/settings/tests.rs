use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(kind: NodeKind, value: &Value) -> Settings {
    Settings::parse(kind, value).unwrap()
}

fn faults(kind: NodeKind, value: &Value) -> Vec<String> {
    Settings::parse(kind, value).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_required_is_named_all_at_once() {
    assert_eq!(faults(NodeKind::Shadowsocks, &json!({})), ["cipher is required"]);
    assert_eq!(faults(NodeKind::Vmess, &json!({})), ["tls is required", "network is required"]);
    assert_eq!(
        faults(NodeKind::Vless, &json!({"tls": null, "network": ""})),
        ["tls is required", "network is required"]
    );
    assert_eq!(faults(NodeKind::Trojan, &json!([])), ["network is required"]);
    assert_eq!(faults(NodeKind::Hysteria, &json!({})), ["version is required"]);
    assert_eq!(faults(NodeKind::Naive, &json!({})), ["tls is required"]);
    assert_eq!(faults(NodeKind::Http, &Value::Null), ["tls is required"]);
    assert_eq!(faults(NodeKind::Mieru, &json!({})), ["transport is required"]);
    for kind in [NodeKind::Socks, NodeKind::Tuic, NodeKind::Anytls] {
        parse(kind, &json!({}));
    }
    assert_eq!(faults(NodeKind::Socks, &json!("text")), [" must be an object"]);
}

#[test]
fn numbers_may_be_texts_and_booleans_numbers() {
    let sent = json!({"version": "2", "bandwidth": {"up": "100", "down": 200.0}, "hop_interval": "30", "unknown": 1,
        "obfs": {"open": 1, "password": 1234}, "tls": {"server_name": " a.example.com ", "allow_insecure": "1"}});
    let Settings::Hysteria(read) = parse(NodeKind::Hysteria, &sent) else { panic!("another type") };
    assert_eq!((read.version, read.bandwidth.up, read.bandwidth.down, read.hop_interval), (2, 100, 200, 30));
    assert_eq!(read.obfs_password(), Some("1234"));
    assert_eq!((read.tls.server_name.as_str(), read.tls.allow_insecure), ("a.example.com", true));
}

#[test]
fn what_no_type_knows_is_a_fault_of_its_key() {
    let vless = json!({"tls": 3, "network": "pigeon", "flow": "x", "multiplex": {"protocol": "z", "max_connections": -1},
        "reality_settings": {"short_id": "xyz"}, "tls_settings": "on", "fallback": "nowhere"});
    let keys: Vec<String> =
        Settings::parse(NodeKind::Vless, &vless).unwrap_err().into_iter().map(|fault| fault.key).collect();
    let expected = [
        "tls",
        "flow",
        "network",
        "tls_settings",
        "reality_settings.short_id",
        "multiplex.protocol",
        "multiplex.max_connections",
        "fallback",
    ];
    assert_eq!(keys, expected);
    assert!(faults(NodeKind::Shadowsocks, &json!({"cipher": "rc4-md5"}))[0].starts_with("cipher must be 2022-blake3"));
    assert_eq!(faults(NodeKind::Hysteria, &json!({"version": 3})), ["version must be one of 1, 2"]);
}

#[test]
fn defaults_are_written_out_and_unknown_keys_dropped() {
    assert_eq!(
        parse(NodeKind::Tuic, &json!({"junk": true})).to_value(),
        json!({"version": 5, "congestion_control": "cubic", "alpn": ["h3"], "udp_relay_mode": "native",
            "tls": {"server_name": "", "allow_insecure": false,
                "ech": {"enabled": false, "config": "", "query_server_name": "", "key_path": "", "config_path": ""}}})
    );
    let anytls = parse(NodeKind::Anytls, &json!({})).to_value();
    let scheme: Vec<&str> =
        anytls["padding_scheme"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(scheme.len(), 9);
    assert_eq!(scheme[3], "2=400-500,c,500-1000,c,500-1000,c,500-1000,c,500-1000");
    let lines = parse(NodeKind::Anytls, &json!({"padding_scheme": "stop=1\n0=5-9\n"})).to_value();
    assert_eq!(lines["padding_scheme"], json!(["stop=1", "0=5-9"]));
}

#[test]
fn network_settings_keep_the_shapes_nodes_read() {
    let settings = |network: &str, settings: Value| {
        let sent = json!({"tls": 1, "network": network, "network_settings": settings});
        let Settings::Vmess(read) = parse(NodeKind::Vmess, &sent) else { panic!("another type") };
        read.transport.to_value().unwrap_or_default()
    };
    for (network, value) in [
        ("ws", json!({"path": "/p", "headers": {"Host": "h"}})),
        ("grpc", json!({"serviceName": "s"})),
        ("h2", json!({"path": "/p", "host": ["a", "b"]})),
        ("httpupgrade", json!({"path": "/p", "host": "h"})),
        ("xhttp", json!({"path": "/p", "host": "h", "mode": "auto", "extra": {"a": {"b": 1}}})),
        ("kcp", json!({"seed": "s", "header": {"type": "srtp"}})),
        ("tcp", json!({"header": {"type": "http", "request": {"path": ["/a"], "headers": {"Host": ["h"]}}}})),
    ] {
        assert_eq!(settings(network, value.clone()), value, "{network}");
    }
    assert_eq!(settings("ws", json!({})), Value::Null);
    assert_eq!(settings("tcp", json!({"header": {"type": "none"}})), Value::Null);
    assert_eq!(settings("xhttp", json!({"extra": "{\"a\": null, \"b\": 1}"})), json!({"extra": {"b": 1}}));
}

#[test]
fn what_was_stored_reads_back_the_same() {
    for (kind, value) in [
        (
            NodeKind::Shadowsocks,
            json!({"cipher": "aes-192-gcm", "obfs": "http", "allow_classic": true, "classic_user_cap": 9}),
        ),
        (
            NodeKind::Vless,
            json!({"tls": 2, "network": "tcp", "flow": "xtls-rprx-vision", "fallback": "a.example.com:80"}),
        ),
        (
            NodeKind::Trojan,
            json!({"network": "ws", "network_settings": {"path": "/w"}, "server_name": "old.example.com"}),
        ),
        (NodeKind::Hysteria, json!({"version": 1, "ignore_client_bandwidth": true})),
        (NodeKind::Mieru, json!({"transport": "udp"})),
        (NodeKind::Http, json!({"tls": true})),
    ] {
        let read = parse(kind, &value);
        assert_eq!(Settings::parse(kind, &read.to_value()).unwrap(), read);
        assert_eq!(read.kind(), kind);
    }
}

fn vless_with_secrets() -> Value {
    json!({"tls": 2, "network": "tcp", "reality_settings": {"public_key": "pub", "private_key": "PRIVATE-R"},
        "encryption": {"enabled": true, "encryption": "enc", "decryption": "PRIVATE-D"},
        "tls_settings": {"ech": {"enabled": true, "config": "list", "key": "PRIVATE-E"}}})
}

#[test]
fn private_keys_never_enter_the_settings() {
    let sent = vless_with_secrets();
    let settings = parse(NodeKind::Vless, &sent);
    let private = Private::split(&sent);
    assert!(!format!("{settings:?}{}{private:?}", settings.to_value()).contains("PRIVATE"));
    assert!(private.join(&settings)["reality_settings"]["private_key"] == "PRIVATE-R");
    assert_eq!(Private::from_secret(&private.to_secret()), private);
    let masked = private.masked(&settings);
    assert_eq!(masked["reality_settings"]["private_key"], MASK);
    assert_eq!(masked["encryption"]["decryption"], MASK);
    assert_eq!(masked["tls_settings"]["ech"]["key"], MASK);
    // A form that sends back what it was shown changes nothing.
    assert_eq!(Private::split(&masked).or(private.clone()), private);
    assert!(Private::split(&masked).is_empty());
    let changed = Private::split(&json!({"reality_settings": {"private_key": "new"}})).or(private);
    assert_eq!(changed.reality_private_key.unwrap().expose(), "new");
    assert_eq!(changed.ech_key.unwrap().expose(), "PRIVATE-E");
}

#[test]
fn certificates_keep_their_secrets_apart() {
    let sent = json!({"cert_mode": "content", "cert_content": "CHAIN", "key_content": "KEY", "dns_env": "A=1\nB=2"});
    let read = CertConfig::parse(&sent).unwrap().unwrap();
    assert_eq!(read.to_value(), json!({"cert_mode": "content", "cert_content": "CHAIN"}));
    assert_eq!(read.to_node()["key_content"], "KEY");
    assert_eq!(read.to_node()["dns_env"], json!({"A": "1", "B": "2"}));
    let again = CertConfig::parse(&read.masked()).unwrap().unwrap();
    assert_eq!(again.key_content, None);
    assert_eq!(again.or_secrets_of(&read), read);
    assert_eq!(CertConfig::parse(&Value::Null).unwrap(), None);
    assert_eq!(CertConfig::parse(&json!([])).unwrap(), None);
    let wrong = CertConfig::parse(&json!({"cert_mode": "file", "cert_file": "/c"})).unwrap_err();
    assert_eq!(wrong[0].to_string(), "cert_config.key_file is required for the mode `file`");
}

#[test]
fn ports_are_one_or_a_range() {
    let port = |text: &str| text.parse::<PortSpec>();
    assert_eq!(port("443").unwrap().pick(99), 443);
    let range = port("20000-30000").unwrap();
    assert_eq!((range.pick(0), range.pick(10_000), range.pick(10_001)), (20_000, 30_000, 20_000));
    assert_eq!(range.range(), Some((20_000, 30_000)));
    assert_eq!(range.to_string(), "20000-30000");
    assert_eq!(PortSpec::from_value(&json!(443)).unwrap().range(), None);
    assert_eq!(port("1-65535").unwrap().pick(u64::MAX), 1 + u16::try_from(u64::MAX % 65_535).unwrap());
    for wrong in ["0", "", "a", "30-20", "1-2-3", "65536", "-1"] {
        assert!(port(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn rates_follow_the_clock_over_midnight() {
    let ranges =
        json!([{"start": "23:00", "end": "01:00", "rate": 0.5}, {"start": "08:00", "end": "09:30", "rate": "1.25"}]);
    let windows = read_windows(&ranges).unwrap();
    let at = |hour: u16, minute: u16| rate_at(&windows, 100, hour * 60 + minute);
    assert_eq!([at(22, 59), at(23, 0), at(0, 0), at(0, 59), at(1, 0)], [100, 50, 50, 50, 100]);
    assert_eq!([at(7, 59), at(8, 0), at(9, 29), at(9, 30)], [100, 125, 125, 100]);
    assert_eq!(windows[1].to_value(), json!({"start": "08:00", "end": "09:30", "rate": 1.25}));
    let day = read_windows(&json!([{"start": "00:00", "end": "23:59", "rate": 2}])).unwrap();
    assert_eq!(rate_at(&day, 100, 1439), 200);
    assert_eq!(read_windows(&Value::Null).unwrap(), []);
    let wrong = read_windows(&json!([{"start": "25:00", "end": "1:00", "rate": 1.234}, {}])).unwrap_err();
    assert_eq!(
        wrong.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(),
        [
            "rate_time_ranges.0.start",
            "rate_time_ranges.0.rate",
            "rate_time_ranges.1.start",
            "rate_time_ranges.1.end",
            "rate_time_ranges.1.rate"
        ]
    );
}

#[test]
fn the_door_says_which_keys_it_does_not_honour() {
    let keys = |kind: NodeKind, value: Value| {
        let faults = parse(kind, &value).embedded_faults(&[Network::Tcp]);
        faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(NodeKind::Shadowsocks, json!({"cipher": "2022-blake3-aes-256-gcm"})), "");
    assert_eq!(keys(NodeKind::Shadowsocks, json!({"cipher": "aes-256-gcm"})), "cipher");
    assert_eq!(
        keys(NodeKind::Shadowsocks, json!({"cipher": "aes-256-gcm", "allow_classic": 1, "obfs": "http"})),
        "obfs"
    );
    assert_eq!(keys(NodeKind::Shadowsocks, json!({"cipher": "aes-192-gcm"})), "cipher");
    let tls = json!({"server_name": "a.example.com"});
    assert_eq!(keys(NodeKind::Trojan, json!({"network": "tcp", "tls_settings": tls, "fallback": "a:1"})), "");
    assert_eq!(
        keys(NodeKind::Trojan, json!({"network": "ws", "network_settings": {"path": "/"}})),
        "network network_settings"
    );
    assert_eq!(
        keys(
            NodeKind::Vless,
            json!({"tls": 2, "network": "tcp", "flow": "xtls-rprx-vision", "multiplex": {"enabled": 1},
            "tls_settings": {"ech": {"enabled": true}}})
        ),
        "flow multiplex tls tls_settings"
    );
    assert_eq!(keys(NodeKind::Vless, json!({"tls": 0, "network": "tcp"})), "tls");
    assert_eq!(keys(NodeKind::Hysteria, json!({"version": 2, "hop_interval": 30, "bandwidth": {"up": 1}})), "");
    assert_eq!(keys(NodeKind::Hysteria, json!({"version": 1, "obfs": {"open": 1}})), "obfs version");
    for kind in NodeKind::ALL.iter().filter(|kind| !Settings::can_be_embedded(**kind)) {
        assert_eq!(keys(*kind, sample(*kind)), "embedded");
    }
}

fn sample(kind: NodeKind) -> Value {
    match kind {
        NodeKind::Vmess => json!({"tls": 1, "network": "tcp"}),
        NodeKind::Naive | NodeKind::Http => json!({"tls": 1}),
        NodeKind::Mieru => json!({"transport": "TCP"}),
        _ => json!({}),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(tcp|ws|xhttp|1|2|tls|/x|.{0,8})".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key =
            "(tls|network|network_settings|header|type|extra|cipher|version|path|host|headers|reality_settings|.)";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_read_or_refused_and_what_is_read_is_stable(value in any_json(), kind in 0..NodeKind::ALL.len()) {
        let kind = NodeKind::ALL[kind];
        if let Ok(settings) = Settings::parse(kind, &value) {
            let stored = settings.to_value();
            prop_assert_eq!(Settings::parse(kind, &stored).unwrap(), settings);
            prop_assert!(!stored.to_string().contains("null"));
        }
        let _ = (CertConfig::parse(&value), read_windows(&value), Private::split(&value));
    }
}
