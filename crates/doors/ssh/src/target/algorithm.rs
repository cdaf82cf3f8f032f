//! Which algorithms a target is offered, and in which order (specs/bastion.md §8.2, §8.3).

use std::borrow::Cow;

use gatehouse_domain::bastion::terminal::PinnedKey;
use russh::{
    Preferred, cipher, compression, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg},
    mac,
};

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
];
const KEX_OF_OLD: &[kex::Name] = &[kex::DH_G14_SHA1];
const KEX_EXTENSIONS: &[kex::Name] = &[kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

const CIPHERS: &[cipher::Name] =
    &[cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];
const CIPHERS_OF_OLD: &[cipher::Name] = &[cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
const MACS_OF_OLD: &[mac::Name] = &[mac::HMAC_SHA1];

const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];
const KEYS_OF_OLD: &[Algorithm] = &[Algorithm::Rsa { hash: None }];

/// What a target is offered. Pinned kinds of key come first, so that a target that still has its old key shows that one; the
/// other kinds follow, so that the fingerprint of a changed key can be shown.
pub(super) fn preferred(pins: &[PinnedKey], with_old: bool) -> Preferred {
    let mut keys: Vec<_> = [KEYS, if with_old { KEYS_OF_OLD } else { &[] }].concat();
    // Stable: the usual order holds among the pinned ones and among the rest.
    keys.sort_by_key(|algorithm| !pins.iter().any(|pin| is_of_kind(algorithm, &pin.algorithm)));
    Preferred {
        kex: joined(KEX, with_old.then_some(KEX_OF_OLD), KEX_EXTENSIONS),
        key: Cow::Owned(keys),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: joined(CIPHERS, with_old.then_some(CIPHERS_OF_OLD), &[]),
        mac: joined(MACS, with_old.then_some(MACS_OF_OLD), &[]),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

const KEX_EXTENSIONS_OF_SERVER: &[kex::Name] =
    &[kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER];
/// Keys that people may log in with beside those of targets.
const KEYS_OF_PEOPLE: &[Algorithm] = &[Algorithm::SkEd25519, Algorithm::SkEcdsaSha2NistP256];

/// What native clients are offered.
pub(crate) fn offered() -> Preferred {
    Preferred {
        kex: joined(KEX, None, KEX_EXTENSIONS_OF_SERVER),
        key: joined(KEYS, None, KEYS_OF_PEOPLE),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

fn joined<T: Clone>(first: &'static [T], then: Option<&'static [T]>, last: &'static [T]) -> Cow<'static, [T]> {
    if then.is_none() && last.is_empty() {
        return Cow::Borrowed(first);
    }
    Cow::Owned([first, then.unwrap_or_default(), last].concat())
}

/// Whether a signature algorithm belongs to a kind of key: `ssh-rsa` keys sign in several ways.
fn is_of_kind(algorithm: &Algorithm, kind: &str) -> bool {
    match algorithm {
        Algorithm::Rsa { .. } => kind == "ssh-rsa",
        other => other.as_str() == kind,
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_model::HostKeyId;

    use super::*;

    fn pin(algorithm: &str) -> PinnedKey {
        PinnedKey {
            id: HostKeyId(1),
            algorithm: algorithm.to_owned(),
            public_key: String::new(),
            fingerprint: String::new(),
        }
    }

    #[test]
    fn pinned_kinds_come_first_and_none_is_left_out() {
        let names = |pins: &[PinnedKey]| -> Vec<String> {
            preferred(pins, false).key.iter().map(|algorithm| algorithm.as_str().to_owned()).collect()
        };
        let rsa = names(&[pin("ssh-rsa")]);
        assert_eq!(rsa[..3], ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
        assert_eq!(names(&[pin("ecdsa-sha2-nistp521")])[0], "ecdsa-sha2-nistp521");
        assert_eq!(rsa.len(), KEYS.len());
        assert_eq!(names(&[])[0], "ssh-ed25519");
    }

    #[test]
    fn old_algorithms_only_by_policy_and_last() {
        let now = preferred(&[], false);
        assert_eq!(now.cipher[0], cipher::AES_128_GCM);
        assert!(!now.cipher.contains(&cipher::AES_128_CBC) && !now.mac.contains(&mac::HMAC_SHA1));
        assert!(!now.kex.contains(&kex::DH_G14_SHA1) && !now.key.contains(&KEYS_OF_OLD[0]));
        assert!(now.kex.contains(&kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT));
        let old = preferred(&[], true);
        assert_eq!(old.cipher[..CIPHERS.len()], *CIPHERS);
        assert!(old.cipher.contains(&cipher::AES_128_CBC) && old.mac.contains(&mac::HMAC_SHA1));
        assert!(old.kex.contains(&kex::DH_G14_SHA1) && old.key.contains(&KEYS_OF_OLD[0]));
        assert_eq!(old.compression[..], [compression::NONE]);
    }
}
