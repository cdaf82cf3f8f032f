//! The settings of each type (specs/panel-nodes.md N5.1, specs/proxy.md §11).

use gatehouse_model::SsCipher;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{
    shared::{Multiplex, Reality, Tls, Utls},
    transport::Transport,
};

/// What protects the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    #[default]
    None,
    /// TLS.
    Tls,
    /// Reality.
    Reality,
}

impl Security {
    /// The number that is stored and sent to nodes.
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Tls => 1,
            Self::Reality => 2,
        }
    }
}

impl Serialize for Security {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl Serialize for Transport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("network", self.network.as_str())?;
        if let Some(settings) = self.to_value() {
            map.serialize_entry("network_settings", &settings)?;
        }
        map.end()
    }
}

/// A Shadowsocks cipher a node may use: those of the embedded door, and one that only remote nodes speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// One of the door's.
    Door(SsCipher),
    /// Classic AEAD, 24-byte keys.
    Aes192Gcm,
}

impl Cipher {
    /// The published name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Door(cipher) => cipher.as_str(),
            Self::Aes192Gcm => "aes-192-gcm",
        }
    }

    /// Reads the published name.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "aes-192-gcm" { Some(Self::Aes192Gcm) } else { SsCipher::parse(text).map(Self::Door) }
    }

    /// Whether it belongs to the 2022 edition.
    pub const fn is_2022(self) -> bool {
        matches!(self, Self::Door(cipher) if cipher.is_2022())
    }
}

impl Serialize for Cipher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Host and path of simple-obfs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ObfsSettings {
    /// The name pretended.
    pub host: String,
    /// The path pretended.
    pub path: String,
}

/// Shadowsocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shadowsocks {
    /// The cipher.
    pub cipher: Cipher,
    /// simple-obfs: "", `http` or `tls`.
    pub obfs: String,
    /// Its host and path.
    pub obfs_settings: ObfsSettings,
    /// Name of a SIP003 plugin.
    pub plugin: String,
    /// Its options, `a=b;c`.
    pub plugin_opts: String,
    /// Embedded: whether a classic cipher is accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_classic: bool,
    /// Embedded: users a classic node serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classic_user_cap: Option<u32>,
}

impl Shadowsocks {
    /// The plugin clients run and its options; simple-obfs is one.
    pub fn client_plugin(&self) -> Option<(&str, String)> {
        if !self.plugin.is_empty() {
            return Some((&self.plugin, self.plugin_opts.clone()));
        }
        if self.obfs.is_empty() {
            return None;
        }
        let mut options = format!("obfs={}", self.obfs);
        if !self.obfs_settings.host.is_empty() {
            options.push_str(&format!(";obfs-host={}", self.obfs_settings.host));
        }
        if !self.obfs_settings.path.is_empty() {
            options.push_str(&format!(";path={}", self.obfs_settings.path));
        }
        Some(("obfs-local", options))
    }
}

/// simple-obfs, however it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleObfs {
    /// `http` or `tls`.
    pub mode: String,
    /// The name pretended, perhaps "".
    pub host: String,
    /// The path pretended, perhaps "".
    pub path: String,
}

impl Shadowsocks {
    /// The value of one option of the plugin; options without a value are `true`.
    pub fn plugin_option(&self, key: &str) -> Option<String> {
        let (_, options) = self.client_plugin()?;
        options.split(';').find_map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, "true"));
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    }

    /// Whether the plugin is simple-obfs, under any of its names.
    pub fn simple_obfs(&self) -> Option<SimpleObfs> {
        let is_obfs = matches!(self.client_plugin()?.0, "obfs" | "obfs-local" | "simple-obfs");
        let option = |keys: &[&str]| keys.iter().find_map(|key| self.plugin_option(key)).unwrap_or_default();
        is_obfs.then(|| SimpleObfs {
            mode: self.plugin_option("obfs").unwrap_or_else(|| "http".into()),
            host: option(&["obfs-host", "host"]),
            path: option(&["obfs-uri", "path"]),
        })
    }
}

