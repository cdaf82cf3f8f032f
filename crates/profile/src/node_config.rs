//! What a node fetches: its configuration and its users (specs/panel-nodes.md N4.2, N5.2).

use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_model::Secret;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use crate::settings::{CertConfig, Ech, Plain, Private, Reality, RouteRule, Security, Settings, Tls};

/// A node as its configuration needs it.
#[derive(Debug, Clone)]
pub struct NodeConfig<'a> {
    /// Where clients connect to.
    pub host: &'a str,
    /// Where the node listens.
    pub server_port: u16,
    /// Its settings.
    pub settings: &'a Settings,
    /// Their private parts.
    pub private: &'a Private,
    /// The Shadowsocks 2022 server key, 16 or 32 bytes; the parent's for a child node.
    pub server_key: &'a [u8],
    /// Its routing rules.
    pub routes: &'a [RouteRule],
    /// Outbounds in the node core's own notation.
    pub custom_outbounds: &'a [Value],
    /// Rules in the node core's own notation.
    pub custom_routes: &'a [Value],
    /// Where its certificate comes from.
    pub cert_config: Option<&'a CertConfig>,
    /// Seconds between two reports.
    pub push_interval: u32,
    /// Seconds between two fetches.
    pub pull_interval: u32,
}

/// Keys in the order they were added.
struct Ordered(Vec<(&'static str, Value)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Ordered {
    fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, value.into()));
    }

    /// Null for an empty text, in the places that have one.
    fn put_or_null(&mut self, key: &'static str, text: &str) {
        self.put(key, if text.is_empty() { Value::Null } else { text.into() });
    }
}

impl NodeConfig<'_> {
    /// The JSON body, keys in a stable order: the same node always makes the same bytes. Holds private keys.
    pub fn to_json(&self) -> Secret {
        let mut out = Ordered(Vec::with_capacity(20));
        let transport = self.settings.transport();
        out.put("protocol", self.settings.kind().as_str());
        out.put("listen_ip", "0.0.0.0");
        out.put("server_port", self.server_port);
        out.put("network", transport.map_or("tcp", |transport| transport.network.as_str()));
        out.put("networkSettings", transport.and_then(crate::settings::Transport::to_value).unwrap_or(Value::Null));
        self.put_protocol(&mut out);
        if !self.routes.is_empty() {
            out.put("routes", json!(self.routes));
        }
        if !self.custom_outbounds.is_empty() {
            out.put("custom_outbounds", self.custom_outbounds.to_vec());
        }
        if !self.custom_routes.is_empty() {
            out.put("custom_routes", self.custom_routes.to_vec());
        }
        if let Some(cert_config) = self.cert_config {
            out.put("cert_config", cert_config.to_node());
        }
        out.put("base_config", json!({ "push_interval": self.push_interval, "pull_interval": self.pull_interval }));
        // Maps of text keys always serialise.
        Secret::new(serde_json::to_string(&out).unwrap_or_default())
    }

    fn put_protocol(&self, out: &mut Ordered) {
        match self.settings {
            Settings::Shadowsocks(settings) => {
                out.put("cipher", settings.cipher.as_str());
                out.put_or_null("plugin", &settings.plugin);
                out.put_or_null("plugin_opts", &settings.plugin_opts);
                let key =
                    if settings.cipher.is_2022() { BASE64_STANDARD.encode(self.server_key) } else { String::new() };
                out.put_or_null("server_key", &key);
            }
            Settings::Vmess(settings) => {
                out.put("tls", settings.tls.number());
                out.put("tls_settings", self.tls(&settings.tls_settings));
                out.put("multiplex", json!(settings.multiplex));
            }
            Settings::Trojan(settings) => {
                out.put("host", self.host);
                out.put("server_name", self.settings.server_name());
                out.put("tls", settings.tls.number());
                out.put(
                    "tls_settings",
                    self.security(settings.tls, &settings.tls_settings, &settings.reality_settings),
                );
                out.put("multiplex", json!(settings.multiplex));
            }
            Settings::Vless(settings) => {
                out.put("tls", settings.tls.number());
                out.put("flow", settings.flow.as_str());
                let decryption = self.private.vless_decryption.as_ref().filter(|_| settings.encryption.enabled);
                out.put_or_null("decryption", decryption.map_or("", Secret::expose));
                out.put(
                    "tls_settings",
                    self.security(settings.tls, &settings.tls_settings, &settings.reality_settings),
                );
                out.put("multiplex", json!(settings.multiplex));
            }
            Settings::Hysteria(settings) => {
                out.put("version", settings.version);
                out.put("host", self.host);
                out.put("server_name", settings.tls.server_name.as_str());
                out.put("tls_settings", self.tls(&settings.tls));
                out.put("up_mbps", settings.bandwidth.up);
                out.put("down_mbps", settings.bandwidth.down);
                let password = settings.obfs_password();
                if settings.version == 1 {
                    out.put_or_null("obfs", password.unwrap_or_default());
                } else {
                    out.put_or_null("obfs", password.map_or("", |_| settings.obfs.kind.as_str()));
                    out.put("obfs-password", password.unwrap_or_default());
                }
            }
            Settings::Tuic(settings) => {
                out.put("version", settings.version);
                out.put("server_name", settings.tls.server_name.as_str());
                out.put("congestion_control", settings.congestion_control.as_str());
                out.put("tls_settings", self.tls(&settings.tls));
                out.put("auth_timeout", "3s");
                out.put("zero_rtt_handshake", false);
                out.put("heartbeat", "3s");
            }
            Settings::Anytls(settings) => {
                out.put("server_name", settings.tls.server_name.as_str());
                out.put("tls_settings", self.tls(&settings.tls));
                out.put("padding_scheme", json!(settings.padding_scheme));
            }
            Settings::Socks(settings) | Settings::Naive(settings) | Settings::Http(settings) => {
                let Plain { tls, tls_settings } = settings;
                out.put("tls", tls.number());
                out.put("tls_settings", self.tls(tls_settings));
            }
            Settings::Mieru(settings) => {
                out.put("transport", settings.transport);
                out.put("traffic_pattern", settings.traffic_pattern.as_str());
            }
        }
    }

    fn security(&self, security: Security, tls: &Tls, reality: &Reality) -> Value {
        if security == Security::Reality { self.reality(reality) } else { self.tls(tls) }
    }

    fn tls(&self, tls: &Tls) -> Value {
        let mut value = json!(tls);
        let Ech { enabled, .. } = &tls.ech;
        let ech = value.get_mut("ech").and_then(Value::as_object_mut);
        if let (Some(ech), Some(key), true) = (ech, &self.private.ech_key, enabled) {
            ech.insert("key".into(), key.expose().into());
        }
        value
    }

    fn reality(&self, reality: &Reality) -> Value {
        let mut value = json!(reality);
        if let (Some(object), Some(key)) = (value.as_object_mut(), &self.private.reality_private_key) {
            object.insert("private_key".into(), key.expose().into());
        }
        value
    }
}

