//! `protocol_settings`: typed, normalised, and without private keys (specs/panel-nodes.md N5.1).

mod cert;
mod embedded;
mod form;
mod kind;
mod port;
mod private;
mod rate;
mod read;
mod route;
mod shared;
mod transport;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

pub use cert::CertConfig;
use gatehouse_model::NodeKind;
pub use kind::{
    Anytls, Bandwidth, Cipher, DEFAULT_PADDING, Hysteria, HysteriaObfs, Mieru, ObfsSettings, Plain, Security,
    Shadowsocks, SimpleObfs, Trojan, Tuic, Vless, VlessEncryption, Vmess,
};
pub use port::{ParsePortError, PortSpec};
pub use private::{MASK, Private};
pub use rate::{RateWindow, rate_at, read_windows};
use read::Reader;
pub use route::RouteRule;
use serde::Serialize;
use serde_json::Value;
pub use shared::{Brutal, Ech, Multiplex, Reality, Tls, Utls};
pub use transport::{Network, Transport};

/// What is wrong with one key of a form, a template or a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {text}")]
pub struct Fault {
    /// The key, nested ones joined by dots; "" is the whole.
    pub key: String,
    /// What must hold, as the end of a sentence.
    pub text: String,
}

impl Fault {
    /// A fault of a key.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

/// The settings of a node of a type. Never holds a private key: those are [`Private`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Settings {
    /// Shadowsocks.
    Shadowsocks(Shadowsocks),
    /// `VMess`.
    Vmess(Vmess),
    /// VLESS.
    Vless(Vless),
    /// Trojan.
    Trojan(Trojan),
    /// Hysteria 1 or 2.
    Hysteria(Hysteria),
    /// TUIC.
    Tuic(Tuic),
    /// `AnyTLS`.
    Anytls(Anytls),
    /// SOCKS5.
    Socks(Plain),
    /// `NaiveProxy`.
    Naive(Plain),
    /// HTTP.
    Http(Plain),
    /// mieru.
    Mieru(Mieru),
}

impl Settings {
    /// Reads what a front end, an import or the database holds. Lenient: numbers may be texts, what is missing gets its
    /// default, unknown keys are dropped, private keys are skipped (see [`Private::split`]).
    ///
    /// Errors: every key that is required and absent, or has a value its type does not know.
    pub fn parse(kind: NodeKind, value: &Value) -> Result<Self, Vec<Fault>> {
        let faults = RefCell::new(Vec::new());
        let reader = Reader::new(value, &faults);
        let settings = match kind {
            NodeKind::Shadowsocks => Self::Shadowsocks(Shadowsocks::read(&reader)),
            NodeKind::Vmess => Self::Vmess(Vmess::read(&reader)),
            NodeKind::Vless => Self::Vless(Vless::read(&reader)),
            NodeKind::Trojan => Self::Trojan(Trojan::read(&reader)),
            NodeKind::Hysteria => Self::Hysteria(Hysteria::read(&reader)),
            NodeKind::Tuic => Self::Tuic(Tuic::read(&reader)),
            NodeKind::Anytls => Self::Anytls(Anytls::read(&reader)),
            NodeKind::Socks => Self::Socks(Plain::read(&reader, &[])),
            NodeKind::Naive => Self::Naive(Plain::read(&reader, &["tls"])),
            NodeKind::Http => Self::Http(Plain::read(&reader, &["tls"])),
            NodeKind::Mieru => Self::Mieru(Mieru::read(&reader)),
        };
        let faults = faults.into_inner();
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// The normalised object: what is stored, and what clients and other nodes may see.
    pub fn to_value(&self) -> Value {
        // Plain structs with text keys always serialise.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The type they belong to.
    pub const fn kind(&self) -> NodeKind {
        match self {
            Self::Shadowsocks(_) => NodeKind::Shadowsocks,
            Self::Vmess(_) => NodeKind::Vmess,
            Self::Vless(_) => NodeKind::Vless,
            Self::Trojan(_) => NodeKind::Trojan,
            Self::Hysteria(_) => NodeKind::Hysteria,
            Self::Tuic(_) => NodeKind::Tuic,
            Self::Anytls(_) => NodeKind::Anytls,
            Self::Socks(_) => NodeKind::Socks,
            Self::Naive(_) => NodeKind::Naive,
            Self::Http(_) => NodeKind::Http,
            Self::Mieru(_) => NodeKind::Mieru,
        }
    }

    /// The cipher of a Shadowsocks node.
    pub const fn cipher(&self) -> Option<Cipher> {
        match self {
            Self::Shadowsocks(settings) => Some(settings.cipher),
            _ => None,
        }
    }

    /// The transport of types that have one.
    pub const fn transport(&self) -> Option<&Transport> {
        match self {
            Self::Vmess(settings) => Some(&settings.transport),
            Self::Vless(settings) => Some(&settings.transport),
            Self::Trojan(settings) => Some(&settings.transport),
            _ => None,
        }
    }

    /// TLS as it is stored, in use or not.
    pub const fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Vmess(settings) => Some(&settings.tls_settings),
            Self::Vless(settings) => Some(&settings.tls_settings),
            Self::Trojan(settings) => Some(&settings.tls_settings),
            Self::Hysteria(settings) => Some(&settings.tls),
            Self::Tuic(settings) => Some(&settings.tls),
            Self::Anytls(settings) => Some(&settings.tls),
            Self::Socks(settings) | Self::Naive(settings) | Self::Http(settings) => Some(&settings.tls_settings),
            Self::Shadowsocks(_) | Self::Mieru(_) => None,
        }
    }

    /// Reality in use.
    pub const fn reality(&self) -> Option<&Reality> {
        match self {
            Self::Vless(Vless { tls: Security::Reality, reality_settings, .. })
            | Self::Trojan(Trojan { tls: Security::Reality, reality_settings, .. }) => Some(reality_settings),
            _ => None,
        }
    }

    /// What protects the stream.
    pub const fn security(&self) -> Security {
        match self {
            Self::Shadowsocks(_) | Self::Mieru(_) => Security::None,
            Self::Hysteria(_) | Self::Tuic(_) | Self::Anytls(_) => Security::Tls,
            Self::Vmess(settings) => settings.tls,
            Self::Vless(settings) => settings.tls,
            Self::Trojan(settings) => settings.tls,
            Self::Socks(settings) | Self::Naive(settings) | Self::Http(settings) => settings.tls,
        }
    }

    /// The name clients ask for: of Reality or TLS, "" for the node's host.
    pub fn server_name(&self) -> &str {
        match (self.reality(), self.tls()) {
            (Some(reality), _) => &reality.server_name,
            (None, Some(tls)) => &tls.server_name,
            (None, None) => "",
        }
    }

    /// The same settings with clients told not to check the certificate: what a self-signed one needs.
    #[must_use]
    pub fn with_unchecked_certificate(mut self) -> Self {
        match &mut self {
            Self::Vmess(Vmess { tls_settings: tls, .. })
            | Self::Vless(Vless { tls_settings: tls, .. })
            | Self::Trojan(Trojan { tls_settings: tls, .. })
            | Self::Hysteria(Hysteria { tls, .. })
            | Self::Tuic(Tuic { tls, .. })
            | Self::Anytls(Anytls { tls, .. })
            | Self::Socks(Plain { tls_settings: tls, .. })
            | Self::Naive(Plain { tls_settings: tls, .. })
            | Self::Http(Plain { tls_settings: tls, .. }) => tls.allow_insecure = true,
            Self::Shadowsocks(_) | Self::Mieru(_) => {}
        }
        self
    }
}
