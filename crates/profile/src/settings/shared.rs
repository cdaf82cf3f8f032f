//! The parts that several node types share (specs/panel-nodes.md N5.1). None of them holds a private key: see
//! [`super::Private`].

use serde::Serialize;

use super::read::Reader;

/// Encrypted Client Hello, its public side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ech {
    /// Whether clients use it.
    pub enabled: bool,
    /// `ECHConfigList`, PEM or Base64.
    pub config: String,
    /// Name to ask DNS for the list instead.
    pub query_server_name: String,
    /// File of the private key on the node.
    pub key_path: String,
    /// File of the list on the node.
    pub config_path: String,
}

/// TLS as clients see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Name in the certificate; "" is the node's host.
    pub server_name: String,
    /// Whether clients must not check the certificate.
    pub allow_insecure: bool,
    /// Encrypted Client Hello.
    pub ech: Ech,
}

/// Reality without its private key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reality {
    /// The borrowed name.
    pub server_name: String,
    /// Port of the borrowed server; text, because nodes read it as one.
    pub server_port: String,
    /// X25519, Base64 without padding.
    pub public_key: String,
    /// Up to 16 hexadecimal digits.
    pub short_id: String,
    /// Kept for front ends; Reality checks by key.
    pub allow_insecure: bool,
}

/// TCP Brutal inside a multiplexed connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Brutal {
    /// Whether it is used.
    pub enabled: bool,
    /// Mbit/s from the client.
    pub up_mbps: u32,
    /// Mbit/s to the client.
    pub down_mbps: u32,
}

/// Several streams in one connection, as sing-box does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Multiplex {
    /// Whether it is used.
    pub enabled: bool,
    /// `yamux`, `smux` or `h2mux`.
    pub protocol: &'static str,
    /// Connections at most; 0 leaves it to the client.
    pub max_connections: u32,
    /// Whether frames are padded.
    pub padding: bool,
    /// TCP Brutal.
    pub brutal: Brutal,
}

impl Default for Multiplex {
    fn default() -> Self {
        Self { enabled: false, protocol: "yamux", max_connections: 0, padding: false, brutal: Brutal::default() }
    }
}

/// Whose TLS handshake clients imitate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Utls {
    /// Whether they do.
    pub enabled: bool,
    /// `chrome`, `firefox`, `random` …
    pub fingerprint: String,
}

impl Default for Utls {
    fn default() -> Self {
        Self { enabled: false, fingerprint: "chrome".into() }
    }
}

impl Utls {
    /// The fingerprint, where one is imitated.
    pub fn fingerprint(&self) -> Option<&str> {
        self.enabled.then_some(self.fingerprint.as_str())
    }
}

impl Ech {
    /// Whether clients have something to use.
    pub fn is_usable(&self) -> bool {
        self.enabled && !(self.config.is_empty() && self.query_server_name.is_empty())
    }

    /// The list as Base64 in one line, without PEM's armour.
    pub fn config_base64(&self) -> String {
        self.config.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect()
    }

    fn read(reader: &Reader<'_>) -> Self {
        Self {
            enabled: reader.flag("enabled"),
            config: reader.text("config"),
            query_server_name: reader.text("query_server_name"),
            key_path: reader.text("key_path"),
            config_path: reader.text("config_path"),
        }
    }
}

impl Tls {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        Self {
            server_name: reader.text("server_name"),
            allow_insecure: reader.flag("allow_insecure"),
            ech: Ech::read(&reader.object("ech")),
        }
    }
}

impl Reality {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let short_id = reader.text("short_id");
        if short_id.len() > 16
            || !short_id.len().is_multiple_of(2)
            || !short_id.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            reader.fault("short_id", "must be an even number of up to 16 hexadecimal digits");
        }
        Self {
            server_name: reader.text("server_name"),
            server_port: reader.text("server_port"),
            public_key: reader.text("public_key"),
            short_id,
            allow_insecure: reader.flag("allow_insecure"),
        }
    }
}

impl Multiplex {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let brutal = reader.object("brutal");
        let protocols = [("yamux", "yamux"), ("smux", "smux"), ("h2mux", "h2mux")];
        Self {
            enabled: reader.flag("enabled"),
            protocol: reader.word("protocol", &protocols, "yamux"),
            max_connections: reader.number("max_connections", 1024).unwrap_or(0),
            padding: reader.flag("padding"),
            brutal: Brutal {
                enabled: brutal.flag("enabled"),
                up_mbps: brutal.number("up_mbps", 1_000_000).unwrap_or(0),
                down_mbps: brutal.number("down_mbps", 1_000_000).unwrap_or(0),
            },
        }
    }
}

impl Utls {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        Self { enabled: reader.flag("enabled"), fingerprint: reader.text_or("fingerprint", "chrome") }
    }
}
