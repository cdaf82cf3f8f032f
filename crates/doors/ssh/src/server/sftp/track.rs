//! Which requests pass, and what came of them.

use std::{collections::HashMap, time::Duration};

use bytes::{Bytes, BytesMut};
use gatehouse_domain::bastion::terminal::{Admitted, Direction, Transfer};

use super::{
    file::File,
    packet::{
        self, CLOSE, DATA, EXTENDED, FAILURE, FSETSTAT, FSTAT, Fields, HANDLE, INIT, LSTAT, MKDIR, Malformed, OPEN,
        OPENDIR, PERMISSION_DENIED, READ, READDIR, READLINK, REALPATH, REMOVE, RENAME, RMDIR, SETSTAT, STAT, STATUS,
        STATUS_EOF, STATUS_OK, SYMLINK, UNSUPPORTED, VERSION, WRITE,
    },
};

const FLAG_READ: u32 = 1;
/// Write, append, create, truncate.
const FLAGS_WRITE: u32 = 2 | 4 | 8 | 16;
/// Requests without answer, and open files.
const MOST: usize = 4_096;

/// Extensions that write.
const WRITING: &[&[u8]] = &[b"posix-rename@openssh.com", b"hardlink@openssh.com", b"fsync@openssh.com"];
/// Extensions that look.
const LOOKING: &[&[u8]] = &[
    b"statvfs@openssh.com",
    b"fstatvfs@openssh.com",
    b"limits@openssh.com",
    b"expand-path@openssh.com",
    b"users-groups-by-id@openssh.com",
];
const COPY: &[u8] = b"copy-data";

const TOO_LARGE: &str = "the file is larger than the policy allows";

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes to the target.
    Pass,
    /// It is answered here.
    Answer(Bytes),
    /// The client does not speak the protocol.
    End,
}

/// A request without answer.
enum Pending {
    Open { path: String, reads: bool, writes: bool },
    Read { handle: Vec<u8>, offset: u64 },
    Write { handle: Vec<u8> },
    Close { handle: Vec<u8> },
    Other,
}

/// What a request needs.
enum Need {
    Either,
    Upload,
    Download,
    Both,
    Never,
}

/// The state of one file transfer channel.
pub(super) struct Track {
    may_upload: bool,
    may_download: bool,
    max_file: Option<u64>,
    pending: HashMap<u32, Pending>,
    files: HashMap<Vec<u8>, File>,
    denied: Vec<Transfer>,
}

impl Track {
    pub(super) fn new(admitted: &Admitted) -> Self {
        Self {
            may_upload: admitted.may_upload,
            may_download: admitted.may_download,
            max_file: admitted.terms.max_file.and_then(|most| u64::try_from(most).ok()),
            pending: HashMap::new(),
            files: HashMap::new(),
            denied: Vec::new(),
        }
    }

    /// Judges a request.
    pub(super) fn request(&mut self, packet: &[u8]) -> Verdict {
        self.try_request(packet).unwrap_or(Verdict::End)
    }

    fn try_request(&mut self, packet: &[u8]) -> Result<Verdict, Malformed> {
        let mut fields = Fields::new(packet);
        let kind = fields.byte()?;
        if kind == INIT {
            return Ok(Verdict::Pass);
        }
        let id = fields.u32()?;
        if self.pending.len() >= MOST || self.files.len() >= MOST {
            return Ok(Verdict::Answer(packet::status(id, FAILURE, "too many requests or open files")));
        }
        let pending = match kind {
            OPEN => return self.open(id, &mut fields),
            READ => {
                let (handle, offset, length) = (fields.bytes()?.to_vec(), fields.u64()?, fields.u32()?);
                let end = offset.saturating_add(length.into());
                // A read may reach beyond the end of the file; it is what it begins at that counts.
                if self.max_file.is_some_and(|most| offset >= most && end > most) {
                    return Ok(self.too_large(id, &handle, Direction::Download));
                }
                Pending::Read { handle, offset }
            }
            WRITE => return self.write(id, &mut fields),
            CLOSE => Pending::Close { handle: fields.bytes()?.to_vec() },
            _ => Pending::Other,
        };
        match need(kind, &mut fields)? {
            Need::Never => Ok(Verdict::Answer(packet::status(id, UNSUPPORTED, "not supported"))),
            need if self.has(&need) => {
                self.pending.insert(id, pending);
                Ok(Verdict::Pass)
            }
            _ => Ok(denied(id)),
        }
    }

