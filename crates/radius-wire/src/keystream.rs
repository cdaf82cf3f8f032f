//! The chain of MD5 that hides passwords (RFC 2865 §5.2) and keys (RFC 2548 §2.4.2): each block's digest is over the secret and the
//! hidden block before it, the first one's over the secret and a seed.

use md5::{Digest, Md5};

/// Hides text, padded with zeros to whole blocks of 16.
pub(crate) fn hide(secret: &[u8], seed: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let mut hidden = Vec::with_capacity(plain.len().next_multiple_of(16));
    let mut digest = first(secret, seed);
    for block in plain.chunks(16) {
        let mut out = digest;
        out.iter_mut().zip(block).for_each(|(byte, plain)| *byte ^= plain);
        digest = following(secret, &out);
        hidden.extend(out);
    }
    hidden
}

/// Reveals whole blocks; a rest shorter than a block is left out.
pub(crate) fn reveal(secret: &[u8], seed: &[&[u8]], hidden: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(hidden.len());
    let mut digest = first(secret, seed);
    for block in hidden.as_chunks::<16>().0 {
        plain.extend(block.iter().zip(digest).map(|(byte, key)| byte ^ key));
        digest = following(secret, block);
    }
    plain
}

fn first(secret: &[u8], seed: &[&[u8]]) -> [u8; 16] {
    seed.iter().fold(Md5::new().chain_update(secret), Md5::chain_update).finalize().into()
}

fn following(secret: &[u8], block: &[u8; 16]) -> [u8; 16] {
    Md5::new().chain_update(secret).chain_update(block).finalize().into()
}