/// `VMess`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vmess {
    /// None or TLS.
    pub tls: Security,
    /// What carries it.
    #[serde(flatten)]
    pub transport: Transport,
    /// TLS.
    pub tls_settings: Tls,
    /// Multiplexing.
    pub multiplex: Multiplex,
    /// Imitated handshake.
    pub utls: Utls,
    /// Kept for front ends.
    pub rules: Vec<Value>,
}

/// VLESS's own encryption, client side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VlessEncryption {
    /// Whether it is used.
    pub enabled: bool,
    /// The client's string; the server's is a private part.
    pub encryption: String,
}

/// VLESS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vless {
    /// None, TLS or Reality.
    pub tls: Security,
    /// "" or `xtls-rprx-vision`.
    pub flow: String,
    /// Its own encryption.
    pub encryption: VlessEncryption,
    /// What carries it.
    #[serde(flatten)]
    pub transport: Transport,
    /// TLS.
    pub tls_settings: Tls,
    /// Reality.
    pub reality_settings: Reality,
    /// Multiplexing.
    pub multiplex: Multiplex,
    /// Imitated handshake.
    pub utls: Utls,
    /// Embedded: where strangers are sent, `host:port`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fallback: String,
}

impl Vless {
    /// The `encryption` of a link: the client's string, else `none`.
    pub fn client_encryption(&self) -> &str {
        if self.encryption.enabled && !self.encryption.encryption.is_empty() {
            &self.encryption.encryption
        } else {
            "none"
        }
    }
}

/// Trojan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trojan {
    /// TLS or Reality.
    pub tls: Security,
    /// What carries it.
    #[serde(flatten)]
    pub transport: Transport,
    /// TLS.
    pub tls_settings: Tls,
    /// Reality.
    pub reality_settings: Reality,
    /// Multiplexing.
    pub multiplex: Multiplex,
    /// Imitated handshake.
    pub utls: Utls,
    /// Embedded: where strangers are sent, `host:port`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fallback: String,
}

/// Bandwidth in Mbit/s, 0 is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bandwidth {
    /// From the client.
    pub up: u32,
    /// To the client.
    pub down: u32,
}

/// Hysteria's disguise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HysteriaObfs {
    /// Whether it is used.
    pub open: bool,
    /// `salamander`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its password, which clients know too.
    pub password: String,
}

/// Hysteria 1 or 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hysteria {
    /// 1 or 2.
    pub version: u8,
    /// The server's, as seen from the client.
    pub bandwidth: Bandwidth,
    /// Disguise.
    pub obfs: HysteriaObfs,
    /// TLS.
    pub tls: Tls,
    /// Seconds between two ports of a range; 0 leaves it to the client.
    pub hop_interval: u32,
    /// Embedded: whether the client's word about its bandwidth is not believed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_client_bandwidth: bool,
}

impl Hysteria {
    /// The password of the disguise in use.
    pub fn obfs_password(&self) -> Option<&str> {
        (self.obfs.open && !self.obfs.password.is_empty()).then_some(self.obfs.password.as_str())
    }
}

/// TUIC 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tuic {
    /// 5.
    pub version: u8,
    /// `cubic`, `new_reno` or `bbr`.
    pub congestion_control: String,
    /// `h3` unless set.
    pub alpn: Vec<String>,
    /// `native` or `quic`.
    pub udp_relay_mode: String,
    /// TLS.
    pub tls: Tls,
}

/// `AnyTLS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anytls {
    /// The lines of the scheme.
    pub padding_scheme: Vec<String>,
    /// TLS.
    pub tls: Tls,
}

/// SOCKS5, `NaiveProxy` and HTTP: nothing but TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plain {
    /// None or TLS.
    pub tls: Security,
    /// TLS.
    pub tls_settings: Tls,
}

/// mieru.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mieru {
    /// `TCP` or `UDP`.
    pub transport: &'static str,
    /// Its traffic pattern, an opaque text.
    pub traffic_pattern: String,
    /// Multiplexing.
    pub multiplex: Multiplex,
}

/// `AnyTLS`'s own default scheme.
pub const DEFAULT_PADDING: [&str; 9] = [
    "stop=8",
    "0=30-30",
    "1=100-400",
    "2=400-500,c,500-1000,c,500-1000,c,500-1000,c,500-1000",
    "3=9-9,500-1000",
    "4=500-1000",
    "5=500-1000",
    "6=500-1000",
    "7=500-1000",
];
