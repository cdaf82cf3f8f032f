//! Between the two forms of a node's settings: those of every node, which are stored, and what of them the embedded door honours
//! (specs/proxy.md §11).

use gatehouse_model::NodeKind;
use gatehouse_profile::settings::{CertConfig, Fault, Security, Settings};
use serde_json::{Map, Value, json};

use super::settings::{CertMode, NodeSettings};
use crate::{Error, Result};

/// Where a type keeps its TLS settings.
const fn tls_key(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Hysteria => "tls",
        _ => "tls_settings",
    }
}

/// The first of the faults of a form as an error.
pub(crate) fn refuse(faults: &[Fault]) -> Error {
    faults.first().map_or_else(
        || Error::invalid("protocol_settings", "cannot be read"),
        |fault| Error::invalid(if fault.key.is_empty() { "protocol_settings" } else { &fault.key }, &*fault.text),
    )
}

/// What is stored of settings written in the embedded door's short form. `content`: the chain, where staff gave one.
pub(crate) fn full(
    kind: NodeKind,
    short: &NodeSettings,
    content: Option<&str>,
) -> Result<(Settings, Option<CertConfig>)> {
    let mut value = serde_json::to_value(short).map_err(Error::internal)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("cert_mode");
        let name = object.remove("server_name");
        match kind {
            NodeKind::Shadowsocks => drop(object.entry("cipher").or_insert_with(|| json!("2022-blake3-aes-256-gcm"))),
            NodeKind::Hysteria => drop(object.entry("version").or_insert(json!(2))),
            _ => {
                object.entry("network").or_insert_with(|| json!("tcp"));
                object.insert("tls".to_owned(), json!(1));
            }
        }
        if let Some(name) = name {
            object.insert(tls_key(kind).to_owned(), json!({"server_name": name}));
        }
    }
    let settings = Settings::parse(kind, &value).map_err(|faults| refuse(&faults))?;
    let cert = match &short.cert_mode {
        CertMode::SelfSigned => Value::Null,
        CertMode::Content => json!({"cert_mode": "content", "cert_content": content}),
        CertMode::File { cert_file, key_file } => {
            json!({"cert_mode": "file", "cert_file": cert_file, "key_file": key_file})
        }
    };
    Ok((settings, CertConfig::parse(&cert).map_err(|faults| refuse(&faults))?))
}

/// What the embedded door honours of a node's settings.
///
/// Errors: `Invalid` naming a key that it does not.
pub(crate) fn view(settings: &Settings, cert: Option<&CertConfig>) -> Result<NodeSettings> {
    let kind = settings.kind();
    let refuse = |is_set: bool, key: &str| {
        if is_set { Err(Error::invalid(key, format!("embedded nodes do not support {key}"))) } else { Ok(()) }
    };
    let value = settings.to_value();
    let is_on = |path: &str| value.pointer(path).and_then(Value::as_bool).unwrap_or(false);
    let mut short = Map::new();
    let mut copy = |keys: &[&str]| {
        for key in keys {
            let found = value.get(*key).filter(|found| !found.is_null() && found.as_str() != Some(""));
            if let Some(found) = found {
                short.insert((*key).to_owned(), found.clone());
            }
        }
    };
    match settings {
        Settings::Shadowsocks(ss) => {
            refuse(!ss.obfs.is_empty(), "obfs")?;
            refuse(!ss.plugin.is_empty() || !ss.plugin_opts.is_empty(), "plugin")?;
            refuse(ss.cipher.as_str() == "aes-192-gcm", "cipher")?;
            copy(&["cipher", "allow_classic", "classic_user_cap"]);
        }
        Settings::Trojan(_) | Settings::Vless(_) => {
            refuse(settings.security() != Security::Tls, "tls")?;
            refuse(value.get("flow").and_then(Value::as_str).is_some_and(|flow| !flow.is_empty()), "flow")?;
            refuse(is_on("/encryption/enabled"), "encryption")?;
            copy(&["fallback"]);
            let text = |path: &str| value.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
            match text("/network") {
                None | Some("tcp") => {
                    refuse(value.pointer("/network_settings/header").is_some(), "network_settings")?;
                }
                Some(network) => {
                    copy(&["network"]);
                    let mut settings = Map::new();
                    if let Some(path) = text("/network_settings/path") {
                        settings.insert("path".to_owned(), json!(path));
                    }
                    if let Some(host) = text("/network_settings/headers/Host") {
                        settings.insert("headers".to_owned(), json!({"Host": host}));
                    }
                    if network == "ws" && !settings.is_empty() {
                        short.insert("network_settings".to_owned(), Value::Object(settings));
                    }
                }
            }
        }
        Settings::Hysteria(hysteria) => {
            refuse(hysteria.version != 2, "version")?;
            copy(&["version", "ignore_client_bandwidth"]);
            if hysteria.bandwidth.up > 0 || hysteria.bandwidth.down > 0 {
                copy(&["bandwidth"]);
            }
            if hysteria.obfs.open {
                short.insert("obfs".to_owned(), json!({"open": true}));
            }
        }
        _ => return Err(Error::invalid("embedded", format!("nodes of type {kind} cannot be embedded"))),
    }
    refuse(is_on("/multiplex/enabled"), "multiplex")?;
    refuse(is_on("/utls/enabled"), "utls")?;
    refuse(settings.tls().is_some_and(|tls| tls.ech.enabled), "ech")?;
    if let Some(name) = settings.tls().map(|tls| &tls.server_name).filter(|name| !name.is_empty()) {
        short.insert("server_name".to_owned(), json!(name));
    }
    short.retain(|_, value| *value != json!(false));
    // What this release's door does not know is an unknown key here.
    let mut short: NodeSettings = serde_json::from_value(Value::Object(short))
        .map_err(|error| Error::invalid("protocol_settings", format!("embedded nodes do not support this: {error}")))?;
    short.cert_mode = match cert {
        None => CertMode::SelfSigned,
        Some(cert) => match cert.cert_mode {
            "self" => CertMode::SelfSigned,
            "content" => CertMode::Content,
            "file" => CertMode::File { cert_file: cert.cert_file.clone(), key_file: cert.key_file.clone() },
            other => {
                return Err(Error::invalid("cert_config", format!("embedded nodes do not support the mode {other}")));
            }
        },
    };
    Ok(short)
}

