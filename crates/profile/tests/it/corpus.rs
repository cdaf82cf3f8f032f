//! Nodes of every type and transport, with names and hosts that are hard to write.

use std::sync::Arc;

use gatehouse_model::{NodeKind, Secret};
use gatehouse_profile::{
    Client, Document, Format, Person, Profile, ProfileNode, Query, Settings, Site, Template, format::Expiry, render,
};
use serde_json::{Value, json};

/// The name that must survive every format.
pub(crate) const NASTY: &str = r#""a: b # 'c', 😀""#;
pub(crate) const UUID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
/// 32 bytes, as Base64 for URLs.
pub(crate) const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

pub(crate) fn node(id: i64, name: &str, kind: NodeKind, settings: &Value) -> ProfileNode {
    ProfileNode {
        id,
        name: name.into(),
        tags: vec!["edge".into()],
        // Every third has an IPv6 address.
        host: if id % 3 == 0 { "2001:db8::7".into() } else { "node.example.com".into() },
        port: if kind == NodeKind::Hysteria { "20000-30000" } else { "8443" }.parse().unwrap(),
        settings: Arc::new(Settings::parse(kind, settings).unwrap()),
        server_key: match settings["cipher"].as_str() {
            Some("2022-blake3-aes-128-gcm") => vec![7; 16],
            _ => vec![7; 32],
        },
    }
}

/// Transports by name and settings.
fn transports() -> Vec<(&'static str, Value)> {
    vec![
        ("tcp", json!({})),
        (
            "tcp",
            json!({"header": {"type": "http", "request": {"path": ["/a", "/b"], "headers": {"Host": ["h.example.com"]}}}}),
        ),
        ("ws", json!({"path": "/ws?ed=2048&a=b,c", "headers": {"Host": "h.example.com"}})),
        ("grpc", json!({"serviceName": "service one"})),
        ("h2", json!({"path": "/h2", "host": ["h.example.com", "i.example.com"]})),
        ("http", json!({"path": "/http", "host": "h.example.com"})),
        ("httpupgrade", json!({"path": "/up", "host": "h.example.com"})),
        ("xhttp", json!({"path": "/x", "host": "h.example.com", "mode": "auto", "extra": {"noGRPCHeader": true}})),
        ("kcp", json!({"seed": "seed", "header": {"type": "srtp"}})),
        ("quic", json!({})),
    ]
}

/// One of everything that can be set.
pub(crate) fn everything() -> Vec<ProfileNode> {
    let mut settings: Vec<(NodeKind, Value)> = Vec::new();
    for cipher in [
        "2022-blake3-aes-256-gcm",
        "2022-blake3-aes-128-gcm",
        "aes-256-gcm",
        "aes-192-gcm",
        "aes-128-gcm",
        "chacha20-ietf-poly1305",
    ] {
        settings.push((NodeKind::Shadowsocks, json!({"cipher": cipher})));
    }
    settings.push((
        NodeKind::Shadowsocks,
        json!({"cipher": "aes-256-gcm", "obfs": "http", "obfs_settings": {"host": "h.example.com", "path": "/o"}}),
    ));
    settings.push((
        NodeKind::Shadowsocks,
        json!({"cipher": "aes-256-gcm", "plugin": "v2ray-plugin", "plugin_opts": "tls;host=h.example.com;path=/v"}),
    ));
    let tls = json!({"server_name": "sni.example.com", "allow_insecure": true});
    let reality =
        json!({"server_name": "real.example.com", "server_port": 443, "public_key": KEY, "short_id": "0123abcd"});
    let multiplex = json!({"enabled": true, "protocol": "smux", "max_connections": 4, "padding": true,
        "brutal": {"enabled": true, "up_mbps": 50, "down_mbps": 100}});
    for (network, network_settings) in transports() {
        let carried = |more: Value| {
            let mut object = json!({"network": network, "network_settings": network_settings});
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            object
        };
        settings.push((NodeKind::Vmess, carried(json!({"tls": 0}))));
        settings.push((
            NodeKind::Vmess,
            carried(json!({"tls": 1, "tls_settings": tls, "utls": {"enabled": true, "fingerprint": "firefox"}})),
        ));
        settings.push((NodeKind::Vless, carried(json!({"tls": 0}))));
        settings.push((NodeKind::Vless, carried(json!({"tls": 1, "tls_settings": tls, "multiplex": multiplex}))));
        settings.push((NodeKind::Trojan, carried(json!({"tls": 1, "tls_settings": tls}))));
        if matches!(network, "tcp" | "grpc" | "xhttp" | "h2") && network_settings.get("header").is_none() {
            settings.push((NodeKind::Vless, carried(json!({"tls": 2, "reality_settings": reality}))));
        }
    }
    settings.push((
        NodeKind::Vless,
        json!({"tls": 2, "network": "tcp", "flow": "xtls-rprx-vision", "reality_settings": reality}),
    ));
    settings.push((NodeKind::Trojan, json!({"tls": 2, "network": "tcp", "reality_settings": reality})));
    let encryption = format!("mlkem768x25519plus.native.0rtt.{KEY}");
    settings.push((
        NodeKind::Vless,
        json!({"tls": 0, "network": "tcp", "encryption": {"enabled": true, "encryption": encryption}}),
    ));
    let ech = json!({"server_name": "sni.example.com", "ech": {"enabled": true, "config": ech_list()}});
    settings.push((NodeKind::Trojan, json!({"tls": 1, "network": "tcp", "tls_settings": ech, "multiplex": multiplex})));
    for version in [1, 2] {
        settings.push((NodeKind::Hysteria, json!({"version": version, "tls": tls})));
        settings.push((
            NodeKind::Hysteria,
            json!({"version": version, "bandwidth": {"up": 100, "down": 200}, "hop_interval": 30, "tls": tls,
                "obfs": {"open": true, "type": "salamander", "password": "p, \"q\"=r"}}),
        ));
    }
    settings.push((NodeKind::Tuic, json!({"tls": tls})));
    settings.push((NodeKind::Anytls, json!({"tls": tls})));
    for kind in [NodeKind::Socks, NodeKind::Http, NodeKind::Naive] {
        settings.push((kind, json!({"tls": 0})));
        settings.push((kind, json!({"tls": 1, "tls_settings": tls})));
    }
    settings.push((NodeKind::Mieru, json!({"transport": "TCP"})));
    settings.push((NodeKind::Mieru, json!({"transport": "UDP"})));
    let numbered = settings.iter().zip(1..);
    numbered.map(|((kind, settings), id)| node(id, NASTY, *kind, settings)).collect()
}

