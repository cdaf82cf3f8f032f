//! Keys as targets show them, and private keys as vouchers hold them.

use gatehouse_domain::bastion::terminal::PresentedKey;
use gatehouse_model::Secret;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, decode_secret_key};

/// A public key as people know it.
pub(crate) fn presented(key: &PublicKey) -> PresentedKey {
    let algorithm = match key.algorithm() {
        // The name of the key, not of a signature.
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.as_str().to_owned(),
    };
    let plain = PublicKey::new(key.key_data().clone(), "");
    let public_key = plain.to_openssh().unwrap_or_default().trim_end().to_owned();
    PresentedKey { algorithm, public_key, fingerprint: key.fingerprint(HashAlg::Sha256).to_string() }
}

/// Reads a private key: OpenSSH, PKCS#1, PKCS#8 or SEC1, without passphrase.
pub(crate) fn private(text: &Secret) -> Option<PrivateKey> {
    // Keys pasted on Windows have CR before LF, which the reader of PEM headers does not expect.
    let text = Secret::new(text.expose().replace('\r', ""));
    decode_secret_key(text.expose(), None).ok()
}
