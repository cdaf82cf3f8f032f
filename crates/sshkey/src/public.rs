//! Public keys in OpenSSH form: `ssh-ed25519 AAAA… comment`.

use ssh_key::{HashAlg, public::KeyData};

use crate::{Fault, RSA_MAX, RSA_MIN};

/// A public key that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` …
    pub algorithm: String,
    /// `ssh-ed25519 AAAA…`, without comment.
    pub openssh: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// The comment, empty if there is none.
    pub comment: String,
    /// Whether the private half lives in a hardware token (`sk-…`).
    pub is_hardware: bool,
}

/// Reads one line of OpenSSH form; no options in front, no certificate.
pub fn read_public(text: &str) -> Result<PublicKey, Fault> {
    let line = text.trim();
    if line.contains(['\n', '\r', '\0']) || line.len() > 16_384 {
        return Err(Fault::Malformed);
    }
    let key = ssh_key::PublicKey::from_openssh(line).map_err(|_| Fault::Malformed)?;
    let is_hardware = match key.key_data() {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) => false,
        KeyData::Rsa(rsa) if (RSA_MIN..=RSA_MAX).contains(&rsa.key_size()) => false,
        KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => true,
        _ => return Err(Fault::Unsupported),
    };
    let bare = ssh_key::PublicKey::new(key.key_data().clone(), "");
    Ok(PublicKey {
        algorithm: key.algorithm().to_string(),
        openssh: bare.to_openssh().map_err(|_| Fault::Malformed)?.trim_end().to_owned(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        comment: String::from_utf8_lossy(key.comment().as_bytes()).into_owned(),
        is_hardware,
    })
}