/// The list of one `ECHConfig`: version, key id, KEM, a key, one cipher suite, a name.
fn ech_list() -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let name = b"public.example.com";
    let mut contents = vec![1, 0, 0x20, 0, 32];
    contents.extend([7; 32]);
    contents.extend([0, 4, 0, 1, 0, 1, 0, u8::try_from(name.len()).unwrap()]);
    contents.extend(name);
    contents.extend([0, 0]);
    let mut config = vec![0xfe, 0x0d];
    config.extend(u16::try_from(contents.len()).unwrap().to_be_bytes());
    config.extend(contents);
    let mut list = u16::try_from(config.len()).unwrap().to_be_bytes().to_vec();
    list.extend(config);
    BASE64_STANDARD.encode(list)
}

/// The same cheap node many times.
pub(crate) fn many(count: i64) -> Vec<ProfileNode> {
    (1..=count).map(|id| node(id, "香港 HK", NodeKind::Shadowsocks, &json!({"cipher": "aes-256-gcm"}))).collect()
}

pub(crate) fn site() -> Site {
    Site {
        app_name: "Gate: house # 1".into(),
        app_url: "https://www.example.com".into(),
        subscribe_host: "sub.example.com".into(),
    }
}

pub(crate) fn person() -> Person {
    Person {
        uuid: UUID.parse().unwrap(),
        up: 1 << 30,
        down: 3 << 29,
        total: 100 << 30,
        expiry: Some(Expiry { unix: 1_900_000_000, date: "2030-03-17".into() }),
        reset_in_days: Some(12),
        subscribe_url: Secret::new("https://sub.example.com/s/0123456789abcdef0123456789abcdef"),
    }
}

pub(crate) fn render_for(client: &Client, nodes: &[ProfileNode]) -> Document {
    render_with("", client, nodes)
}

/// With a template of one's own.
pub(crate) fn render_with(template: &str, client: &Client, nodes: &[ProfileNode]) -> Document {
    let site = site();
    let template = Template::parse(client.format, template, &site).unwrap();
    let nodes: Vec<&ProfileNode> = nodes.iter().collect();
    let profile = Profile {
        site: &site,
        person: &person(),
        nodes: &nodes,
        query: &Query::default(),
        choice: 12_345,
        show_info: !nodes.is_empty(),
        show_protocol: false,
    };
    render(&template, &profile, client)
}

pub(crate) fn of(format: Format) -> Client {
    Client::of(format)
}
