//! The frame of a key: PEM as people paste it, and the encryption OpenSSL used to put around it.

use aes::cipher::{Array, BlockCipherDecrypt, BlockSizeUser, KeyInit};
use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::Fault;

/// A PEM block of a private key.
pub(crate) struct Block {
    /// `OPENSSH`, `RSA`, `EC`, `ENCRYPTED`, or empty for PKCS#8.
    pub(crate) label: String,
    /// `DEK-Info` of a block that OpenSSL encrypted.
    pub(crate) encryption: Option<String>,
    /// What is inside.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Finds the first block that holds a private key. Line ends, blanks at their ends and text around it do not matter.
pub(crate) fn find(text: &str) -> Result<Block, Fault> {
    let mut lines = text.lines().map(str::trim);
    let label = lines
        .find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("PRIVATE KEY-----"))
        .ok_or(Fault::Malformed)?
        .trim_end()
        .to_owned();
    let end = if label.is_empty() {
        "-----END PRIVATE KEY-----".to_owned()
    } else {
        format!("-----END {label} PRIVATE KEY-----")
    };
    let (mut encryption, mut body, mut is_closed) = (None, Zeroizing::new(String::new()), false);
    for line in lines {
        if line == end {
            is_closed = true;
            break;
        }
        if let Some(info) = line.strip_prefix("DEK-Info:") {
            encryption = Some(info.trim().to_owned());
        } else if !line.contains(':') {
            body.push_str(line);
        }
    }
    let bytes = BASE64_STANDARD.decode(body.as_bytes()).map_err(|_| Fault::Malformed)?;
    if is_closed { Ok(Block { label, encryption, bytes: Zeroizing::new(bytes) }) } else { Err(Fault::Malformed) }
}

/// Opens what OpenSSL encrypted: AES in CBC mode, the key from one round of MD5 over passphrase and salt.
pub(crate) fn decrypt(info: &str, passphrase: &[u8], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (cipher, iv) = info.split_once(',').ok_or(Fault::Malformed)?;
    let iv: [u8; 16] = hex::decode(iv.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Fault::Unsupported)?;
    match cipher.trim() {
        "AES-128-CBC" => unchain::<aes::Aes128>(16, iv, passphrase, bytes),
        "AES-192-CBC" => unchain::<aes::Aes192>(24, iv, passphrase, bytes),
        "AES-256-CBC" => unchain::<aes::Aes256>(32, iv, passphrase, bytes),
        _ => Err(Fault::Unsupported),
    }
}

fn unchain<C>(length: usize, iv: [u8; 16], passphrase: &[u8], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault>
where
    C: BlockCipherDecrypt + KeyInit + BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
{
    let salt = iv.first_chunk::<8>().ok_or(Fault::Malformed)?;
    let mut key = Zeroizing::new(Vec::new());
    let mut last: Vec<u8> = Vec::new();
    while key.len() < length {
        let digest = Md5::new().chain_update(&last).chain_update(passphrase).chain_update(salt).finalize();
        last = digest.to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    let cipher = C::new_from_slice(&key).map_err(|_| Fault::Malformed)?;
    let (blocks, rest) = bytes.as_chunks::<16>();
    if blocks.is_empty() || !rest.is_empty() {
        return Err(Fault::Malformed);
    }
    let (mut clear, mut before) = (Zeroizing::new(Vec::with_capacity(bytes.len())), iv);
    for block in blocks {
        let mut opened = Array::from(*block);
        cipher.decrypt_block(&mut opened);
        clear.extend(opened.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        before = *block;
    }
    let padding = usize::from(clear.last().copied().unwrap_or(0));
    let kept = clear.len().checked_sub(padding).ok_or(Fault::WrongPassphrase)?;
    let is_padded = (1..=16).contains(&padding) && clear.iter().skip(kept).all(|byte| usize::from(*byte) == padding);
    if !is_padded {
        return Err(Fault::WrongPassphrase);
    }
    clear.truncate(kept);
    Ok(clear)
}