    fn has(&self, need: &Need) -> bool {
        match need {
            Need::Either => true,
            Need::Upload => self.may_upload,
            Need::Download => self.may_download,
            Need::Both => self.may_upload && self.may_download,
            Need::Never => false,
        }
    }

    fn open(&mut self, id: u32, fields: &mut Fields<'_>) -> Result<Verdict, Malformed> {
        let path = String::from_utf8_lossy(fields.bytes()?).into_owned();
        let flags = fields.u32()?;
        let (reads, writes) = (flags & FLAG_READ != 0, flags & FLAGS_WRITE != 0);
        if (reads && !self.may_download) || (writes && !self.may_upload) {
            let direction = if writes { Direction::Upload } else { Direction::Download };
            self.denied.push(Transfer {
                path,
                direction,
                bytes: 0,
                sha256: None,
                duration: Duration::ZERO,
                outcome: "denied",
            });
            return Ok(denied(id));
        }
        self.pending.insert(id, Pending::Open { path, reads, writes });
        Ok(Verdict::Pass)
    }

    fn write(&mut self, id: u32, fields: &mut Fields<'_>) -> Result<Verdict, Malformed> {
        let (handle, offset, data) = (fields.bytes()?, fields.u64()?, fields.bytes()?);
        if !self.may_upload {
            return Ok(denied(id));
        }
        if self.max_file.is_some_and(|most| offset.saturating_add(data.len() as u64) > most) {
            return Ok(self.too_large(id, handle, Direction::Upload));
        }
        if let Some(file) = self.files.get_mut(handle) {
            file.up.moved(offset, data);
        }
        self.pending.insert(id, Pending::Write { handle: handle.to_vec() });
        Ok(Verdict::Pass)
    }

    fn too_large(&mut self, id: u32, handle: &[u8], direction: Direction) -> Verdict {
        if let Some(file) = self.files.get_mut(handle) {
            file.is_too_large = true;
            match direction {
                Direction::Upload => file.up.fail(),
                Direction::Download => file.down.fail(),
            }
        }
        Verdict::Answer(packet::status(id, FAILURE, TOO_LARGE))
    }

    /// Takes note of a reply; gives it, perhaps with less in it, and the transfers that are done.
    pub(super) fn reply(&mut self, packet: Bytes) -> (Bytes, Vec<Transfer>) {
        let mut done = std::mem::take(&mut self.denied);
        let reply = match self.try_reply(&packet, &mut done) {
            Ok(Some(shorter)) => shorter,
            // A reply that says nothing we know is the client's to judge.
            Ok(None) | Err(Malformed) => packet,
        };
        (reply, done)
    }

