//! Sealing of secrets at rest and keyed hashes to find them by (DESIGN §4 "Sealing", §10.7.6).
//!
//! A sealed value is `v1.<key id>.<base64url(nonce + ciphertext)>`: XChaCha20-Poly1305 with the associated data
//! `table.column/row part`. The row part is random and made before the insert. A keyed hash is `h1.<key id>.<hex>`.
//! Both name their key, so that rotation can be gradual.

use std::{
    fmt::Write as _,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use gatehouse_model::Secret;
use zeroize::Zeroizing;

use crate::{Error, Random, Result};

const NONCE: usize = 24;

/// The key ring: the current key seals, all of them open. Follows its file, so that keys change while it is in use.
pub struct KeyRing {
    /// Oldest first; the last one is current. Never empty.
    keys: ArcSwap<Vec<Arc<Key>>>,
    /// Unset: lives in memory only.
    path: Option<PathBuf>,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
    recording: XChaCha20Poly1305,
    lookup: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(id: String, secret: &[u8; 32]) -> Self {
        let recording = Zeroizing::new(blake3::derive_key("gatehouse 2026 terminal recordings", secret));
        Self {
            id,
            cipher: XChaCha20Poly1305::new(secret.into()),
            recording: XChaCha20Poly1305::new((&*recording).into()),
            lookup: Zeroizing::new(blake3::derive_key("gatehouse 2026 keyed lookup hash", secret)),
        }
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// Where a sealed value stands: its table, its column and the row's random `seal_ref`.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// The row's `seal_ref`.
    pub row: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> String {
        format!("{}.{}/{}", self.table, self.column, self.row)
    }
}

impl KeyRing {
    /// A ring of one fresh key, not written anywhere; for tests and for the first start.
    pub fn generate(random: &Random) -> (Self, Zeroizing<String>) {
        let secret = Zeroizing::new(random.bytes::<32>());
        let id = hex::encode(random.bytes::<4>());
        let line = Zeroizing::new(format!("{id} {}\n", hex::encode(secret.as_slice())));
        (Self::of(vec![Key::new(id, &secret)]), line)
    }

    fn of(keys: Vec<Key>) -> Self {
        Self { keys: ArcSwap::from_pointee(keys.into_iter().map(Arc::new).collect()), path: None }
    }

    /// The ids of the keys, oldest first, the last one current.
    pub fn ids(&self) -> Vec<String> {
        self.keys.load().iter().map(|key| key.id.clone()).collect()
    }

    /// Reads the file again, if the ring has one. What cannot be read leaves the ring as it is.
    pub fn reload(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::internal(format!("cannot read the key ring {}: {error}", path.display())))?;
        let fresh = Self::parse(&Zeroizing::new(text))?;
        self.keys.store(fresh.keys.load_full());
        Ok(())
    }

    /// Adds a fresh key to the file: behind the current one, known to all and used by none, until [`Self::promote`]. Gives its id.
    ///
    /// Errors: `Locked` for a ring without a file.
    pub fn add(&self, random: &Random) -> Result<String> {
        let (ring, line) = Self::generate(random);
        let id = ring.ids().pop().unwrap_or_default();
        self.rewrite(random, |lines| {
            let last = lines.iter().rposition(|line| is_key(line)).unwrap_or(0);
            lines.insert(last, line.trim_end().to_owned());
        })?;
        Ok(id)
    }

    /// Makes a key of the file the current one.
    pub fn promote(&self, random: &Random, id: &str) -> Result<()> {
        self.rewrite(random, |lines| {
            if let Some(at) = lines.iter().position(|line| line.split(' ').next() == Some(id)) {
                let line = lines.remove(at);
                lines.push(line);
            }
        })
    }

    /// Changes the lines of the file in one step, keeping its mode, and reads it again.
    fn rewrite(&self, random: &Random, change: impl FnOnce(&mut Vec<String>)) -> Result<()> {
        let path = self.path.as_ref().ok_or(Error::Locked { what: "key ring", why: "it has no file" })?;
        let cannot = |error| Error::internal(format!("cannot write the key ring {}: {error}", path.display()));
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(cannot)?);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        let text = Zeroizing::new(format!("{}\n", lines.join("\n")));
        Self::parse(&text)?;
        let aside = path.with_extension(format!("{}.new", hex::encode(random.bytes::<8>())));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(cannot)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
        std::fs::rename(&aside, path).map_err(cannot)?;
        self.reload()
    }

    /// Reads the ring file, or makes it with mode 0600 if it does not exist.
    ///
    /// One key a line, `<id> <64 hex digits>`, the last one current; `#` starts a comment.
    /// Errors: `Invalid` naming the line; `Internal` when the file cannot be read or made.
    pub fn open(path: &Path, random: &Random) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { path: Some(path.to_owned()), ..Self::parse(&Zeroizing::new(text))? }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(path, random),
            Err(error) => Err(Error::internal(format!("cannot read the key ring {}: {error}", path.display()))),
        }
    }

    fn create(path: &Path, random: &Random) -> Result<Self> {
        let cannot = |error| Error::internal(format!("cannot create the key ring {}: {error}", path.display()));
        let (_, line) = Self::generate(random);
        let text = Zeroizing::new(format!(
            "# Gatehouse key ring. Without it no secret in the database can be read: back it up apart from the database.\n{}",
            line.as_str()
        ));
        // Written aside and linked into place, so that of two first starts one wins and no half file is ever read.
        let aside = path.with_extension(format!("{}.new", hex::encode(random.bytes::<8>())));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(cannot)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
        let linked = std::fs::hard_link(&aside, path);
        std::fs::remove_file(&aside).map_err(cannot)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(error)),
            _ => {
                let text = Zeroizing::new(std::fs::read_to_string(path).map_err(cannot)?);
                Ok(Self { path: Some(path.to_owned()), ..Self::parse(&text)? })
            }
        }
    }

    /// Reads a ring from its text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || Error::invalid("key ring", format!("line {} is not `<id> <64 hex digits>`", number + 1));
            let (id, secret) = line.split_once(' ').ok_or_else(wrong)?;
            let mut bytes = Zeroizing::new([0_u8; 32]);
            hex::decode_to_slice(secret.trim(), bytes.as_mut_slice()).map_err(|_| wrong())?;
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(wrong());
            }
            keys.push(Key::new(id.to_owned(), &bytes));
        }
        if keys.is_empty() {
            return Err(Error::invalid("key ring", "the file holds no key"));
        }
        Ok(Self::of(keys))
    }

    #[expect(clippy::expect_used, reason = "both constructors refuse an empty ring")]
    fn current(&self) -> Arc<Key> {
        Arc::clone(self.keys.load().last().expect("a key ring holds at least one key"))
    }

    fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.load().iter().find(|key| key.id == id).cloned()
    }

    /// Whether a sealed value is under the current key.
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed.split('.').nth(1) == Some(self.current().id.as_str())
    }

    /// What new recordings are sealed with, and the id of its key.
    pub(crate) fn recording(&self) -> (String, XChaCha20Poly1305) {
        let key = self.current();
        (key.id.clone(), key.recording.clone())
    }

    /// What recordings of a key were sealed with.
    pub(crate) fn find_recording(&self, id: &str) -> Option<XChaCha20Poly1305> {
        self.find(id).map(|key| key.recording.clone())
    }

    /// Seals a value for its place.
    pub fn seal(&self, random: &Random, place: Place<'_>, value: &[u8]) -> Result<String> {
        let key = self.current();
        let nonce = random.bytes::<NONCE>();
        let aad = place.associated_data();
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: value, aad: aad.as_bytes() })
            .map_err(|_| Error::internal("sealing failed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("v1.{}.{}", key.id, BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens a sealed value. `Internal` when the key is missing or the value belongs to another place.
    pub fn open_bytes(&self, place: Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>> {
        let fault = |why: &str| Error::internal(format!("cannot open {}.{}: {why}", place.table, place.column));
        let mut parts = sealed.splitn(3, '.');
        let (Some("v1"), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fault("not a sealed value"));
        };
        let key = self.find(id).ok_or_else(|| fault("its key is not in the key ring"))?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(data).map_err(|_| fault("not a sealed value"))?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>().ok_or_else(|| fault("not a sealed value"))?;
        let aad = place.associated_data();
        key.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: aad.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| fault("wrong place, wrong key or damaged"))
    }

    /// Opens a sealed text.
    pub fn open_text(&self, place: Place<'_>, sealed: &str) -> Result<Secret> {
        let bytes = self.open_bytes(place, sealed)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::internal(format!("{}.{} holds no text", place.table, place.column)))?;
        Ok(Secret::new(text))
    }

    /// The keyed hash a new row is stored with.
    pub fn hash(&self, purpose: &'static str, value: &str) -> String {
        Self::hash_with(&self.current(), purpose, value)
    }

    /// The keyed hashes under which a value may be stored, newest key first: one per key of the ring.
    pub fn hashes(&self, purpose: &'static str, value: &str) -> impl Iterator<Item = String> + Send + use<> {
        let hashes: Vec<_> = self.keys.load().iter().rev().map(|key| Self::hash_with(key, purpose, value)).collect();
        hashes.into_iter()
    }

    fn hash_with(key: &Key, purpose: &str, value: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&key.lookup);
        hasher.update(purpose.as_bytes()).update(b"\0").update(value.as_bytes());
        let mut text = format!("h1.{}.", key.id);
        // Writing into a String cannot fail.
        let _ = write!(text, "{}", hasher.finalize().to_hex());
        text
    }
}

