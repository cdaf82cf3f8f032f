//! The file of a recording (specs/bastion.md §10.1).
//!
//! `GWREC1\n`, u32 BE length ‖ JSON header; then records: u32 BE length ‖ 24-byte nonce ‖ XChaCha20-Poly1305 ciphertext of
//! asciicast lines compressed by zstd. Record i, counted from 1, is sealed with the associated data session uuid (16) ‖
//! u64 BE i ‖ cᵢ₋₁ (32), where c₀ = SHA-256 of everything before the first record and cᵢ = SHA-256(cᵢ₋₁ ‖ the record with its
//! length). So no record opens in another place, in another file or behind other records.

use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Result};

pub(super) const MAGIC: &[u8] = b"GWREC1\n";
/// Bytes of a record's length, and of the header's.
pub(super) const LENGTH: usize = 4;
const NONCE: usize = 24;
const TAG: usize = 16;
/// A header is a hundred bytes.
pub(super) const MAX_HEADER: usize = 4 << 10;
/// A record closes at 64 KiB of lines; the last one may add some, and text that cannot be compressed a few bytes more.
pub(super) const MAX_LINES: usize = 256 << 10;
const MAX_BODY: usize = MAX_LINES + (4 << 10);
/// zstd's fastest regular level: terminal output shrinks to a fifth, and the next levels cost twice the time for a tenth more.
const LEVEL: i32 = 1;

/// The JSON behind the magic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Public name of the visit.
    pub(super) session: String,
    /// Key of the ring that the records are sealed under.
    pub(super) key: String,
    /// Beginning, epoch milliseconds: second 0 of the events.
    pub(super) created: i64,
    /// `zstd`.
    pub(super) compression: String,
}

impl Header {
    /// Everything before the first record.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(Error::internal)?;
        let length = u32::try_from(json.len()).map_err(Error::internal)?;
        Ok([MAGIC, &length.to_be_bytes(), &json].concat())
    }
}

/// How far a file goes: its records and the hash over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// Records.
    pub(super) records: u64,
    /// cᵢ after the last of them.
    pub(super) value: [u8; 32],
}

impl Chain {
    /// Before the first record; `head` is everything before it.
    pub(super) fn begin(head: &[u8]) -> Self {
        Self { records: 0, value: Sha256::digest(head).into() }
    }

    /// After one more record, given in parts.
    pub(super) fn after(&self, parts: [&[u8]; 2]) -> Self {
        let [length, body] = parts;
        let hash = Sha256::new().chain_update(self.value).chain_update(length).chain_update(body);
        Self { records: self.records + 1, value: hash.finalize().into() }
    }

    /// The associated data of the next record.
    fn associated_data(&self, session: Uuid) -> Vec<u8> {
        let mut data = Vec::with_capacity(56);
        data.extend_from_slice(session.as_bytes());
        data.extend_from_slice(&(self.records + 1).to_be_bytes());
        data.extend_from_slice(&self.value);
        data
    }
}

/// Makes records. One per writing thread: a context of the compressor takes hundreds of KiB.
pub(super) struct Packer {
    compressor: zstd::bulk::Compressor<'static>,
    packed: Vec<u8>,
    record: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { compressor: zstd::bulk::Compressor::new(LEVEL)?, packed: Vec::new(), record: Vec::new() })
    }

    /// The next record of a file, and how far the file goes with it.
    pub(super) fn pack(
        &mut self,
        cipher: &XChaCha20Poly1305,
        session: Uuid,
        chain: &Chain,
        nonce: [u8; NONCE],
        lines: &[u8],
    ) -> std::io::Result<(&[u8], Chain)> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(lines.len()));
        self.compressor.compress_to_buffer(lines, &mut self.packed)?;
        let length = u32::try_from(NONCE + self.packed.len() + TAG).map_err(std::io::Error::other)?.to_be_bytes();
        let data = chain.associated_data(session);
        let tag = cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &data, self.packed.as_mut_slice().into())
            .map_err(|_| std::io::Error::other("sealing failed"))?;
        self.record.clear();
        for part in [&length[..], &nonce, &self.packed, &tag] {
            self.record.extend_from_slice(part);
        }
        let next = chain.after([&self.record, &[]]);
        Ok((&self.record, next))
    }
}

/// Whether a record may have a length.
pub(super) fn is_possible(length: usize) -> bool {
    (NONCE + TAG..=MAX_BODY).contains(&length)
}

/// Opens the body of a record in place and gives what was compressed; none when it was tampered with or stands in the wrong place.
pub(super) fn open<'a>(
    cipher: &XChaCha20Poly1305,
    session: Uuid,
    chain: &Chain,
    body: &'a mut [u8],
) -> Option<&'a mut [u8]> {
    let (nonce, rest) = body.split_first_chunk_mut::<NONCE>()?;
    let (packed, tag) = rest.split_last_chunk_mut::<TAG>()?;
    let data = chain.associated_data(session);
    cipher.decrypt_inout_detached(&XNonce::from(*nonce), &data, packed.as_mut().into(), &Tag::from(*tag)).ok()?;
    Some(packed)
}

/// How many bytes of lines are in what was compressed; none when it says none or too many.
pub(super) fn unpacked_length(packed: &[u8]) -> Option<usize> {
    let length = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    usize::try_from(length).ok().filter(|length| *length <= MAX_LINES)
}
