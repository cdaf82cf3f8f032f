//! The session key in Class (25): who was let in, by which pass. NAS send it back with every report (RFC 2865 §5.25).

use std::sync::atomic::{AtomicU64, Ordering};

use gatehouse_model::{AccountId, PassKind};

use crate::Random;

const PREFIX: &str = "gh1:";

/// Makes the keys of a process.
#[derive(Debug)]
pub(crate) struct Classes(AtomicU64);

impl Classes {
    /// Begins at a random number, so that no two processes give the same.
    pub(crate) fn new(random: &Random) -> Self {
        Self(AtomicU64::new(u64::from_le_bytes(random.bytes())))
    }

    /// Makes a key: `gh1:<pass>:<account>:<16 hex digits that no other has>`. Text, since some NAS damage other octets. Whoever can
    /// send one knows the secret of a NAS, and needs nobody else's key for anything: it has to be unique, not secret.
    pub(crate) fn make(&self, pass: PassKind, account: AccountId) -> Vec<u8> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        format!("{PREFIX}{}:{account}:{number:016x}", pass.as_str()).into_bytes()
    }
}

/// Reads a key; none: it is not one of ours.
pub(crate) fn parse(class: &[u8]) -> Option<(PassKind, AccountId)> {
    let mut parts = std::str::from_utf8(class).ok()?.strip_prefix(PREFIX)?.split(':');
    let pass = PassKind::parse(parts.next()?)?;
    let account = parts.next()?.parse().ok().map(AccountId)?;
    Some((pass, account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_pass_and_account() {
        let classes = Classes::new(&Random::seeded(1));
        let key = classes.make(PassKind::Vpn, AccountId(42));
        assert_eq!(parse(&key), Some((PassKind::Vpn, AccountId(42))));
        assert_ne!(classes.make(PassKind::Vpn, AccountId(42)), key);
        assert!(key.len() < 64);
        for strange in [&b"OU=staff"[..], b"gh1:", b"gh1:vpn:x:00", b"gh1:nothing:4:00", b"\xff\xfe"] {
            assert_eq!(parse(strange), None);
        }
    }
}
