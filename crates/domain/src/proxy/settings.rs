//! `protocol_settings` of an embedded node as they are stored: JSON without secrets (specs/proxy.md §11).

use gatehouse_model::{NodeKind, SsCipher};
use serde::{Deserialize, Serialize};

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
                refuse(self.cipher.is_some(), "cipher")?;
                refuse(self.allow_classic, "allow_classic")?;
                refuse(self.classic_user_cap.is_some(), "classic_user_cap")?;
                match self.fallback.as_deref() {
                    Some(target) if !is_host_port(target) => Err(Error::invalid("fallback", "must be `host:port`")),
                    _ => Ok(()),
                }
            }
            other => Err(Error::invalid("embedded", format!("nodes of type {other} cannot be embedded"))),
        }
    }
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}
