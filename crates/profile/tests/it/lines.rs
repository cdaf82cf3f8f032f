//! The line formats, taken apart as their documentation says.

use std::collections::{BTreeMap, HashSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_profile::Format;

use crate::corpus::{NASTY, UUID, everything, many, of, render_for};

/// The name with what a line cannot hold widened.
fn widened() -> String {
    NASTY.replace(',', "，").replace('"', "＂")
}

/// Parts between commas outside of quotation marks.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for char in text.chars() {
        match char {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => parts.push(String::new()),
            char => parts.last_mut().unwrap().push(char),
        }
    }
    assert!(!is_quoted, "a quotation mark is open in {text}");
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

struct Line {
    name: String,
    kind: String,
    values: Vec<String>,
    keys: BTreeMap<String, String>,
}

impl Line {
    /// `name = kind, value, value, key=value`.
    fn named(line: &str) -> Self {
        let (name, rest) = line.split_once('=').unwrap();
        let mut parts = split(rest).into_iter();
        let kind = parts.next().unwrap();
        let mut values = Vec::new();
        let mut keys = BTreeMap::new();
        for part in parts {
            match part.split_once('=') {
                // Base64 in a value ends in `=`.
                Some((key, value))
                    if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                        && !value.is_empty()
                        && !value.bytes().all(|byte| byte == b'=') =>
                {
                    assert!(keys.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice in {line}");
                }
                _ => values.push(part),
            }
        }
        Self { name: name.trim().to_owned(), kind, values, keys }
    }
}

/// The lines of a section.
fn section<'a>(body: &'a str, name: &str) -> Vec<&'a str> {
    let (_, rest) = body.split_once(&format!("[{name}]\n")).unwrap();
    rest.lines().take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()).collect()
}

fn check_ini(body: &str, kinds: &[&str]) {
    assert!(body.starts_with(
        "#!MANAGED-CONFIG https://sub.example.com/s/0123456789abcdef0123456789abcdef interval=43200 strict=true\n"
    ));
    assert!(!body.contains('$'), "a placeholder is left");
    let proxies: Vec<Line> = section(body, "Proxy").into_iter().map(Line::named).collect();
    let groups: Vec<Line> = section(body, "Proxy Group").into_iter().map(Line::named).collect();
    let mut names: HashSet<&str> = ["DIRECT", "REJECT"].into();
    for line in proxies.iter().filter(|line| line.kind != "direct").chain(&groups) {
        assert!(names.insert(&line.name), "{} is there twice", line.name);
    }
    for line in proxies.iter().filter(|line| line.kind != "direct") {
        assert!(kinds.contains(&line.kind.as_str()), "{}", line.kind);
        assert!(line.values[0] == "node.example.com" || line.values[0] == "2001:db8::7");
        let port: u16 = line.values[1].parse().unwrap();
        assert!(port == 8443 || line.kind == "hysteria2");
        let secret = line.keys.get("password").or(line.keys.get("username")).unwrap_or(line.values.last().unwrap());
        assert!(secret == UUID || secret.starts_with("BwcH"), "{secret}");
    }
    for group in &groups {
        assert!(!group.values.is_empty(), "{} is empty", group.name);
        for member in &group.values {
            assert!(names.contains(member.as_str()), "{member} of {} does not exist", group.name);
        }
    }
    for rule in section(body, "Rule") {
        let parts = split(rule);
        let target = parts.iter().rev().find(|part| !matches!(part.as_str(), "dns-failed" | "no-resolve")).unwrap();
        assert!(names.contains(target.as_str()), "{rule}");
    }
    assert_eq!(split(section(body, "Rule")[0]), ["DOMAIN", "sub.example.com", "DIRECT"]);
}

const SURGE: [&str; 9] = ["ss", "vmess", "trojan", "hysteria2", "anytls", "socks5", "socks5-tls", "http", "https"];

#[test]
fn surge_and_surfboard_read_their_profiles() {
    for nodes in [Vec::new(), many(500), everything()] {
        check_ini(&render_for(&of(Format::Surge), &nodes).body, &SURGE);
        check_ini(&render_for(&of(Format::Surfboard), &nodes).body, &["ss", "vmess", "trojan", "anytls"]);
    }
    let body = render_for(&of(Format::Surge), &everything()).body;
    let lines: Vec<Line> = section(&body, "Proxy").into_iter().map(Line::named).collect();
    assert!(lines.iter().any(|line| line.name == widened()));
    for kind in SURGE {
        assert!(lines.iter().any(|line| line.kind == kind), "{kind}");
    }
    let websocket = lines.iter().find(|line| line.kind == "vmess" && line.keys.contains_key("ws")).unwrap();
    assert_eq!(websocket.keys["ws-headers"], "Host:h.example.com");
    let hops = lines.iter().find(|line| line.keys.contains_key("port-hopping")).unwrap();
    assert_eq!(hops.keys["port-hopping"], "20000-30000");
    assert!(body.contains("剩余流量：97.5GB\\n套餐流量：100GB\\n到期时间：2030-03-17"));
}

#[test]
fn loon_reads_its_lines_and_secrets_are_quoted() {
    let body = render_for(&of(Format::Loon), &everything()).body;
    let lines: Vec<Line> = body.lines().map(Line::named).collect();
    assert!(lines.iter().any(|line| line.name == widened()));
    for kind in ["Shadowsocks", "vmess", "VLESS", "trojan", "Hysteria2", "anytls"] {
        assert!(lines.iter().any(|line| line.kind == kind), "{kind}");
    }
    let secrets =
        body.lines().filter(|line| line.contains(&format!(",\"{UUID}\"")) || line.contains(",\"BwcH")).count();
    assert_eq!(secrets, lines.len());
    let reality = lines.iter().find(|line| line.keys.contains_key("public-key")).unwrap();
    assert_eq!(reality.keys["short-id"], "0123abcd");
    assert_eq!(reality.keys["sni"], "real.example.com");
    assert_eq!(render_for(&of(Format::Loon), &[]).body, "");
}

#[test]
fn quantumult_x_reads_its_lines() {
    let body = BASE64_STANDARD.decode(render_for(&of(Format::QuantumultX), &everything()).body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let mut kinds = HashSet::new();
    let mut tags = HashSet::new();
    for line in body.split_terminator("\r\n") {
        let (kind, rest) = line.split_once('=').unwrap();
        let parts = split(rest);
        let address = &parts[0];
        assert!(address == "node.example.com:8443" || address == "[2001:db8::7]:8443", "{address}");
        let keys: BTreeMap<&str, &str> = parts.iter().skip(1).map(|part| part.split_once('=').unwrap()).collect();
        assert!(keys["password"] == UUID || keys["password"].starts_with("BwcH"));
        assert!(tags.insert(keys["tag"].to_owned()), "{} is there twice", keys["tag"]);
        kinds.insert(kind.to_owned());
    }
    assert!(tags.contains(&widened()));
    for kind in ["shadowsocks", "vmess", "vless", "trojan", "anytls", "socks5", "http"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    assert!(
        body.contains("obfs=wss,obfs-host=h.example.com,obfs-uri=/ws?ed=2048&a=b，c"),
        "a comma in a path is widened"
    );
}