fn is_key(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: &str) -> Place<'_> {
        Place { table: "proxy_pass", column: "uuid", row }
    }

    #[test]
    fn a_value_opens_only_in_its_place_and_with_its_key() {
        let random = Random::seeded(1);
        let (ring, line) = KeyRing::generate(&random);
        let sealed = ring.seal(&random, place("a"), b"secret").unwrap();
        assert_eq!(ring.open_bytes(place("a"), &sealed).unwrap().as_slice(), b"secret");
        assert!(ring.open_bytes(place("b"), &sealed).is_err());
        assert!(ring.open_bytes(Place { column: "token", ..place("a") }, &sealed).is_err());
        let (other, _) = KeyRing::generate(&random);
        assert!(other.open_bytes(place("a"), &sealed).is_err());
        let rotated = KeyRing::parse(&format!("{}feedbeef {}\n", line.as_str(), "11".repeat(32))).unwrap();
        assert_eq!(rotated.open_bytes(place("a"), &sealed).unwrap().as_slice(), b"secret");
        assert!(rotated.seal(&random, place("a"), b"x").unwrap().starts_with("v1.feedbeef."));
        assert!(rotated.hashes("p", "x").any(|hash| hash == ring.hash("p", "x")));
        assert_ne!(ring.hash("p", "x"), ring.hash("q", "x"));
    }

    #[test]
    fn the_file_is_made_once_with_mode_0600() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let first = KeyRing::open(&path, &Random::System).unwrap();
        let second = KeyRing::open(&path, &Random::System).unwrap();
        assert_eq!(first.hash("p", "x"), second.hash("p", "x"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_known_before_it_seals_and_the_old_one_opens_on() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let (mine, other) =
            (KeyRing::open(&path, &Random::System).unwrap(), KeyRing::open(&path, &Random::System).unwrap());
        let old = mine.seal(&Random::System, place("a"), b"secret").unwrap();
        let id = mine.add(&Random::System).unwrap();
        assert!(mine.is_current(&mine.seal(&Random::System, place("a"), b"x").unwrap()));
        assert!(!mine.seal(&Random::System, place("a"), b"x").unwrap().contains(&id), "added, not used");
        other.reload().unwrap();
        mine.promote(&Random::System, &id).unwrap();
        let new = mine.seal(&Random::System, place("a"), b"secret").unwrap();
        assert!(new.contains(&id) && !mine.is_current(&old) && mine.is_current(&new));
        for ring in [&mine, &other] {
            assert_eq!(ring.open_bytes(place("a"), &old).unwrap().as_slice(), b"secret");
            assert_eq!(ring.open_bytes(place("a"), &new).unwrap().as_slice(), b"secret");
            assert!(ring.hashes("p", "x").any(|hash| hash == mine.hash("p", "x")));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with('#'), "comments stay");
    }

    #[test]
    fn a_broken_ring_names_the_line() {
        let error = KeyRing::parse("# x\nabc 12\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(KeyRing::parse("").is_err());
    }
}
