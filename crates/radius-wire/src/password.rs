//! PAP: the User-Password attribute (RFC 2865 §5.2).

use zeroize::Zeroizing;

use crate::keystream;

/// Longest password, bytes.
pub const MAX_PASSWORD: usize = 128;

/// Hides a password under the secret and the request's authenticator: 16 to 128 bytes. `None` if it is longer than 128.
pub fn hide(secret: &[u8], request: &[u8; 16], password: &[u8]) -> Option<Vec<u8>> {
    if password.len() > MAX_PASSWORD {
        return None;
    }
    // An empty password is one block of zeros.
    let plain = if password.is_empty() { &[0][..] } else { password };
    Some(keystream::hide(secret, &[request], plain))
}

/// Reveals a password, without the zeros that pad it. `None` unless the value is 16 to 128 bytes in whole blocks of 16. With a wrong
/// secret the result is garbage, usually not UTF-8.
pub fn reveal(secret: &[u8], request: &[u8; 16], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if value.is_empty() || value.len() > MAX_PASSWORD || !value.len().is_multiple_of(16) {
        return None;
    }
    let mut plain = Zeroizing::new(keystream::reveal(secret, &[request], value));
    let length = plain.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_outside_the_rules_are_refused() {
        for length in [0, 1, 15, 17, 31, 129, 144] {
            assert_eq!(reveal(b"secret", &[1; 16], &vec![0; length]), None, "{length}");
        }
        assert_eq!(hide(b"secret", &[1; 16], &[1; 129]), None);
        assert_eq!(hide(b"secret", &[1; 16], b"").map(|value| value.len()), Some(16));
    }

    proptest! {
        #[test]
        fn hidden_passwords_come_back(secret: Vec<u8>, request: [u8; 16], password in "\\PC{0,32}") {
            let hidden = hide(&secret, &request, password.as_bytes()).unwrap();
            prop_assert!(hidden.len().is_multiple_of(16) && hidden.len() <= MAX_PASSWORD);
            prop_assert_eq!(&**reveal(&secret, &request, &hidden).unwrap(), password.as_bytes());
        }
    }
}