#[cfg(test)]
mod tests {
    use gatehouse_model::SsCipher;

    use super::*;

    #[test]
    fn short_settings_survive_their_long_form() {
        let tls = |fallback: Option<&str>| NodeSettings {
            server_name: Some("proxy.example.com".to_owned()),
            fallback: fallback.map(str::to_owned),
            ..NodeSettings::default()
        };
        let file = CertMode::File { cert_file: "a".to_owned(), key_file: "b".to_owned() };
        for (kind, short) in [
            (NodeKind::Trojan, tls(Some("127.0.0.1:80"))),
            (NodeKind::Hysteria, NodeSettings { version: Some(2), ..tls(None) }),
            (
                NodeKind::Vless,
                serde_json::from_str(
                    r#"{"network":"ws","network_settings":{"path":"/a","headers":{"Host":"cdn.example.com"}}}"#,
                )
                .unwrap(),
            ),
            (NodeKind::Vless, NodeSettings { cert_mode: file, ..tls(None) }),
            (
                NodeKind::Shadowsocks,
                NodeSettings {
                    cipher: Some(SsCipher::Aes256Gcm),
                    allow_classic: true,
                    classic_user_cap: Some(7),
                    ..NodeSettings::default()
                },
            ),
        ] {
            let (long, cert) = full(kind, &short, None).unwrap();
            assert_eq!(view(&long, cert.as_ref()).unwrap(), short);
            assert_eq!(Settings::parse(kind, &long.to_value()).unwrap(), long);
        }
    }

    #[test]
    fn what_the_door_cannot_do_is_refused() {
        for (kind, value, key) in [
            (NodeKind::Vless, json!({"tls": 0, "network": "tcp"}), "tls"),
            (NodeKind::Vless, json!({"tls": 2, "network": "tcp"}), "tls"),
            (NodeKind::Vless, json!({"tls": 1, "network": "tcp", "flow": "xtls-rprx-vision"}), "flow"),
            (NodeKind::Trojan, json!({"tls": 1, "network": "tcp", "multiplex": {"enabled": true}}), "multiplex"),
            (NodeKind::Trojan, json!({"tls": 1, "network": "grpc"}), "protocol_settings"),
            (NodeKind::Shadowsocks, json!({"cipher": "aes-192-gcm"}), "cipher"),
            (NodeKind::Shadowsocks, json!({"cipher": "aes-256-gcm", "obfs": "http"}), "obfs"),
            (NodeKind::Vmess, json!({"tls": 1, "network": "tcp"}), "embedded"),
        ] {
            let settings = Settings::parse(kind, &value).unwrap();
            let Err(Error::Invalid { field, .. }) =
                view(&settings, None).and_then(|short| short.check(kind).map(|()| short))
            else {
                panic!("{value} was taken")
            };
            assert!(field == key || field == "network", "{value}: {field}");
        }
    }
}
