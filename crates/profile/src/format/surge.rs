//! Surge, and Surfboard, which reads a subset (specs/panel-nodes.md N6.5).

use super::{
    Profile,
    entry::{Entry, gibibytes},
    line::{Line, line_char},
};
use crate::{
    client::Format,
    settings::{Network, Plain, Security, Settings, Transport},
    template::{IniPiece, IniTemplate},
};

pub(super) fn render(template: &IniTemplate, entries: &[Entry<'_>], profile: &Profile<'_>, format: Format) -> String {
    let mut out = String::with_capacity(4096 + entries.len() * 256);
    for piece in &template.pieces {
        match piece {
            IniPiece::Text(text) => out.push_str(text),
            IniPiece::Link => out.push_str(profile.person.subscribe_url.expose()),
            IniPiece::Proxies => {
                for entry in entries {
                    write_line(&mut out, entry, format);
                }
            }
            // A group without members is refused.
            IniPiece::Group if entries.is_empty() => out.push_str("DIRECT"),
            IniPiece::Group => {
                for (index, entry) in entries.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    out.push_str(&entry.name);
                }
            }
            IniPiece::Info => write_info(&mut out, profile),
        }
    }
    out
}

/// A panel's text: `title=…, content=…`, lines parted by `\n` spelled out.
fn write_info(out: &mut String, profile: &Profile<'_>) {
    let person = profile.person;
    let used = person.up.saturating_add(person.down);
    out.push_str("title=");
    out.extend(profile.site.app_name.chars().filter(|char| !char.is_control()).map(line_char));
    out.push_str(&format!(
        "订阅信息, content=上传流量：{}GB\\n下载流量：{}GB\\n剩余流量：{}GB\\n套餐流量：{}GB\\n到期时间：{}",
        gibibytes(person.up),
        gibibytes(person.down),
        gibibytes(person.total.saturating_sub(used)),
        gibibytes(person.total),
        person.expiry.as_ref().map_or("长期有效", |expiry| expiry.date.as_str()),
    ));
}

fn write_line(out: &mut String, entry: &Entry<'_>, format: Format) {
    out.push_str(&entry.name);
    out.push_str(" = ");
    let port = entry.port.to_string();
    let mut line = match entry.settings() {
        Settings::Shadowsocks(settings) => {
            let mut line = Line::new(out, "ss");
            line.value(entry.host()).value(&port).pair("encrypt-method", settings.cipher.as_str());
            // The Base64 of 2022 keys ends in `=`.
            if settings.cipher.is_2022() {
                line.quoted_pair("password", &entry.password);
            } else {
                line.pair("password", &entry.password);
            }
            if let Some(obfs) = settings.simple_obfs() {
                line.pair("obfs", &obfs.mode).pair("obfs-host", &obfs.host).pair("obfs-uri", &obfs.path);
            }
            line.flag("tfo", true).flag("udp-relay", true);
            line
        }
        Settings::Vmess(settings) => {
            let mut line = Line::new(out, "vmess");
            line.value(entry.host()).value(&port).pair("username", &entry.uuid).flag("vmess-aead", true);
            line.flag("tfo", true).flag("udp-relay", true);
            if settings.tls == Security::Tls {
                line.flag("tls", true);
                put_tls(&mut line, entry);
            }
            put_websocket(&mut line, &settings.transport);
            line
        }
        Settings::Trojan(settings) => {
            let mut line = Line::new(out, "trojan");
            line.value(entry.host()).value(&port).pair("password", &entry.password);
            put_tls(&mut line, entry);
            line.flag("tfo", true).flag("udp-relay", true);
            put_websocket(&mut line, &settings.transport);
            line
        }
        Settings::Hysteria(settings) => {
            let mut line = Line::new(out, "hysteria2");
            line.value(entry.host()).value(&port).pair("password", &entry.password);
            put_tls(&mut line, entry);
            if settings.bandwidth.down > 0 {
                line.pair("download-bandwidth", &settings.bandwidth.down.to_string());
            }
            if let Some((first, last)) = entry.node.port.range() {
                line.quoted_pair("port-hopping", &format!("{first}-{last}"));
                if settings.hop_interval > 0 {
                    line.pair("port-hopping-interval", &settings.hop_interval.to_string());
                }
            }
            line.flag("udp-relay", true);
            line
        }
        Settings::Anytls(_) => {
            let mut line = Line::new(out, "anytls");
            line.value(entry.host()).value(&port).pair("password", &entry.password);
            put_tls(&mut line, entry);
            if format == Format::Surfboard {
                line.flag("udp-relay", true);
            }
            line
        }
        Settings::Socks(settings) => plain(out, entry, settings, ["socks5", "socks5-tls"]),
        Settings::Http(settings) => plain(out, entry, settings, ["http", "https"]),
        // The gate leaves them out.
        Settings::Vless(_) | Settings::Tuic(_) | Settings::Naive(_) | Settings::Mieru(_) => Line::new(out, "reject"),
    };
    line.end("\n");
}

fn plain<'o>(out: &'o mut String, entry: &Entry<'_>, settings: &Plain, words: [&str; 2]) -> Line<'o> {
    let [clear, tls] = words;
    let has_tls = settings.tls == Security::Tls;
    let mut line = Line::new(out, if has_tls { tls } else { clear });
    line.value(entry.host()).value(&entry.port.to_string()).value(&entry.uuid).value(&entry.password);
    if has_tls {
        put_tls(&mut line, entry);
    }
    line
}

fn put_tls(line: &mut Line<'_>, entry: &Entry<'_>) {
    line.pair("sni", entry.server_name());
    if entry.is_insecure() {
        line.flag("skip-cert-verify", true);
    }
}

fn put_websocket(line: &mut Line<'_>, transport: &Transport) {
    if transport.network == Network::Ws {
        line.flag("ws", true).pair("ws-path", &transport.path);
        if !transport.host.is_empty() {
            line.pair("ws-headers", &format!("Host:{}", transport.host));
        }
    }
}
