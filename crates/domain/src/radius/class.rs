//! The session key in Class (25): who was let in, by which pass. NAS send it back with every report (RFC 2865 §5.25).

use gatehouse_model::{AccountId, PassKind};

use crate::Random;

const PREFIX: &str = "gh1:";

/// Makes a key: `gh1:<pass>:<account>:<16 random hex digits>`. Text, since some NAS damage other octets.
pub(crate) fn make(random: &Random, pass: PassKind, account: AccountId) -> Vec<u8> {
    format!("{PREFIX}{}:{account}:{}", pass.as_str(), hex::encode(random.bytes::<8>())).into_bytes()
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
        let key = make(&Random::seeded(1), PassKind::Vpn, AccountId(42));
        assert_eq!(parse(&key), Some((PassKind::Vpn, AccountId(42))));
        assert!(key.len() < 64);
        for strange in [&b"OU=staff"[..], b"gh1:", b"gh1:vpn:x:00", b"gh1:nothing:4:00", b"\xff\xfe"] {
            assert_eq!(parse(strange), None);
        }
    }
}
