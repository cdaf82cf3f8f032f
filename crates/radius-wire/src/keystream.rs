//! The chain of MD5 that hides passwords (RFC 2865 §5.2) and keys (RFC 2548 §2.4.2): each block's digest is over the secret and the
//! hidden block before it, the first one's over the secret and a seed.

use md5::{Digest, Md5};

/// Hides text, padded with zeros to whole blocks of 16.
pub(crate) fn hide(secret: &[u8], seed: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let mut hidden = Vec::with_capacity(plain.len().next_multiple_of(16));
    let mut before = None;
    for block in plain.chunks(16) {
        let mut out = digest(secret, seed, before.as_ref());
        out.iter_mut().zip(block).for_each(|(byte, plain)| *byte ^= plain);
        hidden.extend(out);
        before = Some(out);
    }
    hidden
}

/// Reveals whole blocks; a rest shorter than a block is left out.
pub(crate) fn reveal(secret: &[u8], seed: &[&[u8]], hidden: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(hidden.len());
    let mut before = None;
    for block in hidden.as_chunks::<16>().0 {
        plain.extend(block.iter().zip(digest(secret, seed, before)).map(|(byte, key)| byte ^ key));
        before = Some(block);
    }
    plain
}

/// What hides the block that follows `before`, or the first one.
fn digest(secret: &[u8], seed: &[&[u8]], before: Option<&[u8; 16]>) -> [u8; 16] {
    let digest = Md5::new().chain_update(secret);
    match before {
        Some(block) => digest.chain_update(block).finalize().into(),
        None => seed.iter().fold(digest, Md5::chain_update).finalize().into(),
    }
}
