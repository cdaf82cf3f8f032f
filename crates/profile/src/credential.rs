//! Credentials that follow from a user's uuid (specs/panel-nodes.md N5.3, specs/proxy.md §3).

use base64::{Engine, prelude::BASE64_STANDARD};
use gatehouse_model::{Secret, SsCipher};
use uuid::Uuid;

/// The Shadowsocks 2022 user key: the first 32 or 16 characters of the uuid text as ASCII bytes.
///
/// The family's rule; subscriptions and remote nodes depend on it. Empty for classic ciphers, which have no such key.
pub fn ss2022_user_key(uuid: Uuid, cipher: SsCipher) -> Vec<u8> {
    if !cipher.is_2022() {
        return Vec::new();
    }
    let mut key = uuid.hyphenated().to_string().into_bytes();
    key.truncate(cipher.key_len());
    key
}

/// The password a Shadowsocks client types: `server_key:user_key` in Base64 for 2022, the uuid text for classic.
pub fn ss_client_password(uuid: Uuid, cipher: SsCipher, server_key: &[u8]) -> Secret {
    if cipher.is_2022() {
        let user_key = BASE64_STANDARD.encode(ss2022_user_key(uuid, cipher));
        Secret::new(format!("{}:{user_key}", BASE64_STANDARD.encode(server_key)))
    } else {
        Secret::new(uuid.hyphenated().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_keys_match_the_vectors_of_the_specification() {
        let uuid: Uuid = "11111111-2222-4333-8444-555555555555".parse().unwrap();
        let key = |uuid, cipher| BASE64_STANDARD.encode(ss2022_user_key(uuid, cipher));
        assert_eq!(key(uuid, SsCipher::Blake3Aes256Gcm), "MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU=");
        assert_eq!(key(uuid, SsCipher::Blake3Aes128Gcm), "MTExMTExMTEtMjIyMi00Mw==");
        let uuid: Uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301".parse().unwrap();
        assert_eq!(key(uuid, SsCipher::Blake3Aes128Gcm), "M2YyNTA0ZTAtNGY4OS00MQ==");
        assert_eq!(key(uuid, SsCipher::Blake3Aes256Gcm), "M2YyNTA0ZTAtNGY4OS00MWQzLTlhMGMtMDMwNWU4MmM=");
        assert_eq!(key(uuid, SsCipher::Aes256Gcm), "");
    }

    #[test]
    fn a_client_types_both_keys_of_2022_and_the_uuid_elsewhere() {
        let uuid: Uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301".parse().unwrap();
        let password = ss_client_password(uuid, SsCipher::Blake3Aes128Gcm, &[0; 16]);
        assert_eq!(password.expose(), "AAAAAAAAAAAAAAAAAAAAAA==:M2YyNTA0ZTAtNGY4OS00MQ==");
        assert_eq!(ss_client_password(uuid, SsCipher::Aes256Gcm, &[]).expose(), uuid.to_string());
    }
}
