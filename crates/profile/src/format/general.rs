//! Links for V2Ray's apps and everybody unknown: Base64 of lines (specs/panel-nodes.md N6.1).

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::{
    entry::Entry,
    uri::{UNRESERVED, Uri},
};
use crate::settings::{
    Anytls, Hysteria, Network, Reality, Security, Settings, Shadowsocks, Transport, Trojan, Tuic, Vless, Vmess,
};

pub(super) fn render(entries: &[Entry<'_>]) -> String {
    let mut lines = String::with_capacity(entries.len() * 320);
    for entry in entries {
        write_link(&mut lines, entry);
    }
    BASE64_STANDARD.encode(lines)
}

fn write_link(out: &mut String, entry: &Entry<'_>) {
    match entry.settings() {
        Settings::Shadowsocks(settings) => shadowsocks(out, entry, settings),
        Settings::Vmess(settings) => vmess(out, entry, settings),
        Settings::Vless(settings) => vless(out, entry, settings),
        Settings::Trojan(settings) => trojan(out, entry, settings, false),
        Settings::Hysteria(settings) => hysteria(out, entry, settings),
        Settings::Tuic(settings) => tuic(out, entry, settings),
        Settings::Anytls(settings) => anytls(out, entry, settings),
        Settings::Socks(_) => socks(out, entry),
        Settings::Http(settings) => {
            let has_tls = settings.tls == Security::Tls;
            let user = BASE64_STANDARD.encode(format!("{0}:{0}", entry.uuid));
            let head = format!("http://{user}@{}:{}", entry.url_host(), entry.port);
            Uri::new(out, &head)
                .put("security", if has_tls { "tls" } else { "" })
                .put("sni", if has_tls { entry.server_name() } else { "" })
                .flag("allowInsecure", has_tls && entry.is_insecure())
                .end(&entry.name);
        }
        // Neither has a link that these apps know.
        Settings::Naive(_) | Settings::Mieru(_) => {}
    }
}

pub(super) fn socks(out: &mut String, entry: &Entry<'_>) {
    let user = BASE64_STANDARD.encode(format!("{0}:{0}", entry.uuid));
    Uri::new(out, &format!("socks://{user}@{}:{}", entry.url_host(), entry.port)).end(&entry.name);
}

pub(super) fn shadowsocks(out: &mut String, entry: &Entry<'_>, settings: &Shadowsocks) {
    let user = BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", settings.cipher.as_str(), entry.password));
    let mut head = format!("ss://{user}@{}:{}", entry.url_host(), entry.port);
    let mut plugin = String::new();
    if let Some((name, options)) = settings.client_plugin() {
        head.push('/');
        plugin = if options.is_empty() { name.to_owned() } else { format!("{name};{options}") };
    }
    Uri::new(out, &head).put("plugin", &plugin).end(&entry.name);
}

/// The second version of V2RayN's link: JSON.
fn vmess(out: &mut String, entry: &Entry<'_>, settings: &Vmess) {
    let Transport { network, path, host, header_type, mode, extra, .. } = &settings.transport;
    let has_tls = settings.tls == Security::Tls;
    let mut link = json!({
        "v": "2", "ps": entry.name, "add": entry.host(), "port": entry.port.to_string(), "id": &*entry.uuid, "aid": "0",
        "scy": "auto",
        "net": link_network(*network),
        "type": "none",
        "host": host,
        "path": path,
        "tls": if has_tls { "tls" } else { "" },
    });
    let mut put = |key: &str, value: &str| {
        if let (Some(link), false) = (link.as_object_mut(), value.is_empty()) {
            link.insert(key.to_owned(), Value::from(value));
        }
    };
    match network {
        Network::Tcp | Network::Kcp => put("type", header_type),
        other => put("type", link_network(*other)),
    }
    match network {
        Network::Grpc => put("path", &settings.transport.service_name),
        Network::Kcp => put("path", &settings.transport.seed),
        Network::H2 | Network::Http | Network::Tcp => {
            put("host", &settings.transport.hosts().collect::<Vec<_>>().join(","));
        }
        _ => {}
    }
    if has_tls {
        put("sni", entry.server_name());
        put("fp", settings.utls.fingerprint().unwrap_or_default());
        put("allowInsecure", if entry.is_insecure() { "1" } else { "" });
    }
    if *network == Network::Xhttp {
        put("mode", mode);
        put("extra", &extra.as_ref().map(|extra| Value::Object(extra.clone()).to_string()).unwrap_or_default());
    }
    out.push_str("vmess://");
    BASE64_STANDARD.encode_string(link.to_string(), out);
    out.push_str("\r\n");
}

/// What links call a transport: V2Ray's HTTP is HTTP/2.
const fn link_network(network: Network) -> &'static str {
    match network {
        Network::Http | Network::H2 => "h2",
        other => other.as_str(),
    }
}

fn vless(out: &mut String, entry: &Entry<'_>, settings: &Vless) {
    let head = format!("vless://{}@{}:{}", entry.uuid, entry.url_host(), entry.port);
    let mut uri = Uri::new(out, &head);
    uri.put("encryption", settings.client_encryption());
    match settings.tls {
        Security::None => uri.put("security", "none"),
        Security::Tls => uri
            .put("security", "tls")
            .put("sni", entry.server_name())
            .put("servername", entry.server_name())
            .put("fp", settings.utls.fingerprint().unwrap_or_default())
            .flag("allowInsecure", entry.is_insecure()),
        Security::Reality => {
            put_reality(&mut uri, &settings.reality_settings, settings.utls.fingerprint());
            uri.put("servername", &settings.reality_settings.server_name).put("spx", "/")
        }
    };
    uri.put("flow", &settings.flow);
    put_transport(&mut uri, &settings.transport);
    uri.end(&entry.name);
}

