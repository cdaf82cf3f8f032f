//! Links as V2Ray's apps take them apart: Base64 of lines, each a URL of RFC 3986 or `VMess`'s JSON.

use std::collections::BTreeMap;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use gatehouse_profile::Format;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{
    corpus::{NASTY, UUID, everything, of, render_for},
    peer::{free_port, must_start, sslocal},
};

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) scheme: String,
    /// Decoded, out of Base64 too.
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) name: String,
}

pub(crate) fn decode_lines(body: &str) -> Vec<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(body).unwrap()).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"));
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

fn decoded(text: &str) -> String {
    assert!(!text.contains(['+', ' ']), "{text} is not percent-encoded");
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

impl Link {
    pub(crate) fn parse(line: &str) -> Self {
        assert!(line.is_ascii(), "{line}");
        let (scheme, rest) = line.split_once("://").unwrap();
        if scheme == "vmess" {
            return Self::vmess(rest);
        }
        let (rest, name) = rest.split_once('#').unwrap();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.trim_end_matches('/');
        let (user, address) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (host, port) = address.rsplit_once(':').unwrap();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            assert!(!value.is_empty(), "{key} is empty in {line}");
            (key.to_owned(), decoded(value))
        });
        let user = match scheme {
            "ss" => String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(user).unwrap()).unwrap(),
            "socks" | "http" => String::from_utf8(BASE64_STANDARD.decode(user).unwrap()).unwrap(),
            _ => decoded(user),
        };
        Self {
            scheme: scheme.into(),
            user,
            host: host.trim_matches(['[', ']']).into(),
            port: port.parse().unwrap(),
            query: query.collect(),
            name: decoded(name),
        }
    }

    /// `VMess`'s JSON under the names that links of VLESS use.
    fn vmess(text: &str) -> Self {
        let json: Value = serde_json::from_slice(&BASE64_STANDARD.decode(text).unwrap()).unwrap();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        assert_eq!((text("v"), text("aid")), ("2".into(), "0".into()));
        let mut query = BTreeMap::new();
        for (key, name) in [
            ("net", "type"),
            ("host", "host"),
            ("path", "path"),
            ("tls", "security"),
            ("sni", "sni"),
            ("fp", "fp"),
            ("mode", "mode"),
            ("extra", "extra"),
        ] {
            if !text(key).is_empty() {
                query.insert(name.to_owned(), text(key));
            }
        }
        if query["type"] == "grpc" {
            let service = query.remove("path").unwrap();
            query.insert("serviceName".into(), service);
        }
        Self {
            scheme: "vmess".into(),
            user: text("id"),
            host: text("add"),
            port: text("port").parse().unwrap(),
            query,
            name: text("ps"),
        }
    }
}

#[test]
fn every_link_has_its_parts_and_the_name_survives() {
    let nodes = everything();
    let links: Vec<Link> =
        decode_lines(&render_for(&of(Format::General), &nodes).body).iter().map(|line| Link::parse(line)).collect();
    let shown = nodes.iter().filter(|node| Format::General.can_express(&node.settings)).count();
    // Three pseudo nodes.
    assert_eq!(links.len(), shown + 3);
    assert_eq!(links[3].name, NASTY);
    assert_eq!(links[4].name, format!("{NASTY} 2"));
    for link in &links {
        assert!(link.host == "node.example.com" || link.host == "2001:db8::7", "{}", link.host);
        let is_range = link.scheme.starts_with("hysteria");
        assert!(if is_range { (20_000..=30_000).contains(&link.port) } else { link.port == 8443 });
        let credential = if link.scheme == "hysteria" { &link.query["auth"] } else { &link.user };
        let is_2022 = credential.starts_with("2022-");
        assert!(is_2022 || credential.contains(UUID), "{link:?}");
    }
    let hysteria2 = links.iter().find(|link| link.query.contains_key("obfs-password") && link.scheme == "hysteria2");
    let query = &hysteria2.unwrap().query;
    assert_eq!(query["obfs-password"], "p, \"q\"=r");
    assert_eq!(query["mport"], "20000-30000");
    assert_eq!(query["insecure"], "1");
    let tuic = &links.iter().find(|link| link.scheme == "tuic").unwrap();
    assert_eq!(tuic.user, format!("{UUID}:{UUID}"));
    assert_eq!(tuic.query["allow_insecure"], "1");
    let plugin = links.iter().filter(|link| link.scheme == "ss").find_map(|link| link.query.get("plugin")).unwrap();
    assert_eq!(plugin, "obfs-local;obfs=http;obfs-host=h.example.com;path=/o");
}

#[test]
fn shadowrocket_reads_a_status_and_links() {
    let lines = decode_lines(&render_for(&of(Format::Shadowrocket), &everything()).body);
    assert_eq!(lines[0], "STATUS=🚀↑:1GB,↓:1.5GB,TOT:100GB💡Expires:2030-03-17");
    let vmess = lines.iter().find(|line| line.starts_with("vmess://") && line.contains("obfs=websocket")).unwrap();
    let (user, query) = vmess.strip_prefix("vmess://").unwrap().split_once('?').unwrap();
    let user = String::from_utf8(BASE64_STANDARD.decode(user).unwrap()).unwrap();
    assert!(user == format!("auto:{UUID}@node.example.com:8443") || user == format!("auto:{UUID}@[2001:db8::7]:8443"));
    assert!(query.contains("remark=%22a%3A%20b%20%23%20%27c%27%2C%20%F0%9F%98%80%22"), "{query}");
    assert!(query.contains("path=%2Fws%3Fed%3D2048%26a%3Db%2Cc&obfsParam=h.example.com"), "{query}");
    assert!(lines.iter().any(|line| line.starts_with("vless://") && line.contains("&xtls=2")));
    assert!(lines.iter().any(|line| line.starts_with("trojan://") && line.contains("&tfo=1")));
    assert!(!lines.iter().any(|line| line.starts_with("http://")));
}

#[test]
fn sip008_is_what_the_reference_client_reads() {
    let nodes = everything();
    let body = render_for(&of(Format::Sip008), &nodes).body;
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(list["version"], 1);
    assert_eq!(list["bytes_used"], 5_u64 << 29);
    assert_eq!(list["bytes_remaining"], (100_u64 << 30) - (5 << 29));
    let servers = list["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 8 + 3);
    let mut ids: Vec<&str> = servers.iter().map(|server| server["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 11, "ids are unique");
    assert_eq!(body, render_for(&of(Format::Sip008), &nodes).body, "ids are stable");
    assert_eq!(servers[3]["remarks"], NASTY);
    assert_eq!(
        servers[3]["password"],
        format!("{}:M2YyNTA0ZTAtNGY4OS00MWQzLTlhMGMtMDMwNWU4MmM=", BASE64_STANDARD.encode([7; 32]))
    );
    assert_eq!(servers[5]["password"], UUID);
}

#[test]
fn the_reference_client_starts_with_the_list() {
    let mut list: Value = serde_json::from_str(&render_for(&of(Format::Sip008), &everything()).body).unwrap();
    // Its build has the 2022 ciphers only.
    let servers = list["servers"].as_array_mut().unwrap();
    servers.retain(|server| server["method"].as_str().unwrap().starts_with("2022-"));
    assert_eq!(servers.len(), 2 + 3);
    let port = free_port();
    list["local_address"] = "127.0.0.1".into();
    list["local_port"] = port.into();
    must_start(&sslocal(), &["-c", "config"], &list.to_string(), port);
}
