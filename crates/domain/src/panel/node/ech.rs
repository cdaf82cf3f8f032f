//! Keys of Encrypted Client Hello (RFC 9849): an X25519 key and the list clients are told, each as PEM.

use aws_lc_rs::agreement::{PrivateKey, X25519};
use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_model::Secret;
use zeroize::Zeroizing;

use crate::{Ctx, Error, Result};

/// `ech` in the version field of the configuration.
const VERSION: u16 = 0xfe0d;
/// DHKEM(X25519, HKDF-SHA256).
const KEM: u16 = 0x0020;
/// HKDF-SHA256 with AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305.
const SUITES: [(u16, u16); 3] = [(1, 1), (1, 2), (1, 3)];

/// A key with its list.
#[derive(Debug)]
pub struct EchKey {
    /// `ECH KEYS`, PEM: for the node alone.
    pub key: Secret,
    /// `ECH CONFIGS`, PEM: for clients.
    pub config: String,
}

/// Makes a key for a public name. Stores nothing. Errors: `Forbidden`; `Invalid` for what is no host name.
pub fn generate(ctx: &Ctx, public_name: &str) -> Result<EchKey> {
    ctx.require("panel.node")?;
    let is_label = |label: &str| {
        let is_word = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && is_word && !label.starts_with('-') && !label.ends_with('-')
    };
    if public_name.len() > 253 || !public_name.split('.').all(is_label) {
        return Err(Error::invalid("public_name", "must be a host name such as example.com"));
    }
    let random = ctx.app.random();
    let seed = Zeroizing::new(random.bytes::<32>());
    let private = PrivateKey::from_private_key(&X25519, seed.as_slice()).map_err(Error::internal)?;
    let public = private.compute_public_key().map_err(Error::internal)?;
    let [id] = random.bytes::<1>();
    let config = config(id, public.as_ref(), public_name.as_bytes());
    let mut keys = Zeroizing::new(Vec::new());
    keys.extend(prefixed(seed.as_slice()));
    keys.extend(prefixed(&config));
    Ok(EchKey { key: Secret::new(pem("ECH KEYS", &keys)), config: pem("ECH CONFIGS", &prefixed(&config)) })
}

/// One `ECHConfig`.
fn config(id: u8, public: &[u8], name: &[u8]) -> Vec<u8> {
    let mut contents = vec![id];
    contents.extend(KEM.to_be_bytes());
    contents.extend(prefixed(public));
    let suites: Vec<u8> =
        SUITES.iter().flat_map(|(kdf, aead)| [kdf.to_be_bytes(), aead.to_be_bytes()].concat()).collect();
    contents.extend(prefixed(&suites));
    // No padding asked for; names are shorter than 255 bytes.
    contents.push(0);
    contents.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    contents.extend(name);
    contents.extend(prefixed(&[]));
    let mut config = VERSION.to_be_bytes().to_vec();
    config.extend(prefixed(&contents));
    config
}

/// Bytes behind their length in two.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_the_form_of_the_standard() {
        let config = config(7, &[1; 32], b"example.com");
        assert_eq!(config[..4], [0xfe, 0x0d, 0, 66]);
        assert_eq!(config.len(), 4 + 66);
        assert_eq!(config[4..9], [7, 0, 0x20, 0, 32]);
        assert_eq!(config[41..55], [0, 12, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 3]);
        assert_eq!(&config[55..68], b"\0\x0bexample.com");
    }
}
