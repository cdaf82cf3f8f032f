//! The Clash family: YAML, one proxy a line (specs/panel-nodes.md N6.3).

use super::{entry::Entry, flow::Flow};
use crate::{
    client::Format,
    settings::{
        Hysteria, Multiplex, Network, Plain, Reality, Security, Settings, Shadowsocks, Tls, Transport, Trojan, Utls,
        Vless, Vmess,
    },
    template::ClashTemplate,
};

/// Hysteria 1 cannot do without a bandwidth: Mbit/s where none is set.
pub(super) const DEFAULT_MBPS: u32 = 100;

pub(super) fn render(template: &ClashTemplate, entries: &[Entry<'_>], format: Format) -> String {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut out = String::with_capacity(8192 + entries.len() * 512);
    template.render(&mut out, &names, |out| {
        for entry in entries {
            out.push_str("  - ");
            Flow::object(out, true, |flow| write_proxy(flow, entry, format));
            out.push('\n');
        }
    });
    out
}

fn write_proxy(flow: &mut Flow<'_>, entry: &Entry<'_>, format: Format) {
    let kind = match entry.settings() {
        Settings::Shadowsocks(_) => "ss",
        Settings::Socks(_) => "socks5",
        Settings::Hysteria(hysteria) if hysteria.version == 2 => "hysteria2",
        other => other.kind().as_str(),
    };
    flow.text("name", &entry.name).text("type", kind).text("server", entry.host());
    if !matches!((entry.settings(), entry.node.port.range()), (Settings::Mieru(_), Some(_))) {
        flow.number("port", entry.port);
    }
    match entry.settings() {
        Settings::Shadowsocks(settings) => shadowsocks(flow, entry, settings),
        Settings::Vmess(settings) => vmess(flow, entry, settings),
        Settings::Vless(settings) => vless(flow, entry, settings),
        Settings::Trojan(settings) => trojan(flow, entry, settings),
        Settings::Hysteria(settings) => hysteria(flow, entry, settings, format),
        Settings::Tuic(settings) => {
            if format == Format::Stash {
                flow.number("version", settings.version);
            }
            flow.text("uuid", &entry.uuid).text("password", &entry.password);
            flow.texts("alpn", settings.alpn.iter().map(String::as_str));
            flow.text_if("sni", entry.server_name()).flag_if("skip-cert-verify", entry.is_insecure());
            flow.text("congestion-controller", &settings.congestion_control);
            flow.text("udp-relay-mode", &settings.udp_relay_mode);
            ech(flow, &settings.tls);
        }
        Settings::Anytls(settings) => {
            flow.text("password", &entry.password).text_if("sni", entry.server_name());
            flow.flag_if("skip-cert-verify", entry.is_insecure()).flag("udp", true);
            ech(flow, &settings.tls);
        }
        Settings::Mieru(settings) => {
            flow.text("username", &entry.uuid).text("password", &entry.password).text("transport", settings.transport);
            if let Some((first, last)) = entry.node.port.range() {
                flow.text("port-range", &format!("{first}-{last}"));
            }
            let level = if settings.multiplex.enabled { "MULTIPLEXING_HIGH" } else { "MULTIPLEXING_LOW" };
            flow.text("multiplexing", level).text_if("traffic-pattern", &settings.traffic_pattern).flag("udp", true);
        }
        Settings::Socks(settings) => plain(flow, entry, settings, true),
        Settings::Http(settings) | Settings::Naive(settings) => plain(flow, entry, settings, false),
    }
}

fn plain(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Plain, is_socks: bool) {
    flow.text("username", &entry.uuid).text("password", &entry.password);
    if settings.tls == Security::Tls {
        flow.flag("tls", true).flag_if("skip-cert-verify", entry.is_insecure());
        if !is_socks {
            flow.text_if("sni", entry.server_name());
        }
    }
    if is_socks {
        flow.flag("udp", true);
    }
}

fn shadowsocks(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Shadowsocks) {
    flow.text("cipher", settings.cipher.as_str()).text("password", &entry.password).flag("udp", true);
    if let Some(obfs) = settings.simple_obfs() {
        flow.text("plugin", "obfs").nested("plugin-opts", |flow| {
            flow.text("mode", &obfs.mode).text_if("host", &obfs.host);
        });
    } else if let Some((name, _)) = settings.client_plugin() {
        let option = |key: &str| settings.plugin_option(key).unwrap_or_default();
        flow.text("plugin", name).nested("plugin-opts", |flow| {
            let mode = option("mode");
            flow.text("mode", if mode.is_empty() { "websocket" } else { &mode });
            flow.flag_if("tls", !option("tls").is_empty());
            flow.text_if("host", &option("host")).text_if("path", &option("path"));
        });
    }
}

fn vmess(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Vmess) {
    flow.text("uuid", &entry.uuid).number("alterId", 0).text("cipher", "auto").flag("udp", true);
    flow.flag("tls", settings.tls == Security::Tls);
    if settings.tls == Security::Tls {
        flow.flag("skip-cert-verify", entry.is_insecure()).text_if("servername", entry.server_name());
        fingerprint(flow, &settings.utls);
        ech(flow, &settings.tls_settings);
    }
    transport(flow, &settings.transport);
    smux(flow, &settings.multiplex);
}

fn vless(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Vless) {
    flow.text("uuid", &entry.uuid).flag("udp", true).text_if("flow", &settings.flow);
    if settings.encryption.enabled {
        flow.text("encryption", settings.client_encryption());
    }
    flow.flag("tls", settings.tls != Security::None);
    match settings.tls {
        Security::None => {}
        Security::Tls => {
            flow.flag("skip-cert-verify", entry.is_insecure()).text_if("servername", entry.server_name());
            fingerprint(flow, &settings.utls);
            ech(flow, &settings.tls_settings);
        }
        Security::Reality => {
            flow.text("servername", &settings.reality_settings.server_name);
            reality(flow, &settings.reality_settings, &settings.utls);
        }
    }
    transport(flow, &settings.transport);
    if settings.flow.is_empty() {
        smux(flow, &settings.multiplex);
    }
}

fn trojan(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Trojan) {
    flow.text("password", &entry.password).flag("udp", true).text_if("sni", entry.server_name());
    if settings.tls == Security::Reality {
        reality(flow, &settings.reality_settings, &settings.utls);
    } else {
        flow.flag("skip-cert-verify", entry.is_insecure());
        fingerprint(flow, &settings.utls);
        ech(flow, &settings.tls_settings);
    }
    if settings.transport.network != Network::Tcp {
        transport(flow, &settings.transport);
    }
    smux(flow, &settings.multiplex);
}

fn hysteria(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Hysteria, format: Format) {
    let is_stash = format == Format::Stash;
    let (up, down) = if is_stash { ("up-speed", "down-speed") } else { ("up", "down") };
    let ports = entry.node.port.range().map(|(first, last)| format!("{first}-{last}")).unwrap_or_default();
    if settings.version == 2 {
        flow.text(if is_stash { "auth" } else { "password" }, &entry.password);
        flow.number_if(up, settings.bandwidth.up).number_if(down, settings.bandwidth.down);
        if let Some(password) = settings.obfs_password() {
            flow.text("obfs", &settings.obfs.kind).text("obfs-password", password);
        }
    } else {
        flow.text(if is_stash { "auth-str" } else { "auth_str" }, &entry.password).text("protocol", "udp");
        let or_default = |rate: u32| if rate == 0 { DEFAULT_MBPS } else { rate };
        flow.number(up, or_default(settings.bandwidth.up)).number(down, or_default(settings.bandwidth.down));
        flow.text_if("obfs", settings.obfs_password().unwrap_or_default());
        flow.flag("fast-open", true).flag("disable_mtu_discovery", true);
    }
    flow.text_if("sni", entry.server_name()).flag("skip-cert-verify", entry.is_insecure());
    flow.text_if("ports", &ports);
    if !ports.is_empty() {
        flow.number_if("hop-interval", settings.hop_interval);
    }
    ech(flow, &settings.tls);
}

fn fingerprint(flow: &mut Flow<'_>, utls: &Utls) {
    flow.text_if("client-fingerprint", utls.fingerprint().unwrap_or_default());
}

fn reality(flow: &mut Flow<'_>, reality: &Reality, utls: &Utls) {
    flow.text("client-fingerprint", utls.fingerprint().unwrap_or("chrome"));
    flow.nested("reality-opts", |flow| {
        flow.text("public-key", &reality.public_key).text("short-id", &reality.short_id);
    });
}

fn ech(flow: &mut Flow<'_>, tls: &Tls) {
    if tls.ech.is_usable() {
        flow.nested("ech-opts", |flow| {
            flow.flag("enable", true).text_if("config", &tls.ech.config_base64());
            flow.text_if("query-server-name", &tls.ech.query_server_name);
        });
    }
}

fn smux(flow: &mut Flow<'_>, multiplex: &Multiplex) {
    if !multiplex.enabled {
        return;
    }
    flow.nested("smux", |flow| {
        flow.flag("enabled", true).text("protocol", multiplex.protocol);
        flow.number_if("max-connections", multiplex.max_connections).flag("padding", multiplex.padding);
        if multiplex.brutal.enabled {
            flow.nested("brutal-opts", |flow| {
                flow.flag("enabled", true);
                flow.number("up", multiplex.brutal.up_mbps).number("down", multiplex.brutal.down_mbps);
            });
        }
    });
}

fn transport(flow: &mut Flow<'_>, transport: &Transport) {
    let paths = || {
        let is_empty = transport.paths().next().is_none();
        transport.paths().chain(is_empty.then_some("/"))
    };
    match transport.network {
        Network::Tcp if !transport.is_http_disguise() => {
            flow.text("network", "tcp");
        }
        Network::Tcp | Network::Http => {
            flow.text("network", "http").nested("http-opts", |flow| {
                flow.text("method", "GET").texts("path", paths());
                if transport.hosts().next().is_some() {
                    flow.nested("headers", |flow| {
                        flow.texts("Host", transport.hosts());
                    });
                }
            });
        }
        Network::Ws | Network::Httpupgrade => {
            flow.text("network", "ws").nested("ws-opts", |flow| {
                flow.text_if("path", &transport.path);
                if !transport.host.is_empty() {
                    flow.nested("headers", |flow| {
                        flow.text("Host", &transport.host);
                    });
                }
                flow.flag_if("v2ray-http-upgrade", transport.network == Network::Httpupgrade);
            });
        }
        Network::Grpc => {
            flow.text("network", "grpc").nested("grpc-opts", |flow| {
                flow.text("grpc-service-name", &transport.service_name);
            });
        }
        Network::H2 => {
            flow.text("network", "h2").nested("h2-opts", |flow| {
                flow.texts("host", transport.hosts()).text_if("path", &transport.path);
            });
        }
        Network::Xhttp => {
            flow.text("network", "xhttp").nested("xhttp-opts", |flow| {
                flow.text_if("path", &transport.path).text_if("host", &transport.host).text_if("mode", &transport.mode);
            });
        }
        // The gate leaves them out.
        Network::Kcp | Network::Quic => {}
    }
}