/// Reality works only with an imitated handshake.
fn put_reality(uri: &mut Uri<'_>, reality: &Reality, fingerprint: Option<&str>) {
    uri.put("security", "reality")
        .put("sni", &reality.server_name)
        .put("pbk", &reality.public_key)
        .put("sid", &reality.short_id)
        .put("fp", fingerprint.unwrap_or("chrome"));
}

fn put_transport(uri: &mut Uri<'_>, transport: &Transport) {
    let join = |parts: Vec<&str>| parts.join(",");
    uri.put(
        "type",
        match transport.network {
            Network::Http | Network::H2 => "http",
            other => other.as_str(),
        },
    );
    match transport.network {
        Network::Tcp => {
            uri.put("headerType", &transport.header_type)
                .put("path", &join(transport.paths().collect()))
                .put("host", &join(transport.hosts().collect()));
        }
        Network::Grpc => {
            uri.put("serviceName", &transport.service_name).put("mode", "gun");
        }
        Network::Kcp => {
            uri.put("headerType", &transport.header_type).put("seed", &transport.seed);
        }
        Network::Xhttp => {
            let extra = transport.extra.as_ref().map(|extra| Value::Object(extra.clone()).to_string());
            uri.put("path", &transport.path)
                .put("host", &transport.host)
                .put("mode", &transport.mode)
                .put("extra", &extra.unwrap_or_default());
        }
        Network::Ws | Network::H2 | Network::Http | Network::Httpupgrade => {
            uri.put("path", &transport.path).put("host", &join(transport.hosts().collect()));
        }
        Network::Quic => {}
    }
}

/// Shadowrocket adds TCP fast open.
pub(super) fn trojan(out: &mut String, entry: &Entry<'_>, settings: &Trojan, fast_open: bool) {
    let head = format!("trojan://{}@{}:{}", entry.password, entry.url_host(), entry.port);
    let mut uri = Uri::new(out, &head);
    if settings.tls == Security::Reality {
        put_reality(&mut uri, &settings.reality_settings, settings.utls.fingerprint());
    } else {
        uri.put("allowInsecure", if entry.is_insecure() { "1" } else { "0" })
            .put("peer", entry.server_name())
            .put("sni", entry.server_name())
            .put("fp", settings.utls.fingerprint().unwrap_or_default());
    }
    if settings.transport.network != Network::Tcp {
        put_transport(&mut uri, &settings.transport);
    }
    uri.flag("tfo", fast_open).end(&entry.name);
}

pub(super) fn hysteria(out: &mut String, entry: &Entry<'_>, settings: &Hysteria) {
    let insecure = if entry.is_insecure() { "1" } else { "0" };
    let hops = entry.node.port.range().map(|(first, last)| format!("{first}-{last}")).unwrap_or_default();
    if settings.version == 2 {
        let head = format!("hysteria2://{}@{}:{}", entry.password, entry.url_host(), entry.port);
        let password = settings.obfs_password();
        Uri::new(out, &head)
            .put("sni", entry.server_name())
            .put("insecure", insecure)
            .put("obfs", if password.is_some() { &settings.obfs.kind } else { "" })
            .put("obfs-password", password.unwrap_or_default())
            .put("mport", &hops)
            .end(&entry.name);
        return;
    }
    let mbps = |rate: u32| if rate == 0 { String::new() } else { rate.to_string() };
    Uri::new(out, &format!("hysteria://{}:{}", entry.url_host(), entry.port))
        .put("protocol", "udp")
        .put("auth", &entry.password)
        .put("peer", entry.server_name())
        .put("insecure", insecure)
        .put("upmbps", &mbps(settings.bandwidth.up))
        .put("downmbps", &mbps(settings.bandwidth.down))
        .put("obfs", settings.obfs_password().map_or("", |_| "xplus"))
        .put("obfsParam", settings.obfs_password().unwrap_or_default())
        .put("mport", &hops)
        .end(&entry.name);
}

pub(super) fn tuic(out: &mut String, entry: &Entry<'_>, settings: &Tuic) {
    let head = format!("tuic://{0}:{0}@{1}:{2}", entry.uuid, entry.url_host(), entry.port);
    Uri::new(out, &head)
        .put("sni", entry.server_name())
        .put("alpn", &settings.alpn.join(","))
        .put("congestion_control", &settings.congestion_control)
        .put("udp-relay-mode", &settings.udp_relay_mode)
        .put("udp_relay_mode", &settings.udp_relay_mode)
        .flag("insecure", entry.is_insecure())
        .flag("allow_insecure", entry.is_insecure())
        .end(&entry.name);
}

pub(super) fn anytls(out: &mut String, entry: &Entry<'_>, _settings: &Anytls) {
    let head =
        format!("anytls://{}@{}:{}", utf8_percent_encode(&entry.password, UNRESERVED), entry.url_host(), entry.port);
    Uri::new(out, &head)
        .put("sni", entry.server_name())
        .put("insecure", if entry.is_insecure() { "1" } else { "0" })
        .end(&entry.name);
}