    fn try_reply(&mut self, packet: &[u8], done: &mut Vec<Transfer>) -> Result<Option<Bytes>, Malformed> {
        let mut fields = Fields::new(packet);
        let kind = fields.byte()?;
        if kind == VERSION {
            return version(&mut fields).map(Some);
        }
        let id = fields.u32()?;
        let Some(pending) = self.pending.remove(&id) else { return Ok(None) };
        match (kind, pending) {
            (HANDLE, Pending::Open { path, reads, writes }) => {
                self.files.insert(fields.bytes()?.to_vec(), File::new(path, reads, writes));
            }
            (DATA, Pending::Read { handle, offset }) => {
                let data = fields.bytes()?;
                if let Some(file) = self.files.get_mut(&handle) {
                    file.down.moved(offset, data);
                }
            }
            (STATUS, Pending::Read { handle, .. }) => {
                let code = fields.u32()?;
                if let Some(file) = self.files.get_mut(&handle) {
                    match code {
                        STATUS_EOF => file.down.is_whole = true,
                        _ => file.down.fail(),
                    }
                }
            }
            (STATUS, Pending::Write { handle }) => {
                if fields.u32()? != STATUS_OK
                    && let Some(file) = self.files.get_mut(&handle)
                {
                    file.up.fail();
                }
            }
            (STATUS, Pending::Close { handle }) => {
                if let Some(file) = self.files.remove(&handle) {
                    // Of several answers to writes OpenSSH's client believes the last one, which may be good: closing says
                    // it once more.
                    let is_good = !file.is_too_large;
                    done.extend(file.finish(true));
                    return Ok((!is_good).then(|| packet::status(id, FAILURE, TOO_LARGE)));
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// What is left at the end: files that nobody closed.
    pub(super) fn finish(&mut self) -> Vec<Transfer> {
        let mut done = std::mem::take(&mut self.denied);
        done.extend(self.files.drain().flat_map(|(_, file)| file.finish(false)));
        done
    }
}

fn denied(id: u32) -> Verdict {
    Verdict::Answer(packet::status(id, PERMISSION_DENIED, "permission denied by policy"))
}

fn need(kind: u8, fields: &mut Fields<'_>) -> Result<Need, Malformed> {
    Ok(match kind {
        READ => Need::Download,
        SETSTAT | FSETSTAT | MKDIR | RMDIR | REMOVE | RENAME | SYMLINK => Need::Upload,
        CLOSE | OPENDIR | READDIR | STAT | LSTAT | FSTAT | REALPATH | READLINK => Need::Either,
        EXTENDED => extension(fields.bytes()?),
        _ => Need::Never,
    })
}

fn extension(name: &[u8]) -> Need {
    if WRITING.contains(&name) {
        Need::Upload
    } else if LOOKING.contains(&name) {
        Need::Either
    } else if name == COPY {
        Need::Both
    } else {
        Need::Never
    }
}

/// The target's greeting with the extensions that are passed on.
fn version(fields: &mut Fields<'_>) -> Result<Bytes, Malformed> {
    let mut kept = BytesMut::new();
    kept.extend_from_slice(&fields.u32()?.to_be_bytes());
    while !fields.is_empty() {
        let (name, value) = (fields.bytes()?, fields.bytes()?);
        if !matches!(extension(name), Need::Never) {
            packet::string(&mut kept, name);
            packet::string(&mut kept, value);
        }
    }
    Ok(packet::packet(VERSION, &kept))
}

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;

    fn track(may_upload: bool, may_download: bool) -> Track {
        Track {
            may_upload,
            may_download,
            max_file: None,
            pending: HashMap::new(),
            files: HashMap::new(),
            denied: Vec::new(),
        }
    }

    fn request(kind: u8, id: u32, texts: &[&[u8]], rest: &[u8]) -> Bytes {
        let mut fields = BytesMut::new();
        fields.put_u32(id);
        for text in texts {
            packet::string(&mut fields, text);
        }
        fields.put_slice(rest);
        packet::packet(kind, &fields)
    }

    fn open(id: u32, flags: u32) -> Bytes {
        request(OPEN, id, &[b"file"], &[flags.to_be_bytes(), [0; 4]].concat())
    }

    fn code(verdict: &Verdict) -> Option<u32> {
        match verdict {
            Verdict::Answer(packet) => packet.get(9..13).map(|code| u32::from_be_bytes(code.try_into().unwrap())),
            Verdict::Pass | Verdict::End => None,
        }
    }

    #[test]
    fn requests_need_what_the_specification_says() {
        let kinds = |kinds: &[u8]| -> Vec<Bytes> {
            kinds.iter().map(|kind| request(*kind, 7, &[b"path", b"other"], &[0; 16])).collect()
        };
        let extension = |name: &[u8]| request(EXTENDED, 7, &[name, b"a", b"b"], &[]);
        let mut upload = kinds(&[SETSTAT, FSETSTAT, MKDIR, RMDIR, REMOVE, RENAME, SYMLINK]);
        upload.extend([open(7, 2), open(7, 4), open(7, 8), open(7, 16), open(7, 0x20 | 2)]);
        upload.extend(WRITING.iter().map(|name| extension(name)));
        upload.push(request(WRITE, 7, &[b"handle"], &[&[0; 8][..], &[0, 0, 0, 1, b'x'][..]].concat()));
        let download = [open(7, 1), request(READ, 7, &[b"handle"], &[0; 12])];
        let mut either = kinds(&[OPENDIR, READDIR, STAT, LSTAT, FSTAT, REALPATH, READLINK, CLOSE]);
        either.extend(LOOKING.iter().map(|name| extension(name)));
        let both = [open(7, 3), extension(COPY)];
        let never = [request(99, 7, &[], &[]), extension(b"lsetstat@openssh.com"), extension(b"made-up")];
        let judge = |packet: &Bytes, up, down| track(up, down).request(packet);
        for packet in upload {
            assert_eq!(judge(&packet, true, false), Verdict::Pass, "{packet:?}");
            assert_eq!(code(&judge(&packet, false, true)), Some(PERMISSION_DENIED), "{packet:?}");
        }
        for packet in download {
            assert_eq!(judge(&packet, false, true), Verdict::Pass, "{packet:?}");
            assert_eq!(code(&judge(&packet, true, false)), Some(PERMISSION_DENIED), "{packet:?}");
        }
        for packet in either {
            assert_eq!(judge(&packet, true, false), Verdict::Pass, "{packet:?}");
            assert_eq!(judge(&packet, false, true), Verdict::Pass, "{packet:?}");
        }
        for packet in both {
            assert_eq!(judge(&packet, true, true), Verdict::Pass, "{packet:?}");
            assert_eq!(code(&judge(&packet, true, false)), Some(PERMISSION_DENIED), "{packet:?}");
            assert_eq!(code(&judge(&packet, false, true)), Some(PERMISSION_DENIED), "{packet:?}");
        }
        for packet in never {
            assert_eq!(code(&judge(&packet, true, true)), Some(UNSUPPORTED), "{packet:?}");
        }
        assert_eq!(judge(&packet::packet(OPEN, &[0, 0]), true, true), Verdict::End);
    }

    #[test]
    fn a_target_that_offers_more_is_cut_down() {
        let mut fields = BytesMut::new();
        fields.put_u32(3);
        for name in ["lsetstat@openssh.com", "posix-rename@openssh.com", "copy-data", "made-up"] {
            packet::string(&mut fields, name.as_bytes());
            packet::string(&mut fields, b"1");
        }
        let (reply, _) = track(true, true).reply(packet::packet(VERSION, &fields));
        let text = String::from_utf8_lossy(&reply).into_owned();
        assert!(text.contains("posix-rename") && text.contains("copy-data"));
        assert!(!text.contains("lsetstat") && !text.contains("made-up"));
    }

    #[test]
    fn a_denied_file_and_one_never_closed_are_kept() {
        let mut track = track(true, false);
        assert_eq!(code(&track.request(&open(1, 1))), Some(PERMISSION_DENIED));
        assert_eq!(track.request(&open(2, 2)), Verdict::Pass);
        let mut handle = BytesMut::new();
        handle.put_u32(2);
        packet::string(&mut handle, b"h");
        let (_, done) = track.reply(packet::packet(HANDLE, &handle));
        let said = |done: &[Transfer]| -> Vec<_> { done.iter().map(|t| (t.direction, t.outcome, t.bytes)).collect() };
        assert_eq!(said(&done), [(Direction::Download, "denied", 0)]);
        track.request(&request(WRITE, 3, &[b"h"], &[&[0; 8][..], &[0, 0, 0, 2, b'x', b'y'][..]].concat()));
        assert_eq!(said(&track.finish()), [(Direction::Upload, "aborted", 2)]);
    }
}
