//! `protocol_settings` of an embedded node as they are stored: JSON without secrets (specs/proxy.md §11).

use gatehouse_model::{NodeKind, SsCipher};
use serde::{Deserialize, Serialize};

use super::node::Transport;
use crate::{Error, Result};

/// Where the certificate of a TLS node comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "mode")]
pub enum CertMode {
    /// Made by us, ten years, kept sealed with the node.
    #[default]
    #[serde(rename = "self")]
    SelfSigned,
    /// Given as PEM text, kept sealed with the node.
    Content,
    /// Read from files, again when they change.
    File {
        /// Chain, PEM.
        cert_file: String,
        /// Key, PEM.
        key_file: String,
    },
}

/// Rates in Mbit/s as seen from the node; 0 or absent: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bandwidth {
    /// Node to client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<u32>,
    /// Client to node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<u32>,
}

/// Obfuscation of Hysteria 2.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Obfs {
    /// Whether it is on.
    pub open: bool,
}

/// What the transport needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// The path a WebSocket is opened at; absent: `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What clients must send along.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
}

/// Headers of the request that opens a WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    /// The host that must be asked for; absent: any.
    #[serde(rename = "Host", skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Headers {
    fn is_empty(&self) -> bool {
        self.host.is_none()
    }
}

/// The settings; keys a type does not honour must be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Shadowsocks cipher; absent: `2022-blake3-aes-256-gcm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<SsCipher>,
    /// Whether a classic cipher is accepted although it has no replay protection of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_classic: bool,
    /// Users a classic node serves, at most 5,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classic_user_cap: Option<u32>,
    /// Name in certificate and links; absent: the node's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Where strangers are sent: `host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// The certificate's source.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_mode: CertMode,
    /// Transport inside TLS: `tcp` or `ws`; absent: `tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Path and host of `ws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_settings: Option<NetworkSettings>,
    /// Version of Hysteria: 2, also when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// Rates a Hysteria node tells its clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
    /// Obfuscation of Hysteria; only off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obfs: Option<Obfs>,
    /// Whether Hysteria clients are to find their rate themselves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_client_bandwidth: bool,
}

fn is_default(mode: &CertMode) -> bool {
    *mode == CertMode::default()
}

impl NodeSettings {
    /// Checks that an embedded node of a type can be served as set (specs/proxy.md §3, §5, §11).
    ///
    /// Errors: `Invalid` naming the key.
    pub fn check(&self, kind: NodeKind) -> Result<()> {
        let refuse = |is_set: bool, key: &str| {
            if is_set {
                Err(Error::invalid(key, format!("embedded nodes of type {kind} do not support {key}")))
            } else {
                Ok(())
            }
        };
        if kind != NodeKind::Hysteria {
            refuse(self.version.is_some(), "version")?;
            refuse(self.bandwidth.is_some(), "bandwidth")?;
            refuse(self.obfs.is_some(), "obfs")?;
            refuse(self.ignore_client_bandwidth, "ignore_client_bandwidth")?;
        }
        if !matches!(kind, NodeKind::Trojan | NodeKind::Vless) {
            refuse(self.network.is_some(), "network")?;
            refuse(self.network_settings.is_some(), "network_settings")?;
        }
        if kind != NodeKind::Shadowsocks {
            refuse(self.cipher.is_some(), "cipher")?;
            refuse(self.allow_classic, "allow_classic")?;
            refuse(self.classic_user_cap.is_some(), "classic_user_cap")?;
        }
        match kind {
            NodeKind::Shadowsocks => {
                refuse(self.server_name.is_some(), "server_name")?;
                refuse(self.fallback.is_some(), "fallback")?;
                refuse(self.cert_mode != CertMode::default(), "cert_mode")?;
                let is_classic = self.cipher.is_some_and(|cipher| !cipher.is_2022());
                if is_classic && !self.allow_classic {
                    let rule =
                        "classic Shadowsocks has no replay protection of its own; set allow_classic to accept that";
                    return Err(Error::invalid("cipher", rule));
                }
                if self.classic_user_cap.is_some_and(|cap| cap > 5_000) {
                    return Err(Error::invalid("classic_user_cap", "at most 5000"));
                }
                Ok(())
            }
            NodeKind::Trojan | NodeKind::Vless => {
                self.check_network()?;
                match self.fallback.as_deref() {
                    Some(target) if !is_host_port(target) => Err(Error::invalid("fallback", "must be `host:port`")),
                    _ => Ok(()),
                }
            }
            NodeKind::Hysteria => {
                refuse(self.fallback.is_some(), "fallback")?;
                if self.version.is_some_and(|version| version != 2) {
                    return Err(Error::invalid("version", "embedded Hysteria nodes speak version 2 only"));
                }
                if self.obfs.as_ref().is_some_and(|obfs| obfs.open) {
                    return Err(Error::invalid("obfs", "embedded nodes do not obfuscate yet; set obfs.open to false"));
                }
                Ok(())
            }
            other => Err(Error::invalid("embedded", format!("nodes of type {other} cannot be embedded"))),
        }
    }

