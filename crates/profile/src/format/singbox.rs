//! sing-box: JSON outbounds in the spelling of the app's core (specs/panel-nodes.md N6.4).

use super::{clash::DEFAULT_MBPS, entry::Entry, flow::Flow};
use crate::{
    client::Client,
    settings::{Ech, Multiplex, Network, Security, Settings, Shadowsocks, Transport, Utls},
    template::{Age, SingBoxTemplate},
};

/// What the core can read.
#[derive(Clone, Copy)]
struct Core {
    age: Age,
    /// ECH's `query_server_name` came with 1.13.
    asks_for_ech: bool,
}

pub(super) fn render(template: &SingBoxTemplate, entries: &[Entry<'_>], client: &Client) -> String {
    let core = Core { age: Age::of(client), asks_for_ech: !client.is_older_than(1, 13, 0) };
    let tags: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut out = String::with_capacity(4096 + entries.len() * 512);
    template.render(&mut out, core.age, &tags, |out, index| {
        if let Some(entry) = entries.get(index) {
            Flow::object(out, false, |flow| write_outbound(flow, entry, core));
        }
    });
    out
}

fn write_outbound(flow: &mut Flow<'_>, entry: &Entry<'_>, core: Core) {
    let kind = match entry.settings() {
        Settings::Hysteria(hysteria) if hysteria.version == 2 => "hysteria2",
        other => other.kind().as_str(),
    };
    flow.text("type", kind).text("tag", &entry.name).text("server", entry.host()).number("server_port", entry.port);
    match entry.settings() {
        Settings::Shadowsocks(settings) => shadowsocks(flow, entry, settings),
        Settings::Vmess(settings) => {
            flow.text("uuid", &entry.uuid).text("security", "auto").number("alter_id", 0);
            tls(flow, entry, Some(&settings.utls), core);
            transport(flow, &settings.transport);
            multiplex(flow, &settings.multiplex);
        }
        Settings::Vless(settings) => {
            flow.text("uuid", &entry.uuid).text_if("flow", &settings.flow).text("packet_encoding", "xudp");
            tls(flow, entry, Some(&settings.utls), core);
            transport(flow, &settings.transport);
            if settings.flow.is_empty() {
                multiplex(flow, &settings.multiplex);
            }
        }
        Settings::Trojan(settings) => {
            flow.text("password", &entry.password);
            tls(flow, entry, Some(&settings.utls), core);
            transport(flow, &settings.transport);
            multiplex(flow, &settings.multiplex);
        }
        Settings::Hysteria(settings) if settings.version == 2 => {
            flow.text("password", &entry.password);
            flow.number_if("up_mbps", settings.bandwidth.up).number_if("down_mbps", settings.bandwidth.down);
            if let Some(password) = settings.obfs_password() {
                flow.nested("obfs", |flow| {
                    flow.text("type", &settings.obfs.kind).text("password", password);
                });
            }
            let range = entry.node.port.range().filter(|_| core.age >= Age::Before1_12);
            if let Some((first, last)) = range {
                flow.texts("server_ports", std::iter::once(format!("{first}:{last}").as_str()));
                if settings.hop_interval > 0 {
                    flow.text("hop_interval", &format!("{}s", settings.hop_interval));
                }
            }
            tls(flow, entry, None, core);
        }
        Settings::Hysteria(settings) => {
            flow.text("auth_str", &entry.password);
            let or_default = |rate: u32| if rate == 0 { DEFAULT_MBPS } else { rate };
            flow.number("up_mbps", or_default(settings.bandwidth.up));
            flow.number("down_mbps", or_default(settings.bandwidth.down));
            flow.text_if("obfs", settings.obfs_password().unwrap_or_default()).flag("disable_mtu_discovery", true);
            tls(flow, entry, None, core);
        }
        Settings::Tuic(settings) => {
            flow.text("uuid", &entry.uuid).text("password", &entry.password);
            flow.text("congestion_control", &settings.congestion_control);
            flow.text("udp_relay_mode", &settings.udp_relay_mode);
            flow.flag("zero_rtt_handshake", true).text("heartbeat", "10s");
            tls(flow, entry, None, core);
        }
        Settings::Anytls(_) => {
            flow.text("password", &entry.password);
            tls(flow, entry, None, core);
        }
        Settings::Socks(_) => {
            flow.text("version", "5").text("username", &entry.uuid).text("password", &entry.password);
        }
        Settings::Http(_) => {
            flow.text("username", &entry.uuid).text("password", &entry.password);
            tls(flow, entry, None, core);
        }
        // The gate leaves them out.
        Settings::Naive(_) | Settings::Mieru(_) => {}
    }
}

fn shadowsocks(flow: &mut Flow<'_>, entry: &Entry<'_>, settings: &Shadowsocks) {
    flow.text("method", settings.cipher.as_str()).text("password", &entry.password);
    if let Some((name, options)) = settings.client_plugin() {
        let name = if settings.simple_obfs().is_some() { "obfs-local" } else { name };
        flow.text("plugin", name).text_if("plugin_opts", &options);
    }
}

fn tls(flow: &mut Flow<'_>, entry: &Entry<'_>, utls: Option<&Utls>, core: Core) {
    let settings = entry.settings();
    if settings.security() == Security::None {
        return;
    }
    let reality = settings.reality();
    flow.nested("tls", |flow| {
        flow.flag("enabled", true).flag_if("insecure", entry.is_insecure()).text_if("server_name", entry.server_name());
        // AnyTLS runs over TCP: h3 would be wrong there.
        if let Settings::Tuic(tuic) = settings {
            flow.texts("alpn", tuic.alpn.iter().map(String::as_str));
        }
        let fingerprint = match (reality, utls.and_then(Utls::fingerprint)) {
            (Some(_), None) => Some("chrome"),
            (_, fingerprint) => fingerprint,
        };
        if let Some(fingerprint) = fingerprint {
            flow.nested("utls", |flow| {
                flow.flag("enabled", true).text("fingerprint", fingerprint);
            });
        }
        if let Some(reality) = reality {
            flow.nested("reality", |flow| {
                flow.flag("enabled", true).text("public_key", &reality.public_key).text("short_id", &reality.short_id);
            });
        } else if let Some(tls) = settings.tls()
            && tls.ech.is_usable()
        {
            ech(flow, &tls.ech, core);
        }
    });
}

/// The list travels as PEM, a line an item.
fn ech(flow: &mut Flow<'_>, ech: &Ech, core: Core) {
    let config = ech.config_base64();
    flow.nested("ech", |flow| {
        flow.flag("enabled", true);
        if !config.is_empty() {
            let lines = ["-----BEGIN ECH CONFIGS-----", &config, "-----END ECH CONFIGS-----"];
            flow.texts("config", lines.into_iter());
        }
        if core.asks_for_ech {
            flow.text_if("query_server_name", &ech.query_server_name);
        }
    });
}

fn transport(flow: &mut Flow<'_>, transport: &Transport) {
    match transport.network {
        Network::Tcp if !transport.is_http_disguise() => {}
        Network::Tcp | Network::H2 | Network::Http => {
            flow.nested("transport", |flow| {
                flow.text("type", "http");
                if transport.hosts().next().is_some() {
                    flow.texts("host", transport.hosts());
                }
                flow.text_if("path", &transport.path);
            });
        }
        Network::Ws => {
            flow.nested("transport", |flow| {
                flow.text("type", "ws").text_if("path", &transport.path);
                if !transport.host.is_empty() {
                    flow.nested("headers", |flow| {
                        flow.text("Host", &transport.host);
                    });
                }
            });
        }
        Network::Grpc => {
            flow.nested("transport", |flow| {
                flow.text("type", "grpc").text_if("service_name", &transport.service_name);
            });
        }
        Network::Httpupgrade => {
            flow.nested("transport", |flow| {
                flow.text("type", "httpupgrade").text_if("host", &transport.host).text_if("path", &transport.path);
            });
        }
        Network::Quic => {
            flow.nested("transport", |flow| {
                flow.text("type", "quic");
            });
        }
        // The gate leaves them out.
        Network::Xhttp | Network::Kcp => {}
    }
}

fn multiplex(flow: &mut Flow<'_>, multiplex: &Multiplex) {
    if !multiplex.enabled {
        return;
    }
    flow.nested("multiplex", |flow| {
        flow.flag("enabled", true).text("protocol", multiplex.protocol);
        flow.number_if("max_connections", multiplex.max_connections).flag("padding", multiplex.padding);
        if multiplex.brutal.enabled {
            flow.nested("brutal", |flow| {
                flow.flag("enabled", true);
                flow.number("up_mbps", multiplex.brutal.up_mbps).number("down_mbps", multiplex.brutal.down_mbps);
            });
        }
    });
}
