//! The sections that concern the process itself. Keys, units and defaults: `deploy/gatehouse.example.toml`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use gatehouse_model::{Secret, Span};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

/// The keys above all sections.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Top {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) key_ring_file: Option<PathBuf>,
    pub(crate) time_zone: Option<String>,
}

/// `[http]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpConfig {
    /// Addresses of the shared listener.
    pub(crate) listen: Listen,
    /// Proxies whose forwarded headers name the client.
    pub(crate) trusted_proxies: Networks,
    /// Connections held at the same time, over all HTTP listeners.
    pub(crate) max_connections: usize,
    /// From the accept, or the previous answer, to a complete request head.
    pub(crate) header_timeout: Span,
    /// How long requests may finish at shutdown.
    pub(crate) drain: Span,
    /// TLS on every HTTP listener but the metrics one.
    pub(crate) tls: Option<TlsConfig>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Listen::local(8080),
            trusted_proxies: Networks::default(),
            max_connections: 16_000,
            header_timeout: Span(Duration::from_secs(30)),
            drain: Span(Duration::from_secs(10)),
            tls: None,
        }
    }
}

/// `[http.tls]`: PEM files, read again on SIGHUP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// Certificate chain.
    pub(crate) cert_file: PathBuf,
    /// Private key.
    pub(crate) key_file: PathBuf,
}

/// `[metrics]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    /// Whether the listener exists.
    pub(crate) enabled: bool,
    /// Addresses of `/metrics`, `/healthz` and `/readyz`.
    pub(crate) listen: Listen,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true, listen: Listen::local(9090) }
    }
}

/// `[database]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DatabaseConfig {
    /// `sqlite://…` or `postgres://…`; unset: a file in the data directory.
    pub(crate) url: Option<Secret>,
    /// Connections of the pool (readers on SQLite); unset: what suits the engine.
    pub(crate) max_connections: Option<u32>,
    /// How hard SQLite makes a commit survive a loss of power.
    pub(crate) synchronous: Synchronous,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, max_connections: None, synchronous: Synchronous::Full }
    }
}

/// SQLite's `synchronous`. Both survive `kill -9`; they differ when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Synchronous {
    /// Every acknowledged commit is on the disk.
    Full,
    /// Faster; the last commits may be lost, the file stays sound.
    Normal,
}

/// `[log]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// For people or for machines.
    pub(crate) format: LogFormat,
    /// `tracing` directives.
    pub(crate) filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Human, filter: "info".to_owned() }
    }
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// One readable line.
    Human,
    /// One JSON object per line.
    Json,
}

/// What every surface's section has (DESIGN §10.6).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SurfaceConfig {
    /// Whether the surface answers at all.
    pub(crate) enabled: bool,
    /// Own listeners; none: the shared ones.
    pub(crate) listen: Listen,
    /// Answers only requests for this host name.
    pub(crate) host: Option<String>,
    /// Put before every path, such as `/oa`.
    pub(crate) prefix: String,
    /// Zone of the times this surface shows.
    pub(crate) time_zone: Option<String>,
}

impl SurfaceConfig {
    /// The names of its keys, to tell them from the surface's own.
    pub(crate) const KEYS: [&'static str; 5] = ["enabled", "listen", "host", "prefix", "time_zone"];
}

impl Default for SurfaceConfig {
    fn default() -> Self {
        Self { enabled: true, listen: Listen::default(), host: None, prefix: String::new(), time_zone: None }
    }
}

/// The keys of `[ssh]` that the server itself reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SshListen {
    /// Where native clients connect.
    pub(crate) listen: Listen,
    /// Proxies whose PROXY header names the client.
    pub(crate) trusted_proxies: Networks,
}

impl SshListen {
    /// The names of its keys.
    pub(crate) const KEYS: [&'static str; 2] = ["listen", "trusted_proxies"];
}

impl Default for SshListen {
    fn default() -> Self {
        Self { listen: Listen::local(2222), trusted_proxies: Networks::default() }
    }
}

/// The keys of `[radius]` that the server itself reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RadiusListen {
    /// UDP addresses for logins.
    pub(crate) auth: Listen,
    /// UDP addresses for accounting.
    pub(crate) acct: Listen,
}

impl RadiusListen {
    /// The names of its keys.
    pub(crate) const KEYS: [&'static str; 2] = ["auth", "acct"];
}

impl Default for RadiusListen {
    fn default() -> Self {
        Self { auth: Listen::local(1812), acct: Listen::local(1813) }
    }
}

/// One `address:port` or a list of them. Port 0: any free one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Vec<SocketAddr>);

impl Listen {
    fn local(port: u16) -> Self {
        Self(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)])
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_or_many(deserializer, "an address and a port such as \"127.0.0.1:8080\", or a list of them", |text| {
            text.parse().ok()
        })
        .map(Self)
    }
}

/// Networks in CIDR notation; a bare address is a network of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(pub(crate) Vec<IpNet>);

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_or_many(deserializer, "a network such as \"10.0.0.0/8\" or an address, or a list of them", |text| {
            text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        })
        .map(Self)
    }
}

/// Reads a text or a list of texts, each parsed by `parse`.
fn one_or_many<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    wanted: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    /// As visitor: one text or a list. As seed: one element, so that an error names its index.
    struct Texts<T>(&'static str, fn(&str) -> Option<T>);

    impl<T> Texts<T> {
        fn read<E: de::Error>(&self, text: &str) -> Result<T, E> {
            (self.1)(text).ok_or_else(|| E::custom(format!("`{text}` is not {}", self.0)))
        }
    }

    impl<'de, T> de::DeserializeSeed<'de> for &Texts<T> {
        type Value = T;

        fn deserialize<D: Deserializer<'de>>(self, element: D) -> Result<T, D::Error> {
            self.read(&String::deserialize(element)?)
        }
    }

    impl<'de, T> de::Visitor<'de> for Texts<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![self.read(text)?])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(value) = elements.next_element_seed(&self)? {
                list.push(value);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(Texts(wanted, parse))
}
