//! Reading a recording, record by record. Blocking: callers are on the blocking pool.

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use chacha20poly1305::XChaCha20Poly1305;
use uuid::Uuid;

use super::{
    format::{Chain, Header, LENGTH, MAGIC, MAX_HEADER, is_possible, open, unpacked_length},
    line,
};
use crate::seal::KeyRing;

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its file is missing")]
    Missing,
    #[error("its file does not begin as a recording of this session does")]
    Foreign,
    #[error("its key {0} is not in the key ring")]
    Key(String),
    #[error("record {0} is damaged, altered or out of place")]
    Damaged(u64),
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A record, whose lines [`Reader::lines`] gives.
    Record,
    /// The file ends behind a record.
    End,
    /// The file ends inside a record: it is being written, or its writer was killed.
    Torn,
}

/// A recording that is being read.
pub(super) struct Reader {
    file: BufReader<File>,
    session: Uuid,
    cipher: XChaCha20Poly1305,
    chain: Chain,
    offset: u64,
    created: i64,
    /// The last whole record, opened.
    body: Vec<u8>,
    /// The one being read.
    incoming: Vec<u8>,
    packed: std::ops::Range<usize>,
    unpacker: zstd::bulk::Decompressor<'static>,
    lines: Vec<u8>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("session", &self.session).field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the recording of a session.
    pub(super) fn open(path: &Path, session: Uuid, keys: &KeyRing) -> Result<Self, Fault> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fault::Missing),
            opened => opened?,
        };
        let mut file = BufReader::with_capacity(64 << 10, file);
        let (head, header) = read_head(&mut file)?;
        if header.session != session.to_string() || header.compression != "zstd" {
            return Err(Fault::Foreign);
        }
        let cipher = keys.find_recording(&header.key).ok_or(Fault::Key(header.key))?;
        Ok(Self {
            file,
            session,
            cipher,
            chain: Chain::begin(&head),
            offset: head.len() as u64,
            created: header.created,
            body: Vec::new(),
            incoming: Vec::new(),
            packed: 0..0,
            unpacker: zstd::bulk::Decompressor::new()?,
            lines: Vec::new(),
        })
    }

    /// How far was read.
    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Bytes of the file that were read: up to the end of the last whole record.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Beginning of the recording, epoch milliseconds.
    pub(super) const fn created(&self) -> i64 {
        self.created
    }

    /// Reads and checks the next record. After `End` and `Torn` it may be called again, when there may be more.
    pub(super) fn step(&mut self) -> Result<Step, Fault> {
        let mut length = [0; LENGTH];
        match read_some(&mut self.file, &mut length)? {
            0 => return Ok(Step::End),
            LENGTH => {}
            _ => return self.torn(),
        }
        let damaged = Fault::Damaged(self.chain.records + 1);
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !is_possible(size) {
            return Err(damaged);
        }
        self.incoming.resize(size, 0);
        if read_some(&mut self.file, &mut self.incoming)? < size {
            return self.torn();
        }
        let next = self.chain.after([&length, &self.incoming]);
        let Some(packed) = open(&self.cipher, self.session, &self.chain, &mut self.incoming) else {
            return Err(damaged);
        };
        let packed = packed.len();
        std::mem::swap(&mut self.body, &mut self.incoming);
        // Nonce in front, tag behind.
        self.packed = 24..24 + packed;
        self.chain = next;
        self.offset += (LENGTH + size) as u64;
        Ok(Step::Record)
    }

    fn torn(&mut self) -> Result<Step, Fault> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        Ok(Step::Torn)
    }

    /// Bytes of the lines of the record that was read last, without unpacking them.
    pub(super) fn lines_length(&self) -> Result<usize, Fault> {
        self.packed().and_then(unpacked_length).ok_or(Fault::Damaged(self.chain.records))
    }

    /// The lines of the record that was read last.
    pub(super) fn lines(&mut self) -> Result<&[u8], Fault> {
        let length = self.lines_length()?;
        self.lines.clear();
        self.lines.reserve(length);
        let packed = self.body.get(self.packed.clone()).unwrap_or_default();
        match self.unpacker.decompress_to_buffer(packed, &mut self.lines) {
            Ok(written) if written == length => Ok(&self.lines),
            _ => Err(Fault::Damaged(self.chain.records)),
        }
    }

    fn packed(&self) -> Option<&[u8]> {
        self.body.get(self.packed.clone()).filter(|packed| !packed.is_empty())
    }

    /// Reads to the end of what is whole and gives how it ends and the time of the last event, milliseconds from the beginning.
    pub(super) fn last_event(&mut self) -> Result<(Step, i64), Fault> {
        let end = loop {
            match self.step()? {
                Step::Record => {}
                end => break end,
            }
        };
        // The last whole record is still held.
        Ok((end, if self.chain.records == 0 { 0 } else { last_time(self.lines()?) }))
    }
}

/// The id of the key that a recording is sealed under.
pub(super) fn key_of(path: &Path) -> Result<String, Fault> {
    Ok(read_head(&mut BufReader::with_capacity(512, File::open(path)?))?.1.key)
}

/// Everything before the first record, as bytes and read.
fn read_head(file: &mut BufReader<File>) -> Result<(Vec<u8>, Header), Fault> {
    let mut head = vec![0; MAGIC.len() + LENGTH];
    read_whole(file, &mut head)?;
    let length = head.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk()).ok_or(Fault::Foreign)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        return Err(Fault::Foreign);
    }
    let mut json = vec![0; length];
    read_whole(file, &mut json)?;
    let header = serde_json::from_slice(&json).map_err(|_| Fault::Foreign)?;
    head.extend_from_slice(&json);
    Ok((head, header))
}

/// The time of the last event among lines, milliseconds.
pub(super) fn last_time(lines: &[u8]) -> i64 {
    lines.rsplit(|byte| *byte == b'\n').find_map(line::time).unwrap_or(0)
}

/// Reads until the buffer is full or the file ends.
fn read_some(file: &mut BufReader<File>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn read_whole(file: &mut BufReader<File>, buffer: &mut [u8]) -> Result<(), Fault> {
    if read_some(file, buffer)? < buffer.len() { Err(Fault::Foreign) } else { Ok(()) }
}
