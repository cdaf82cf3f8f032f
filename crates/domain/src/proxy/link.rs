//! Connection links, one builder for every surface that shows them (specs/oa.md §4, specs/panel-nodes.md N6.1).

use std::{fmt::Write as _, net::Ipv6Addr};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use gatehouse_model::{NodeKind, Secret, SsCipher};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::{
    credential::ss_client_password,
    node::{Node, Protocol, Tls, Transport},
};
use crate::settings::SsLink;

/// RFC 3986 "unreserved".
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What the original left alone in a fragment.
const FRAGMENT: &AsciiSet = &UNRESERVED.remove(b'$').remove(b'&').remove(b'+').remove(b'=').remove(b':').remove(b'@');
/// What the panel itself leaves alone in a fragment.
const PANEL_FRAGMENT: &AsciiSet = &UNRESERVED.remove(b'/');

/// The name an oa client knows a node's type by, and its Shadowsocks method; none for types without a link here.
pub fn oa_type(node: &Node) -> Option<(&'static str, &'static str)> {
    match &node.protocol {
        Protocol::Shadowsocks { cipher, .. } => Some(("ss", cipher.as_str())),
        Protocol::Trojan(..) => Some(("trojan", "")),
        Protocol::Vless(..) => Some(("vless", "")),
        Protocol::Hysteria(_) => Some(("hysteria2", "")),
        Protocol::Remote(_) => None,
    }
}

/// Whether a node's settings suffice for a working link; one that lacks something is never sent broken.
pub fn is_complete(node: &Node) -> bool {
    missing(node).is_none()
}

/// What a node lacks for a working link.
pub fn missing(node: &Node) -> Option<&'static str> {
    if node.host.is_empty() {
        return Some("host");
    }
    if node.client_port().is_none() {
        return Some("port: it is 0 and no process listens for the node");
    }
    match &node.protocol {
        Protocol::Shadowsocks { cipher, server_key, .. }
            if cipher.is_2022() && server_key.len() != cipher.key_len() =>
        {
            Some("server key")
        }
        Protocol::Remote(kind) if *kind != NodeKind::Shadowsocks => Some("a link form for this type"),
        _ => None,
    }
}

/// The link of a user to a node; none when the node is incomplete.
pub fn of(node: &Node, uuid: Uuid, form: SsLink) -> Option<Secret> {
    let host = bracketed(&node.host);
    let port = node.client_port()?;
    match &node.protocol {
        Protocol::Shadowsocks { cipher, server_key, .. } => {
            let password = ss_client_password(uuid, *cipher, server_key);
            Some(Secret::new(shadowsocks(*cipher, password.expose(), &host, port, &node.name, form)))
        }
        Protocol::Trojan(tls, transport) => Some(Secret::new(format!(
            "trojan://{}@{host}:{port}?security=tls&{}{}#{}",
            uuid.hyphenated(),
            transport_parameters(transport),
            tls_parameters(node, tls),
            utf8_percent_encode(&node.name, FRAGMENT),
        ))),
        Protocol::Vless(tls, transport) => Some(Secret::new(format!(
            "vless://{}@{host}:{port}?encryption=none&security=tls&{}{}#{}",
            uuid.hyphenated(),
            transport_parameters(transport),
            tls_parameters(node, tls),
            utf8_percent_encode(&node.name, FRAGMENT),
        ))),
        Protocol::Hysteria(hysteria) => Some(Secret::new(format!(
            "hysteria2://{}@{host}:{port}?{}insecure={}#{}",
            uuid.hyphenated(),
            sni(node, &hysteria.tls).map(|name| format!("sni={name}&")).unwrap_or_default(),
            u8::from(hysteria.tls.is_self_signed()),
            utf8_percent_encode(&node.name, FRAGMENT),
        ))),
        Protocol::Remote(_) => None,
    }
}

/// `&sni=…` where the name is not the host itself, `&allowInsecure=1` for certificates made by us.
fn tls_parameters(node: &Node, tls: &Tls) -> String {
    let mut text = sni(node, tls).map(|name| format!("&sni={name}")).unwrap_or_default();
    if tls.is_self_signed() {
        text.push_str("&allowInsecure=1");
    }
    text
}

