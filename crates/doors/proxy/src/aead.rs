//! One direction of an AEAD chunk stream: a key and the little-endian counter that is its nonce.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use gatehouse_model::SsCipher;

/// Length of every authentication tag here.
pub(crate) const TAG: usize = 16;

/// A sealed text was not made with the expected key, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not authentic")]
pub(crate) struct Forged;

impl From<Forged> for std::io::Error {
    fn from(forged: Forged) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, forged)
    }
}

/// The AEAD of a cipher.
pub(crate) fn algorithm(cipher: SsCipher) -> &'static Algorithm {
    match cipher {
        SsCipher::Blake3Aes256Gcm | SsCipher::Aes256Gcm => &AES_256_GCM,
        SsCipher::Blake3Aes128Gcm | SsCipher::Aes128Gcm => &AES_128_GCM,
        SsCipher::Chacha20IetfPoly1305 => &CHACHA20_POLY1305,
    }
}

/// A key for texts with explicit nonces.
pub(crate) fn key(cipher: SsCipher, key: &[u8]) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "every caller derives exactly `cipher.key_len()` bytes")]
    let key = UnboundKey::new(algorithm(cipher), key).expect("the key has the length of its cipher");
    LessSafeKey::new(key)
}

/// Opens `text ‖ tag` in place.
pub(crate) fn open_with(key: &LessSafeKey, nonce: [u8; 12], sealed: &mut [u8]) -> Result<(), Forged> {
    match key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), sealed) {
        Ok(_) => Ok(()),
        Err(_) => Err(Forged),
    }
}

/// Seals all but the last [`TAG`] bytes of `text` in place and puts the tag there.
pub(crate) fn seal_with(key: &LessSafeKey, nonce: [u8; 12], text: &mut [u8]) {
    let (plain, room) = text.split_at_mut(text.len() - TAG);
    #[expect(clippy::expect_used, reason = "sealing fails only beyond 2^36 bytes; ours are below 2^17")]
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), plain)
        .expect("a short text can be sealed");
    room.copy_from_slice(tag.as_ref());
}

/// A key whose nonce counts the texts from 0.
pub(crate) struct Counted {
    key: LessSafeKey,
    count: u64,
}

impl Counted {
    pub(crate) fn new(cipher: SsCipher, subkey: &[u8]) -> Self {
        Self { key: key(cipher, subkey), count: 0 }
    }

    fn next(&mut self) -> [u8; 12] {
        let mut nonce = [0; 12];
        let (low, _) = nonce.split_at_mut(8);
        low.copy_from_slice(&self.count.to_le_bytes());
        self.count += 1;
        nonce
    }

    /// Opens the next `text ‖ tag` in place.
    pub(crate) fn open(&mut self, sealed: &mut [u8]) -> Result<(), Forged> {
        let nonce = self.next();
        open_with(&self.key, nonce, sealed)
    }

    /// Seals the next text, see [`seal_with`].
    pub(crate) fn seal(&mut self, text: &mut [u8]) {
        let nonce = self.next();
        seal_with(&self.key, nonce, text);
    }
}