/// A user as nodes know him.
#[derive(Debug, Clone, Copy)]
pub struct NodeUser {
    /// The account.
    pub id: i64,
    /// The credential.
    pub uuid: Uuid,
    /// Mbit/s, 0 is unlimited.
    pub speed_limit: u32,
    /// Devices, 0 is unlimited.
    pub device_limit: u32,
}

/// Serialises without an allocation per user.
impl Serialize for NodeUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("uuid", &*self.uuid.hyphenated().encode_lower(&mut buffer))?;
        map.serialize_entry("speed_limit", &self.speed_limit)?;
        map.serialize_entry("device_limit", &self.device_limit)?;
        map.end()
    }
}

/// Bytes one user takes in JSON, rounded up.
const USER_JSON: usize = 110;

#[derive(Serialize)]
struct Users<'a> {
    users: &'a [NodeUser],
}

/// `{"users":[{id,uuid,speed_limit,device_limit}]}`.
pub fn users_json(users: &[NodeUser]) -> Vec<u8> {
    let mut out = Vec::with_capacity(users.len() * USER_JSON + 16);
    // Writing to memory does not fail, and neither do these types.
    if serde_json::to_writer(&mut out, &Users { users }).is_err() {
        out.clear();
    }
    out
}

/// The same map as MessagePack.
pub fn users_msgpack(users: &[NodeUser]) -> Vec<u8> {
    let mut out = Vec::with_capacity(users.len() * USER_JSON + 16);
    let mut serializer = rmp_serde::Serializer::new(&mut out).with_struct_map();
    // Writing to memory does not fail, and neither do these types.
    if (Users { users }).serialize(&mut serializer).is_err() {
        out.clear();
    }
    out
}

/// The strong `ETag` of a body: its SHA-1 in quotation marks, as nodes expect it.
pub fn etag(body: &[u8]) -> String {
    let hash = Sha1::digest(body);
    let mut text = String::with_capacity(42);
    text.push('"');
    for byte in hash {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests;