/// The name of the certificate, unless it is for an address.
fn sni<'a>(node: &'a Node, tls: &'a Tls) -> Option<impl std::fmt::Display + use<'a>> {
    let name = server_name(node, tls);
    name.parse::<std::net::IpAddr>().is_err().then(|| utf8_percent_encode(name, UNRESERVED))
}

/// `type=tcp`, or `type=ws` with path and host.
fn transport_parameters(transport: &Transport) -> String {
    match transport {
        Transport::Tcp => "type=tcp".to_owned(),
        Transport::WebSocket { path, host } => {
            let mut text = format!("type=ws&path={}", utf8_percent_encode(path, UNRESERVED));
            if let Some(host) = host {
                // Writing into a String cannot fail.
                let _ = write!(text, "&host={}", utf8_percent_encode(host, UNRESERVED));
            }
            text
        }
    }
}

/// The name a node's certificate is for.
pub fn server_name<'a>(node: &'a Node, tls: &'a Tls) -> &'a str {
    if tls.server_name.is_empty() { &node.host } else { &tls.server_name }
}

fn bracketed(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() }
}

/// The three forms of an ss link (specs/oa.md §4.1, §4.2); `host` is bracketed already.
fn shadowsocks(cipher: SsCipher, password: &str, host: &str, port: u16, name: &str, form: SsLink) -> String {
    let whole = || format!("{cipher}:{password}@{host}:{port}");
    match form {
        SsLink::Legacy => format!("ss://{}#{}", BASE64_STANDARD.encode(whole()), utf8_percent_encode(name, FRAGMENT)),
        SsLink::Panel => {
            format!("ss://{}#{}", BASE64_URL_SAFE.encode(whole()), utf8_percent_encode(name, PANEL_FRAGMENT))
        }
        SsLink::Sip002 => {
            let user = if cipher.is_2022() {
                format!("{cipher}:{}", utf8_percent_encode(password, UNRESERVED))
            } else {
                BASE64_URL_SAFE_NO_PAD.encode(format!("{cipher}:{password}"))
            };
            format!("ss://{user}@{host}:{port}#{}", utf8_percent_encode(name, FRAGMENT))
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_model::NodeId;

    use super::*;
    use crate::proxy::node::{Certificate, Hysteria};

    fn node(protocol: Protocol) -> Node {
        Node {
            id: NodeId(1),
            code: None,
            name: "n 1".to_owned(),
            remark: None,
            host: "192.0.2.10".to_owned(),
            port: 443,
            server_port: 0,
            listen_ip: None,
            rate: 100,
            is_embedded: true,
            is_enabled: true,
            is_shown: true,
            sort: None,
            group_ids: [].into(),
            sheet: std::sync::Arc::default(),
            transfer_cap: None,
            is_capped: false,
            protocol,
            bound_port: None,
            routes: [].into(),
        }
    }

    #[test]
    fn tls_links_carry_transport_name_and_the_insecure_flag() {
        let uuid: Uuid = "11111111-2222-4333-8444-555555555555".parse().unwrap();
        let tls = |server_name: &str, is_self_signed| Tls {
            server_name: server_name.to_owned(),
            fallback: None,
            certificate: Certificate::Content { cert_pem: String::new(), key_pem: String::new(), is_self_signed },
        };
        let link = |protocol| of(&node(protocol), uuid, SsLink::Legacy).unwrap().expose().to_owned();
        let websocket =
            |host: Option<&str>| Transport::WebSocket { path: "/a&b".to_owned(), host: host.map(str::to_owned) };
        assert_eq!(
            link(Protocol::Vless(tls("cdn.example.com", false), websocket(Some("cdn.example.com")))),
            "vless://11111111-2222-4333-8444-555555555555@192.0.2.10:443?encryption=none&security=tls&type=ws&path=%2Fa%26b\
             &host=cdn.example.com&sni=cdn.example.com#n%201"
        );
        assert_eq!(
            link(Protocol::Trojan(tls("", true), websocket(None))),
            "trojan://11111111-2222-4333-8444-555555555555@192.0.2.10:443?security=tls&type=ws&path=%2Fa%26b\
             &allowInsecure=1#n%201"
        );
        let hysteria = |tls| Hysteria { tls, up_mbps: 0, down_mbps: 0, ignore_client_bandwidth: false };
        assert_eq!(
            link(Protocol::Hysteria(hysteria(tls("vpn.example.com", true)))),
            "hysteria2://11111111-2222-4333-8444-555555555555@192.0.2.10:443?sni=vpn.example.com&insecure=1#n%201"
        );
        assert_eq!(
            link(Protocol::Hysteria(hysteria(tls("", false)))),
            "hysteria2://11111111-2222-4333-8444-555555555555@192.0.2.10:443?insecure=0#n%201"
        );
    }

    /// specs/oa.md §4.4, row by row.
    #[test]
    fn ss_links_match_the_vectors_of_the_specification() {
        let aes = SsCipher::Aes256Gcm;
        let link = |password, host: &str, name, form| shadowsocks(aes, password, &bracketed(host), 123, name, form);
        let node = "服务节点1";
        assert_eq!(
            link("connPW+/1", "127.0.0.1", node, SsLink::Legacy),
            "ss://YWVzLTI1Ni1nY206Y29ublBXKy8xQDEyNy4wLjAuMToxMjM=#%E6%9C%8D%E5%8A%A1%E8%8A%82%E7%82%B91"
        );
        assert_eq!(
            link("P", "127.0.0.1", node, SsLink::Legacy),
            "ss://YWVzLTI1Ni1nY206UEAxMjcuMC4wLjE6MTIz#%E6%9C%8D%E5%8A%A1%E8%8A%82%E7%82%B91"
        );
        assert_eq!(
            link("a?>b~~~", "127.0.0.1", "A&B <x>/é +=;,?", SsLink::Legacy),
            "ss://YWVzLTI1Ni1nY206YT8+Yn5+fkAxMjcuMC4wLjE6MTIz#A&B%20%3Cx%3E%2F%C3%A9%20+=%3B%2C%3F"
        );
        assert_eq!(
            link("a?>b~~~", "127.0.0.1", "A&B <x>/é +=;,?", SsLink::Panel),
            "ss://YWVzLTI1Ni1nY206YT8-Yn5-fkAxMjcuMC4wLjE6MTIz#A%26B%20%3Cx%3E/%C3%A9%20%2B%3D%3B%2C%3F"
        );
        assert_eq!(
            link("connPW+/1", "127.0.0.1", node, SsLink::Sip002),
            "ss://YWVzLTI1Ni1nY206Y29ublBXKy8x@127.0.0.1:123#%E6%9C%8D%E5%8A%A1%E8%8A%82%E7%82%B91"
        );
        assert_eq!(
            link("P", "2001:db8::1", "v6", SsLink::Legacy),
            "ss://YWVzLTI1Ni1nY206UEBbMjAwMTpkYjg6OjFdOjEyMw==#v6"
        );
        let server_key: Vec<u8> = (0x00..=0x1f).collect();
        let user_key: Vec<u8> = (0x20..=0x3f).collect();
        let password = format!("{}:{}", BASE64_STANDARD.encode(server_key), BASE64_STANDARD.encode(user_key));
        let modern = |form| shadowsocks(SsCipher::Blake3Aes256Gcm, &password, "192.0.2.10", 8388, "n1", form);
        assert_eq!(
            modern(SsLink::Legacy),
            "ss://MjAyMi1ibGFrZTMtYWVzLTI1Ni1nY206QUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOD06SUNFaUl5UWxKaWNvS1NvckxDMHVMekF4TWpNME5UWTNPRGs2T3p3OVBqOD1AMTkyLjAuMi4xMDo4Mzg4#n1"
        );
        assert_eq!(
            modern(SsLink::Sip002),
            "ss://2022-blake3-aes-256-gcm:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8%3D%3AICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8%3D@192.0.2.10:8388#n1"
        );
    }
}
