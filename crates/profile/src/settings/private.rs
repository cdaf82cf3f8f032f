//! Private keys of a node, kept apart from its settings: sealed in a column of their own, sent to the node alone.

use gatehouse_model::Secret;
use serde_json::{Map, Value, json};

use super::Settings;

/// What stands for a stored secret in replies; received again, it leaves the stored one.
pub const MASK: &str = "********";

/// The private parts of a node's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Private {
    /// Reality's X25519 key.
    pub reality_private_key: Option<Secret>,
    /// ECH's key, PEM or Base64.
    pub ech_key: Option<Secret>,
    /// The server's string of VLESS encryption.
    pub vless_decryption: Option<Secret>,
}

/// Where they lie in `protocol_settings`; ECH's has two places, by type.
const REALITY: &[&str] = &["reality_settings", "private_key"];
const ECH: &[&[&str]] = &[&["tls_settings", "ech", "key"], &["tls", "ech", "key"]];
const DECRYPTION: &[&str] = &["encryption", "decryption"];

impl Private {
    /// Takes the private parts out of `protocol_settings` as a front end sent them; empty and masked ones are absent.
    pub fn split(value: &Value) -> Self {
        let find = |path: &[&str]| {
            let found = path.iter().try_fold(value, |value, key| value.get(key))?.as_str()?.trim();
            (!found.is_empty() && found != MASK).then(|| Secret::new(found))
        };
        Self {
            reality_private_key: find(REALITY),
            ech_key: ECH.iter().find_map(|path| find(path)),
            vless_decryption: find(DECRYPTION),
        }
    }

    /// What was sent, completed by what was stored.
    #[must_use]
    pub fn or(self, stored: Self) -> Self {
        Self {
            reality_private_key: self.reality_private_key.or(stored.reality_private_key),
            ech_key: self.ech_key.or(stored.ech_key),
            vless_decryption: self.vless_decryption.or(stored.vless_decryption),
        }
    }

    /// Whether there is nothing to seal.
    pub const fn is_empty(&self) -> bool {
        self.reality_private_key.is_none() && self.ech_key.is_none() && self.vless_decryption.is_none()
    }

    /// The text to seal; a JSON object.
    pub fn to_secret(&self) -> Secret {
        let mut object = Map::new();
        for (key, secret) in self.parts() {
            object.insert(key.into(), secret.expose().into());
        }
        Secret::new(Value::Object(object).to_string())
    }

    /// Reads the sealed text; what is not there is absent.
    pub fn from_secret(secret: &Secret) -> Self {
        let value: Value = serde_json::from_str(secret.expose()).unwrap_or_default();
        let find = |key: &str| value.get(key).and_then(Value::as_str).map(Secret::new);
        Self {
            reality_private_key: find("reality_private_key"),
            ech_key: find("ech_key"),
            vless_decryption: find("vless_decryption"),
        }
    }

    /// `protocol_settings` with the private parts in their places: a backup, or a node's own view.
    pub fn join(&self, settings: &Settings) -> Value {
        self.place(settings, Secret::expose)
    }

    /// `protocol_settings` for administrators: [`MASK`] where a private part is stored.
    pub fn masked(&self, settings: &Settings) -> Value {
        self.place(settings, |_| MASK)
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        [
            ("reality_private_key", &self.reality_private_key),
            ("ech_key", &self.ech_key),
            ("vless_decryption", &self.vless_decryption),
        ]
        .into_iter()
        .filter_map(|(key, secret)| Some((key, secret.as_ref()?)))
    }

    fn place<'a>(&'a self, settings: &Settings, text: impl Fn(&'a Secret) -> &'a str) -> Value {
        let mut value = settings.to_value();
        if let Some(secret) = &self.reality_private_key {
            put(&mut value, REALITY, text(secret));
        }
        if let Some(secret) = &self.ech_key {
            for path in ECH {
                put(&mut value, path, text(secret));
            }
        }
        if let Some(secret) = &self.vless_decryption {
            put(&mut value, DECRYPTION, text(secret));
        }
        value
    }
}

/// Sets a key of a nested object, where that object exists.
fn put(value: &mut Value, path: &[&str], text: &str) {
    let Some((last, folders)) = path.split_last() else { return };
    let folder = folders.iter().try_fold(value, |value, key| value.get_mut(key));
    if let Some(Value::Object(object)) = folder {
        object.insert((*last).to_owned(), json!(text));
    }
}
