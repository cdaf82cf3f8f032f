//! Quantumult X: Base64 of lines (specs/panel-nodes.md N6.5).

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{entry::Entry, line::Line};
use crate::settings::{Network, Plain, Security, Settings, Transport};

pub(super) fn render(entries: &[Entry<'_>]) -> String {
    let mut lines = String::with_capacity(entries.len() * 256);
    for entry in entries {
        write_line(&mut lines, entry);
    }
    BASE64_STANDARD.encode(lines)
}

fn write_line(out: &mut String, entry: &Entry<'_>) {
    let address = format!("{}:{}", entry.url_host(), entry.port);
    let mut line = match entry.settings() {
        Settings::Shadowsocks(settings) => {
            let mut line = Line::new(out, &format!("shadowsocks={address}"));
            line.pair("method", settings.cipher.as_str()).raw_pair("password", &entry.password);
            if let Some(obfs) = settings.simple_obfs() {
                line.pair("obfs", &obfs.mode).pair("obfs-host", &obfs.host).pair("obfs-uri", &obfs.path);
            }
            line
        }
        Settings::Vmess(settings) => {
            let mut line = Line::new(out, &format!("vmess={address}"));
            line.pair("method", "auto").pair("password", &entry.uuid);
            put_obfs(&mut line, entry, &settings.transport);
            line
        }
        Settings::Vless(settings) => {
            let mut line = Line::new(out, &format!("vless={address}"));
            line.pair("method", "none").pair("password", &entry.uuid);
            put_obfs(&mut line, entry, &settings.transport);
            line.pair("vless-flow", &settings.flow);
            if settings.tls == Security::Reality {
                line.raw_pair("reality-base64-pubkey", &settings.reality_settings.public_key);
                line.pair("reality-hex-shortid", &settings.reality_settings.short_id);
            }
            line
        }
        Settings::Trojan(settings) => {
            let mut line = Line::new(out, &format!("trojan={address}"));
            line.pair("password", &entry.password);
            if settings.transport.network == Network::Ws {
                put_obfs(&mut line, entry, &settings.transport);
            } else {
                put_over_tls(&mut line, entry);
            }
            line
        }
        Settings::Anytls(_) => {
            let mut line = Line::new(out, &format!("anytls={address}"));
            line.pair("password", &entry.password);
            put_over_tls(&mut line, entry);
            line
        }
        Settings::Socks(settings) => plain(out, entry, settings, &format!("socks5={address}")),
        Settings::Http(settings) => plain(out, entry, settings, &format!("http={address}")),
        // The gate leaves them out.
        Settings::Hysteria(_) | Settings::Tuic(_) | Settings::Naive(_) | Settings::Mieru(_) => return,
    };
    line.flag("fast-open", true);
    if !matches!(entry.settings(), Settings::Http(_)) {
        line.flag("udp-relay", true);
    }
    line.pair("tag", &entry.name).end("\r\n");
}

fn plain<'o>(out: &'o mut String, entry: &Entry<'_>, settings: &Plain, head: &str) -> Line<'o> {
    let mut line = Line::new(out, head);
    line.pair("username", &entry.uuid).pair("password", &entry.password);
    if settings.tls == Security::Tls {
        put_over_tls(&mut line, entry);
    }
    line
}

fn put_over_tls(line: &mut Line<'_>, entry: &Entry<'_>) {
    line.flag("over-tls", true).pair("tls-host", entry.server_name()).flag("tls-verification", !entry.is_insecure());
}

/// Transport and TLS are one word here. Its host is the `Host` header, and the name in TLS unless that is given too.
fn put_obfs(line: &mut Line<'_>, entry: &Entry<'_>, transport: &Transport) {
    let has_tls = entry.settings().security() != Security::None;
    let word = match (transport.network, has_tls) {
        (Network::Ws, true) => "wss",
        (Network::Ws, false) => "ws",
        (_, true) => "over-tls",
        (_, false) if transport.is_http_disguise() => "http",
        (_, false) => "",
    };
    line.pair("obfs", word);
    match word {
        "over-tls" => line.pair("obfs-host", entry.server_name()),
        "wss" if transport.host.is_empty() => {
            line.pair("obfs-host", entry.server_name()).pair("obfs-uri", &transport.path)
        }
        _ => line.pair("obfs-host", &transport.host).pair("obfs-uri", &transport.path),
    };
    if word == "wss" && !transport.host.is_empty() && transport.host != entry.server_name() {
        line.pair("tls-host", entry.server_name());
    }
    if has_tls && entry.settings().reality().is_none() {
        line.flag("tls-verification", !entry.is_insecure());
    }
}
