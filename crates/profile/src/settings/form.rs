//! The settings of each type out of what front ends send.

use gatehouse_model::SsCipher;
use serde_json::Value;

use super::{
    kind::{
        Anytls, Bandwidth, Cipher, DEFAULT_PADDING, Hysteria, HysteriaObfs, Mieru, ObfsSettings, Plain, Security,
        Shadowsocks, Trojan, Tuic, Vless, VlessEncryption, Vmess,
    },
    read::Reader,
    shared::{Multiplex, Reality, Tls, Utls},
    transport::Transport,
};

const NONE_TLS: [(&str, Security); 4] =
    [("0", Security::None), ("1", Security::Tls), ("false", Security::None), ("true", Security::Tls)];
const TLS_REALITY: [(&str, Security); 2] = [("1", Security::Tls), ("2", Security::Reality)];
const ALL_SECURITY: [(&str, Security); 3] = [("0", Security::None), ("1", Security::Tls), ("2", Security::Reality)];

/// `tls` as a number; front ends also send it as a boolean.
fn security(reader: &Reader<'_>, words: &[(&str, Security)], default: Security) -> Security {
    match reader.value("tls") {
        Some(Value::Bool(true)) => Security::Tls,
        // Older rows keep an object of TLS settings there.
        Some(Value::Bool(false) | Value::Object(_)) => default,
        _ => reader.word("tls", words, default),
    }
}

fn require(reader: &Reader<'_>, keys: &[&str]) {
    for key in keys {
        if !reader.has(key) {
            reader.fault(key, "is required");
        }
    }
}

/// `tls_settings`, or what older front ends put beside it.
fn tls_settings(reader: &Reader<'_>) -> Tls {
    let mut tls = Tls::read(&reader.object("tls_settings"));
    if tls.server_name.is_empty() {
        tls.server_name = reader.text("server_name");
    }
    tls.allow_insecure |= reader.flag("allow_insecure");
    tls
}

fn fallback(reader: &Reader<'_>) -> String {
    let text = reader.text("fallback");
    let is_good = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
    if !text.is_empty() && !is_good {
        reader.fault("fallback", "must be `host:port`");
    }
    text
}

impl Shadowsocks {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["cipher"]);
        let text = reader.text("cipher");
        let cipher = Cipher::parse(&text);
        if cipher.is_none() && !text.is_empty() {
            reader.fault(
                "cipher",
                "must be 2022-blake3-aes-256-gcm, 2022-blake3-aes-128-gcm, aes-256-gcm, aes-192-gcm, aes-128-gcm or \
                 chacha20-ietf-poly1305",
            );
        }
        let obfs = reader.word("obfs", &[("none", ""), ("http", "http"), ("tls", "tls")], "").to_owned();
        let obfs_settings = reader.object("obfs_settings");
        Self {
            cipher: cipher.unwrap_or(Cipher::Door(SsCipher::Blake3Aes256Gcm)),
            obfs,
            obfs_settings: ObfsSettings { host: obfs_settings.text("host"), path: obfs_settings.text("path") },
            plugin: reader.text("plugin"),
            plugin_opts: reader.text("plugin_opts"),
            allow_classic: reader.flag("allow_classic"),
            classic_user_cap: reader.number("classic_user_cap", 5_000),
        }
    }
}

impl Vmess {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["tls", "network"]);
        let rules = reader.value("rules").and_then(Value::as_array).cloned().unwrap_or_default();
        Self {
            tls: security(reader, &NONE_TLS, Security::None),
            transport: Transport::read(reader),
            tls_settings: tls_settings(reader),
            multiplex: Multiplex::read(&reader.object("multiplex")),
            utls: Utls::read(&reader.object("utls")),
            rules,
        }
    }
}

impl Vless {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["tls", "network"]);
        let encryption = reader.object("encryption");
        let flows = [("none", ""), ("xtls-rprx-vision", "xtls-rprx-vision")];
        Self {
            tls: security(reader, &ALL_SECURITY, Security::None),
            flow: reader.word("flow", &flows, "").to_owned(),
            encryption: VlessEncryption {
                enabled: encryption.flag("enabled"),
                encryption: encryption.text("encryption"),
            },
            transport: Transport::read(reader),
            tls_settings: tls_settings(reader),
            reality_settings: Reality::read(&reader.object("reality_settings")),
            multiplex: Multiplex::read(&reader.object("multiplex")),
            utls: Utls::read(&reader.object("utls")),
            fallback: fallback(reader),
        }
    }
}

impl Trojan {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["network"]);
        Self {
            tls: security(reader, &TLS_REALITY, Security::Tls),
            transport: Transport::read(reader),
            tls_settings: tls_settings(reader),
            reality_settings: Reality::read(&reader.object("reality_settings")),
            multiplex: Multiplex::read(&reader.object("multiplex")),
            utls: Utls::read(&reader.object("utls")),
            fallback: fallback(reader),
        }
    }
}

impl Hysteria {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["version"]);
        let bandwidth = reader.object("bandwidth");
        let obfs = reader.object("obfs");
        Self {
            version: reader.word("version", &[("1", 1), ("2", 2)], 2),
            bandwidth: Bandwidth {
                up: bandwidth.number("up", 1_000_000).unwrap_or(0),
                down: bandwidth.number("down", 1_000_000).unwrap_or(0),
            },
            obfs: HysteriaObfs {
                open: obfs.flag("open"),
                kind: obfs.text_or("type", "salamander"),
                password: obfs.text("password"),
            },
            tls: Tls::read(&reader.object("tls")),
            hop_interval: reader.number("hop_interval", 86_400).unwrap_or(0),
            ignore_client_bandwidth: reader.flag("ignore_client_bandwidth"),
        }
    }
}

impl Tuic {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let mut alpn = reader.texts("alpn");
        if alpn.is_empty() {
            alpn.push("h3".into());
        }
        let controls = [("cubic", "cubic"), ("new_reno", "new_reno"), ("bbr", "bbr")];
        Self {
            version: reader.word("version", &[("5", 5)], 5),
            congestion_control: reader.word("congestion_control", &controls, "cubic").to_owned(),
            alpn,
            udp_relay_mode: reader
                .word("udp_relay_mode", &[("native", "native"), ("quic", "quic")], "native")
                .to_owned(),
            tls: Tls::read(&reader.object("tls")),
        }
    }
}

impl Anytls {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let mut padding_scheme = reader.texts("padding_scheme");
        if padding_scheme.is_empty() {
            padding_scheme = DEFAULT_PADDING.map(str::to_owned).to_vec();
        }
        Self { padding_scheme, tls: Tls::read(&reader.object("tls")) }
    }
}

impl Plain {
    pub(super) fn read(reader: &Reader<'_>, required: &[&str]) -> Self {
        require(reader, required);
        Self { tls: security(reader, &NONE_TLS, Security::None), tls_settings: tls_settings(reader) }
    }
}

impl Mieru {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        require(reader, &["transport"]);
        Self {
            transport: reader.word("transport", &[("TCP", "TCP"), ("UDP", "UDP")], "TCP"),
            traffic_pattern: reader.text("traffic_pattern"),
            multiplex: Multiplex::read(&reader.object("multiplex")),
        }
    }
}
