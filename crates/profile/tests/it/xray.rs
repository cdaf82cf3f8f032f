//! Xray loads the outbounds that our links mean.

use gatehouse_profile::Format;
use serde_json::{Value, json};

use crate::{
    corpus::{everything, of, render_for},
    links::{Link, decode_lines},
    peer::{free_port, must_start, python},
};

/// A link as Xray's own configuration, as its documentation of share links says.
fn outbound(link: &Link) -> Option<Value> {
    let server = |extra: Value| {
        let mut server = json!({"address": link.host, "port": link.port});
        server.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        server
    };
    let query = |key: &str| link.query.get(key).map_or("", String::as_str);
    let user = link.user.as_str();
    // Xray refuses VLESS in the clear, and never had this cipher.
    if link.scheme == "vless" && query("security") == "none" && query("encryption") == "none"
        || user.starts_with("aes-192-gcm:")
    {
        return None;
    }
    let (protocol, settings) = match link.scheme.as_str() {
        "vless" => (
            "vless",
            json!({"vnext": [server(json!({"users": [{"id": user, "encryption": query("encryption"), "flow": query("flow")}]}))]}),
        ),
        "trojan" => ("trojan", json!({"servers": [server(json!({"password": user}))]})),
        "vmess" => ("vmess", json!({"vnext": [server(json!({"users": [{"id": user, "security": "auto"}]}))]})),
        "ss" if query("plugin").is_empty() => {
            let (method, password) = user.split_once(':')?;
            ("shadowsocks", json!({"servers": [server(json!({"method": method, "password": password}))]}))
        }
        "socks" => {
            let (name, password) = user.split_once(':')?;
            ("socks", json!({"servers": [server(json!({"users": [{"user": name, "pass": password}]}))]}))
        }
        _ => return None,
    };
    let network = match query("type") {
        "" => "tcp",
        // Xray has dropped HTTP/2 and QUIC.
        "http" | "h2" | "quic" | "kcp" => return None,
        other => other,
    };
    let security = if link.scheme == "trojan" && query("security").is_empty() { "tls" } else { query("security") };
    let mut stream = json!({"network": network, "security": if security.is_empty() { "none" } else { security }});
    let name = query("sni");
    if security == "tls" {
        stream["tlsSettings"] = json!({"serverName": name, "fingerprint": query("fp")});
    } else if security == "reality" {
        stream["realitySettings"] = json!({"serverName": name, "fingerprint": query("fp"), "publicKey": query("pbk"),
            "shortId": query("sid"), "spiderX": query("spx")});
    }
    match network {
        "ws" => stream["wsSettings"] = json!({"path": query("path"), "host": query("host")}),
        "grpc" => stream["grpcSettings"] = json!({"serviceName": query("serviceName")}),
        "httpupgrade" => stream["httpupgradeSettings"] = json!({"path": query("path"), "host": query("host")}),
        "xhttp" => {
            let extra: Value = serde_json::from_str(query("extra")).unwrap_or(json!({}));
            stream["xhttpSettings"] =
                json!({"path": query("path"), "host": query("host"), "mode": query("mode"), "extra": extra});
        }
        _ => {}
    }
    Some(json!({"protocol": protocol, "settings": settings, "streamSettings": stream}))
}

#[test]
fn xray_starts_with_every_outbound_that_our_links_mean() {
    let lines = decode_lines(&render_for(&of(Format::General), &everything()).body);
    let links: Vec<Link> = lines.iter().map(|line| Link::parse(line)).collect();
    let mut outbounds: Vec<Value> = links.iter().filter_map(outbound).collect();
    for (index, outbound) in outbounds.iter_mut().enumerate() {
        outbound["tag"] = json!(format!("out-{index}"));
    }
    for protocol in ["vless", "vmess", "trojan", "shadowsocks", "socks"] {
        assert!(outbounds.iter().any(|outbound| outbound["protocol"] == protocol), "{protocol}");
    }
    let port = free_port();
    let config = json!({
        "inbounds": [{"listen": "127.0.0.1", "port": port, "protocol": "socks"}],
        "outbounds": outbounds,
    });
    let script = "import xray; xray.startFromJSON(open('config').read())";
    must_start(&python(), &["-c", script], &config.to_string(), port);
}
