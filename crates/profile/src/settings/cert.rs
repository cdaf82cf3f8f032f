//! `cert_config`: where a node's certificate comes from.

use std::{cell::RefCell, collections::BTreeMap};

use gatehouse_model::Secret;
use serde_json::{Map, Value, json};

use super::{Fault, MASK, read::Reader};

/// The certificate of a node, with its secrets apart from what may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertConfig {
    /// `none`, `file`, `content`, `self`, `http` or `dns`.
    pub cert_mode: &'static str,
    /// Name of the certificate, for ACME.
    pub domain: String,
    /// Address of the ACME account.
    pub email: String,
    /// ACME DNS-01: who runs the zone.
    pub dns_provider: String,
    /// ACME HTTP-01: local port, 0 is 80.
    pub http_port: u32,
    /// File of the chain on the node.
    pub cert_file: String,
    /// File of the key on the node.
    pub key_file: String,
    /// The chain, PEM.
    pub cert_content: String,
    /// The key, PEM; sealed at rest.
    pub key_content: Option<Secret>,
    /// Credentials of the DNS provider; sealed at rest.
    pub dns_env: BTreeMap<String, Secret>,
}

const MODES: [(&str, &str); 6] =
    [("none", "none"), ("file", "file"), ("content", "content"), ("self", "self"), ("http", "http"), ("dns", "dns")];

impl CertConfig {
    /// Reads `cert_config`; null and empty objects are none, masked secrets are absent.
    ///
    /// Errors: an unknown mode, or one that lacks what it needs.
    pub fn parse(value: &Value) -> Result<Option<Self>, Vec<Fault>> {
        let faults = RefCell::new(Vec::new());
        let reader = Reader::new(value, &faults);
        let default = if reader.has("cert_mode") { "cert_mode" } else { "mode" };
        let is_set = reader.has(default);
        let read = Self {
            cert_mode: reader.word(default, &MODES, "none"),
            domain: reader.text("domain"),
            email: reader.text("email"),
            dns_provider: reader.text_or("dns_provider", &reader.text("provider")),
            http_port: reader.number("http_port", 65_535).unwrap_or(0),
            cert_file: reader.text("cert_file"),
            key_file: reader.text("key_file"),
            cert_content: reader.text("cert_content"),
            key_content: secret(&reader.text("key_content")),
            dns_env: dns_env(reader.value("dns_env")),
        };
        if read.cert_mode == "file" {
            for key in ["cert_file", "key_file"] {
                if !reader.has(key) {
                    reader.fault(key, "is required for the mode `file`");
                }
            }
        }
        if read.cert_mode == "content" && !reader.has("cert_content") {
            reader.fault("cert_content", "is required for the mode `content`");
        }
        drop(reader);
        let mut faults = faults.into_inner();
        for fault in &mut faults {
            fault.key = format!("cert_config.{}", fault.key);
        }
        if faults.is_empty() { Ok(is_set.then_some(read)) } else { Err(faults) }
    }

    /// What was sent, completed by the secrets that were stored.
    #[must_use]
    pub fn or_secrets_of(mut self, stored: &Self) -> Self {
        if self.key_content.is_none() {
            self.key_content.clone_from(&stored.key_content);
        }
        for (key, secret) in &stored.dns_env {
            self.dns_env.entry(key.clone()).or_insert_with(|| secret.clone());
        }
        self
    }

    /// What may be stored in clear and shown.
    pub fn to_value(&self) -> Value {
        self.render(|_| None)
    }

    /// For administrators: [`MASK`] where a secret is stored.
    pub fn masked(&self) -> Value {
        self.render(|_| Some(MASK))
    }

    /// Everything: for the node itself, or to be sealed.
    pub fn to_node(&self) -> Value {
        self.render(|secret| Some(secret.expose()))
    }

    fn render<'a>(&'a self, show: impl Fn(&'a Secret) -> Option<&'a str>) -> Value {
        let mut object = Map::new();
        object.insert("cert_mode".into(), self.cert_mode.into());
        let texts = [
            ("domain", &self.domain),
            ("email", &self.email),
            ("dns_provider", &self.dns_provider),
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
            ("cert_content", &self.cert_content),
        ];
        for (key, text) in texts {
            if !text.is_empty() {
                object.insert(key.into(), text.as_str().into());
            }
        }
        if self.http_port != 0 {
            object.insert("http_port".into(), self.http_port.into());
        }
        if let Some(text) = self.key_content.as_ref().and_then(&show) {
            object.insert("key_content".into(), text.into());
        }
        let shown = self.dns_env.iter().filter_map(|(key, secret)| Some((key.clone(), json!(show(secret)?))));
        let environment: Map<String, Value> = shown.collect();
        if !environment.is_empty() {
            object.insert("dns_env".into(), Value::Object(environment));
        }
        Value::Object(object)
    }
}

fn secret(text: &str) -> Option<Secret> {
    (!text.is_empty() && text != MASK).then(|| Secret::new(text))
}

/// An object, or lines `KEY=VALUE`.
fn dns_env(value: Option<&Value>) -> BTreeMap<String, Secret> {
    let mut environment = BTreeMap::new();
    match value {
        Some(Value::Object(object)) => {
            for (key, value) in object {
                if let Some(secret) = value.as_str().and_then(secret) {
                    environment.insert(key.clone(), secret);
                }
            }
        }
        Some(Value::String(text)) => {
            for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
                if let Some(secret) = secret(value.trim()) {
                    environment.insert(key.trim().to_owned(), secret);
                }
            }
        }
        _ => {}
    }
    environment
}
