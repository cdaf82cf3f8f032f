//! Shadowrocket: links of its own spelling behind a line of status (specs/panel-nodes.md N6.2).

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Profile,
    entry::{Entry, gibibytes},
    general,
    uri::Uri,
};
use crate::settings::{Network, Security, Settings, Transport, Utls, Vless, Vmess};

pub(super) fn render(entries: &[Entry<'_>], profile: &Profile<'_>) -> String {
    let person = profile.person;
    let mut lines = String::with_capacity(entries.len() * 320 + 128);
    lines.push_str(&format!(
        "STATUS=🚀↑:{}GB,↓:{}GB,TOT:{}GB💡Expires:{}\r\n",
        gibibytes(person.up),
        gibibytes(person.down),
        gibibytes(person.total),
        person.expiry.as_ref().map_or("长期有效", |expiry| expiry.date.as_str()),
    ));
    for entry in entries {
        write_link(&mut lines, entry);
    }
    BASE64_STANDARD.encode(lines)
}

fn write_link(out: &mut String, entry: &Entry<'_>) {
    match entry.settings() {
        Settings::Vmess(settings) => vmess(out, entry, settings),
        Settings::Vless(settings) => vless(out, entry, settings),
        Settings::Trojan(settings) => general::trojan(out, entry, settings, true),
        Settings::Shadowsocks(settings) => general::shadowsocks(out, entry, settings),
        Settings::Hysteria(settings) => general::hysteria(out, entry, settings),
        Settings::Tuic(settings) => general::tuic(out, entry, settings),
        Settings::Anytls(settings) => general::anytls(out, entry, settings),
        Settings::Socks(_) => general::socks(out, entry),
        Settings::Http(_) | Settings::Naive(_) | Settings::Mieru(_) => {}
    }
}

fn head(scheme: &str, entry: &Entry<'_>) -> String {
    let user = BASE64_STANDARD.encode(format!("auto:{}@{}:{}", entry.uuid, entry.url_host(), entry.port));
    format!("{scheme}://{user}")
}

fn vmess(out: &mut String, entry: &Entry<'_>, settings: &Vmess) {
    let mut uri = Uri::new(out, &head("vmess", entry));
    uri.put("remark", &entry.name).put("alterId", "0");
    if settings.tls == Security::Tls {
        put_tls(&mut uri, entry, &settings.utls);
    }
    put_transport(&mut uri, &settings.transport);
    uri.end(&entry.name);
}

fn vless(out: &mut String, entry: &Entry<'_>, settings: &Vless) {
    let mut uri = Uri::new(out, &head("vless", entry));
    uri.put("remark", &entry.name);
    match settings.tls {
        Security::None => {}
        Security::Tls => put_tls(&mut uri, entry, &settings.utls),
        Security::Reality => {
            let reality = &settings.reality_settings;
            uri.flag("tls", true)
                .put("peer", &reality.server_name)
                .put("sni", &reality.server_name)
                .put("pbk", &reality.public_key)
                .put("sid", &reality.short_id)
                .put("fp", settings.utls.fingerprint().unwrap_or("chrome"));
        }
    }
    // 1 is the flow "direct" of XTLS, 2 Vision.
    uri.put("xtls", if settings.flow.is_empty() { "" } else { "2" });
    if settings.encryption.enabled {
        uri.put("encryption", settings.client_encryption());
    }
    put_transport(&mut uri, &settings.transport);
    uri.end(&entry.name);
}

fn put_tls(uri: &mut Uri<'_>, entry: &Entry<'_>, utls: &Utls) {
    uri.flag("tls", true)
        .put("peer", entry.server_name())
        .put("sni", entry.server_name())
        .flag("allowInsecure", entry.is_insecure())
        .put("fp", utls.fingerprint().unwrap_or_default());
}

fn put_transport(uri: &mut Uri<'_>, transport: &Transport) {
    let join = |parts: Vec<&str>| parts.join(",");
    match transport.network {
        Network::Tcp if transport.header_type.is_empty() => {}
        Network::Tcp => {
            uri.put("obfs", "http")
                .put("path", &join(transport.paths().collect()))
                .put("obfsParam", &join(transport.hosts().collect()));
        }
        Network::Ws => {
            uri.put("obfs", "websocket").put("path", &transport.path).put("obfsParam", &transport.host);
        }
        Network::Grpc => {
            uri.put("obfs", "grpc").put("path", &transport.service_name);
        }
        Network::H2 | Network::Http => {
            uri.put("obfs", "h2").put("path", &transport.path).put("obfsParam", &join(transport.hosts().collect()));
        }
        Network::Httpupgrade => {
            uri.put("obfs", "httpupgrade").put("path", &transport.path).put("obfsParam", &transport.host);
        }
        Network::Xhttp => {
            uri.put("obfs", "xhttp")
                .put("path", &transport.path)
                .put("obfsParam", &transport.host)
                .put("mode", &transport.mode);
        }
        Network::Kcp => {
            uri.put("obfs", "kcp").put("path", &transport.seed).put("type", &transport.header_type);
        }
        Network::Quic => {
            uri.put("obfs", "quic");
        }
    }
}
