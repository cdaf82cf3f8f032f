//! What carries a proxied stream: `network` and `network_settings` (specs/panel-nodes.md N5.1).

use serde_json::{Map, Value, json};

use super::read::Reader;

/// The transports by the names the family stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// Plain TCP, perhaps with an HTTP header as disguise.
    #[default]
    Tcp,
    /// WebSocket.
    Ws,
    /// gRPC.
    Grpc,
    /// HTTP/2.
    H2,
    /// HTTP/1.1 as V2Ray knows it; sing-box calls both this and HTTP/2 `http`.
    Http,
    /// HTTP Upgrade.
    Httpupgrade,
    /// XHTTP (splithttp).
    Xhttp,
    /// mKCP.
    Kcp,
    /// QUIC.
    Quic,
}

const NETWORKS: [(&str, Network); 11] = [
    ("tcp", Network::Tcp),
    ("raw", Network::Tcp),
    ("ws", Network::Ws),
    ("grpc", Network::Grpc),
    ("h2", Network::H2),
    ("http", Network::Http),
    ("httpupgrade", Network::Httpupgrade),
    ("xhttp", Network::Xhttp),
    ("splithttp", Network::Xhttp),
    ("kcp", Network::Kcp),
    ("quic", Network::Quic),
];

impl Network {
    /// The name that is stored and sent to nodes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Grpc => "grpc",
            Self::H2 => "h2",
            Self::Http => "http",
            Self::Httpupgrade => "httpupgrade",
            Self::Xhttp => "xhttp",
            Self::Kcp => "kcp",
            Self::Quic => "quic",
        }
    }
}

/// A transport with its settings; those another transport would use are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Which one.
    pub network: Network,
    /// Path of ws, h2, http, httpupgrade, xhttp, and of TCP's HTTP disguise.
    pub path: String,
    /// Further paths of TCP's HTTP disguise.
    pub more_paths: Vec<String>,
    /// The `Host` header.
    pub host: String,
    /// Further hosts of h2, http and TCP's HTTP disguise.
    pub more_hosts: Vec<String>,
    /// gRPC's service.
    pub service_name: String,
    /// XHTTP's mode.
    pub mode: String,
    /// XHTTP's `extra` object, as it is.
    pub extra: Option<Map<String, Value>>,
    /// The disguise of tcp (`http`) or kcp (`srtp`, `wechat-video` …); "" is none.
    pub header_type: String,
    /// mKCP's password.
    pub seed: String,
}

impl Transport {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let network = reader.word("network", &NETWORKS, Network::Tcp);
        let settings = reader.object("network_settings");
        let mut read = Self { network, ..Self::default() };
        let first = |mut list: Vec<String>| {
            let rest = if list.is_empty() { Vec::new() } else { list.split_off(1) };
            (list.pop().unwrap_or_default(), rest)
        };
        match network {
            Network::Tcp => {
                let header = settings.object("header");
                read.header_type = header.text("type");
                if read.header_type == "none" {
                    read.header_type.clear();
                }
                if !read.header_type.is_empty() {
                    let request = header.object("request");
                    (read.path, read.more_paths) = first(request.texts("path"));
                    (read.host, read.more_hosts) = first(request.object("headers").texts("Host"));
                }
            }
            Network::Ws => {
                read.path = settings.text("path");
                read.host = settings.object("headers").text("Host");
                if read.host.is_empty() {
                    read.host = settings.text("host");
                }
            }
            Network::Grpc => read.service_name = settings.text("serviceName"),
            Network::H2 | Network::Http => {
                read.path = settings.text("path");
                (read.host, read.more_hosts) = first(settings.texts("host"));
            }
            Network::Httpupgrade => {
                read.path = settings.text("path");
                read.host = settings.text_or("host", &settings.object("headers").text("Host"));
            }
            Network::Xhttp => {
                read.path = settings.text("path");
                read.host = settings.text("host");
                read.mode = settings.text("mode");
                read.extra = match settings.value("extra") {
                    // Front ends send the object as they find it in its text field.
                    Some(Value::String(text)) if text.trim().is_empty() => None,
                    Some(Value::String(text)) => serde_json::from_str(text).ok().or_else(|| {
                        settings.fault("extra", "must be a JSON object");
                        None
                    }),
                    Some(Value::Object(extra)) => Some(extra.clone()),
                    _ => None,
                }
                .map(without_nulls)
                .filter(|extra| !extra.is_empty());
            }
            Network::Kcp => {
                read.seed = settings.text("seed");
                read.header_type = settings.object("header").text("type");
                if read.header_type == "none" {
                    read.header_type.clear();
                }
            }
            Network::Quic => {}
        }
        read
    }

    /// Every host.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        Some(self.host.as_str())
            .filter(|host| !host.is_empty())
            .into_iter()
            .chain(self.more_hosts.iter().map(String::as_str))
    }

    /// Every path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        Some(self.path.as_str())
            .filter(|path| !path.is_empty())
            .into_iter()
            .chain(self.more_paths.iter().map(String::as_str))
    }

    /// Whether plain TCP is disguised as HTTP.
    pub fn is_http_disguise(&self) -> bool {
        self.network == Network::Tcp && self.header_type == "http"
    }

    /// `network_settings` as stored and sent to nodes; none when nothing is set.
    pub fn to_value(&self) -> Option<Value> {
        let mut object = Map::new();
        let put = |object: &mut Map<String, Value>, key: &str, text: &str| {
            if !text.is_empty() {
                object.insert(key.into(), text.into());
            }
        };
        let all = |texts: Vec<&str>| Value::from(texts);
        match self.network {
            Network::Tcp if self.header_type.is_empty() => {}
            Network::Tcp => {
                let mut request = Map::new();
                if self.paths().next().is_some() {
                    request.insert("path".into(), all(self.paths().collect()));
                }
                if self.hosts().next().is_some() {
                    request.insert("headers".into(), json!({ "Host": all(self.hosts().collect()) }));
                }
                object.insert("header".into(), json!({ "type": self.header_type, "request": request }));
            }
            Network::Ws => {
                put(&mut object, "path", &self.path);
                if !self.host.is_empty() {
                    object.insert("headers".into(), json!({ "Host": self.host }));
                }
            }
            Network::Grpc => put(&mut object, "serviceName", &self.service_name),
            Network::H2 | Network::Http => {
                put(&mut object, "path", &self.path);
                if self.hosts().next().is_some() {
                    object.insert("host".into(), all(self.hosts().collect()));
                }
            }
            Network::Httpupgrade => {
                put(&mut object, "path", &self.path);
                put(&mut object, "host", &self.host);
            }
            Network::Xhttp => {
                put(&mut object, "path", &self.path);
                put(&mut object, "host", &self.host);
                put(&mut object, "mode", &self.mode);
                if let Some(extra) = &self.extra {
                    object.insert("extra".into(), Value::Object(extra.clone()));
                }
            }
            Network::Kcp => {
                put(&mut object, "seed", &self.seed);
                if !self.header_type.is_empty() {
                    object.insert("header".into(), json!({ "type": self.header_type }));
                }
            }
            Network::Quic => {}
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }
}

/// Nodes refuse nulls inside objects.
fn without_nulls(object: Map<String, Value>) -> Map<String, Value> {
    let clean = |value| match value {
        Value::Object(nested) => Value::Object(without_nulls(nested)),
        other => other,
    };
    object.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, clean(value))).collect()
}