    /// The transport of Trojan and VLESS.
    pub fn transport(&self) -> Transport {
        if self.network.as_deref() != Some("ws") {
            return Transport::Tcp;
        }
        let settings = self.network_settings.clone().unwrap_or_default();
        Transport::WebSocket { path: settings.path.unwrap_or_else(|| "/".to_owned()), host: settings.headers.host }
    }

    fn check_network(&self) -> Result<()> {
        let Some(settings) = &self.network_settings else {
            return match self.network.as_deref() {
                None | Some("tcp" | "ws") => Ok(()),
                Some(_) => Err(Error::invalid("network", "embedded nodes speak tcp and ws")),
            };
        };
        if self.network.as_deref() != Some("ws") {
            return Err(Error::invalid("network_settings", "goes with network \"ws\" only"));
        }
        let is_plain = |text: &str| text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if settings
            .path
            .as_deref()
            .is_some_and(|path| !path.starts_with('/') || path.contains(['?', '#']) || !is_plain(path))
        {
            return Err(Error::invalid(
                "network_settings",
                "path: begins with `/`, at most 255 characters, no `?` or `#`",
            ));
        }
        if settings.headers.host.as_deref().is_some_and(|host| host.is_empty() || !is_plain(host)) {
            return Err(Error::invalid("network_settings", "headers.Host: a host name"));
        }
        Ok(())
    }
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: NodeKind, json: &str) -> Result<()> {
        serde_json::from_str::<NodeSettings>(json).unwrap().check(kind)
    }

    #[test]
    fn a_websocket_needs_a_plain_path_and_goes_with_trojan_and_vless_only() {
        for good in [
            r#"{"network":"tcp"}"#,
            r#"{"network":"ws"}"#,
            r#"{"network":"ws","network_settings":{"path":"/a/b","headers":{"Host":"cdn.example.com"}}}"#,
        ] {
            assert!(check(NodeKind::Trojan, good).is_ok() && check(NodeKind::Vless, good).is_ok(), "{good}");
            assert!(check(NodeKind::Shadowsocks, good).is_err() && check(NodeKind::Hysteria, good).is_err(), "{good}");
        }
        for bad in [
            r#"{"network":"grpc"}"#,
            r#"{"network":"tcp","network_settings":{"path":"/"}}"#,
            r#"{"network_settings":{"path":"/"}}"#,
            r#"{"network":"ws","network_settings":{"path":"a"}}"#,
            r#"{"network":"ws","network_settings":{"path":"/a?ed=2048"}}"#,
            r#"{"network":"ws","network_settings":{"path":"/a b"}}"#,
            r#"{"network":"ws","network_settings":{"headers":{"Host":""}}}"#,
        ] {
            assert!(check(NodeKind::Vless, bad).is_err(), "{bad}");
        }
        let settings: NodeSettings = serde_json::from_str(r#"{"network":"ws"}"#).unwrap();
        assert_eq!(settings.transport(), Transport::WebSocket { path: "/".to_owned(), host: None });
        assert_eq!(NodeSettings::default().transport(), Transport::Tcp);
    }

    #[test]
    fn hysteria_is_version_2_without_obfuscation_or_fallback() {
        for good in [
            "{}",
            r#"{"version":2,"bandwidth":{"up":100,"down":200},"ignore_client_bandwidth":true,"obfs":{"open":false}}"#,
        ] {
            assert!(check(NodeKind::Hysteria, good).is_ok(), "{good}");
        }
        for bad in [
            r#"{"version":1}"#,
            r#"{"obfs":{"open":true}}"#,
            r#"{"fallback":"127.0.0.1:80"}"#,
            r#"{"allow_classic":true}"#,
        ] {
            assert!(check(NodeKind::Hysteria, bad).is_err(), "{bad}");
        }
        for foreign in [r#"{"version":2}"#, r#"{"bandwidth":{}}"#, r#"{"ignore_client_bandwidth":true}"#] {
            assert!(check(NodeKind::Vless, foreign).is_err() && check(NodeKind::Shadowsocks, foreign).is_err());
        }
        assert!(check(NodeKind::Vmess, "{}").is_err());
    }
}
