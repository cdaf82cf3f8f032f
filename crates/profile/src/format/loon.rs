//! Loon: plain lines, secrets in quotation marks (specs/panel-nodes.md N6.5).

use super::{entry::Entry, line::Line};
use crate::settings::{Network, Security, Settings, Transport};

pub(super) fn render(entries: &[Entry<'_>]) -> String {
    let mut lines = String::with_capacity(entries.len() * 256);
    for entry in entries {
        write_line(&mut lines, entry);
    }
    lines
}

fn write_line(out: &mut String, entry: &Entry<'_>) {
    let head = |kind: &str| format!("{}={kind}", entry.name);
    let port = entry.port.to_string();
    let mut line = match entry.settings() {
        Settings::Shadowsocks(settings) => {
            let mut line = Line::new(out, &head("Shadowsocks"));
            line.value(entry.host()).value(&port).value(settings.cipher.as_str()).quoted(&entry.password);
            if let Some(obfs) = settings.simple_obfs() {
                line.pair("obfs-name", &obfs.mode).pair("obfs-host", &obfs.host).pair("obfs-uri", &obfs.path);
            }
            line.flag("fast-open", false);
            line
        }
        Settings::Vmess(settings) => {
            let mut line = Line::new(out, &head("vmess"));
            line.value(entry.host()).value(&port).value("auto").quoted(&entry.uuid);
            put_transport(&mut line, &settings.transport);
            line.pair("alterId", "0").flag("over-tls", settings.tls == Security::Tls);
            if settings.tls == Security::Tls {
                line.pair("tls-name", entry.server_name()).flag("skip-cert-verify", entry.is_insecure());
            }
            line
        }
        Settings::Vless(settings) => {
            let mut line = Line::new(out, &head("VLESS"));
            line.value(entry.host()).value(&port).quoted(&entry.uuid);
            put_transport(&mut line, &settings.transport);
            line.pair("flow", &settings.flow);
            match settings.tls {
                Security::None => line.flag("over-tls", false),
                Security::Tls => {
                    line.flag("over-tls", true).pair("tls-name", entry.server_name());
                    line.pair("sni", entry.server_name()).flag("skip-cert-verify", entry.is_insecure())
                }
                Security::Reality => {
                    let reality = &settings.reality_settings;
                    line.quoted_pair("public-key", &reality.public_key).pair("short-id", &reality.short_id);
                    line.pair("sni", &reality.server_name).flag("over-tls", true)
                }
            };
            line
        }
        Settings::Trojan(settings) => {
            let mut line = Line::new(out, &head("trojan"));
            line.value(entry.host()).value(&port).quoted(&entry.password);
            if settings.transport.network == Network::Ws {
                put_transport(&mut line, &settings.transport);
            }
            line.pair("tls-name", entry.server_name()).flag("skip-cert-verify", entry.is_insecure());
            line
        }
        Settings::Hysteria(settings) => {
            let mut line = Line::new(out, &head("Hysteria2"));
            line.value(entry.host()).value(&port).quoted(&entry.password).pair("sni", entry.server_name());
            line.flag("skip-cert-verify", entry.is_insecure());
            if settings.bandwidth.down > 0 {
                line.pair("download-bandwidth", &settings.bandwidth.down.to_string());
            }
            line
        }
        Settings::Anytls(_) => {
            let mut line = Line::new(out, &head("anytls"));
            line.value(entry.host()).value(&port).quoted(&entry.password).pair("sni", entry.server_name());
            line.flag("skip-cert-verify", entry.is_insecure());
            line
        }
        // The gate leaves them out.
        Settings::Tuic(_) | Settings::Socks(_) | Settings::Naive(_) | Settings::Http(_) | Settings::Mieru(_) => return,
    };
    line.flag("udp", true).end("\n");
}

fn put_transport(line: &mut Line<'_>, transport: &Transport) {
    match transport.network {
        Network::Ws => {
            line.pair("transport", "ws").pair("path", &transport.path).pair("host", &transport.host);
        }
        Network::Tcp if transport.is_http_disguise() => {
            line.pair("transport", "http").pair("path", &transport.path).pair("host", &transport.host);
        }
        _ => {
            line.pair("transport", "tcp");
        }
    }
}
