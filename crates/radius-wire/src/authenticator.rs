//! The checksums under the shared secret: a packet's authenticator and attribute 80. All comparisons take constant time.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::attribute::{EAP_MESSAGE, MESSAGE_AUTHENTICATOR};
use crate::packet::{Code, DropReason, HEADER, Packet};

/// Whether a packet that stands every check carried attribute 80.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// It did, and it is right.
    Valid,
    /// It did not.
    Absent,
}

/// A secret shared with a peer: the bare octets, or a [`Key`], which has worked something out beforehand.
pub trait SharedSecret {
    /// The secret.
    fn octets(&self) -> &[u8];

    /// HMAC-MD5 under it, nothing taken yet.
    fn mac(&self) -> Hmac<Md5> {
        mac(self.octets())
    }
}

impl SharedSecret for [u8] {
    fn octets(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> SharedSecret for [u8; N] {
    fn octets(&self) -> &[u8] {
        self
    }
}

/// A secret for many packets: the two blocks that begin every HMAC under it are digested once.
#[derive(Clone)]
pub struct Key {
    secret: Zeroizing<Vec<u8>>,
    mac: Hmac<Md5>,
}

impl Key {
    /// A key for a secret.
    pub fn new(secret: &[u8]) -> Self {
        Self { secret: Zeroizing::new(secret.to_vec()), mac: mac(secret) }
    }
}

impl SharedSecret for Key {
    fn octets(&self) -> &[u8] {
        &self.secret
    }

    fn mac(&self) -> Hmac<Md5> {
        self.mac.clone()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Packet<'_> {
    /// Checks a request: attribute 80, and the authenticator unless it is random.
    ///
    /// Errors: attribute 80 wrong, twice, or missing from Status-Server or beside EAP-Message; a wrong authenticator.
    pub fn verify_request<S: SharedSecret + ?Sized>(&self, secret: &S) -> Result<Signature, DropReason> {
        if self.code().has_random_authenticator() {
            let signature = self.verify_signature(secret, self.authenticator())?;
            let needed = self.code() == Code::StatusServer || self.find(EAP_MESSAGE).is_some();
            if needed && signature == Signature::Absent {
                return Err(DropReason::MissingMessageAuthenticator);
            }
            return Ok(signature);
        }
        self.verify_authenticator(secret, &[0; 16])?;
        self.verify_signature(secret, &[0; 16])
    }

    /// Checks a reply to a request of ours, named by its authenticator.
    ///
    /// Errors: a wrong authenticator; attribute 80 wrong or twice. Whether it may be missing is the caller's rule.
    pub fn verify_reply<S: SharedSecret + ?Sized>(
        &self,
        secret: &S,
        request: &[u8; 16],
    ) -> Result<Signature, DropReason> {
        self.verify_authenticator(secret, request)?;
        self.verify_signature(secret, request)
    }

    fn verify_authenticator<S: SharedSecret + ?Sized>(&self, secret: &S, field: &[u8; 16]) -> Result<(), DropReason> {
        let right = authenticator(secret.octets(), self.bytes(), field);
        if bool::from(right.ct_eq(self.authenticator())) { Ok(()) } else { Err(DropReason::BadAuthenticator) }
    }

    fn verify_signature<S: SharedSecret + ?Sized>(
        &self,
        secret: &S,
        field: &[u8; 16],
    ) -> Result<Signature, DropReason> {
        let mut found = None;
        let mut at = HEADER;
        for attribute in self.attributes() {
            if attribute.kind == MESSAGE_AUTHENTICATOR {
                let value: &[u8; 16] = attribute.value.try_into().map_err(|_| DropReason::BadMessageAuthenticator)?;
                if found.replace((at + 2, value)).is_some() {
                    return Err(DropReason::BadMessageAuthenticator);
                }
            }
            at += 2 + attribute.value.len();
        }
        let Some((at, value)) = found else { return Ok(Signature::Absent) };
        let right = message_authenticator(secret.mac(), self.bytes(), field, at);
        if bool::from(right.ct_eq(value)) { Ok(Signature::Valid) } else { Err(DropReason::BadMessageAuthenticator) }
    }
}

/// MD5 over the packet with `field` in place of its authenticator, and the secret.
pub(crate) fn authenticator(secret: &[u8], packet: &[u8], field: &[u8; 16]) -> [u8; 16] {
    let (head, attributes) = split(packet);
    let digest = Md5::new().chain_update(head).chain_update(field).chain_update(attributes).chain_update(secret);
    digest.finalize().into()
}

/// HMAC-MD5 over the packet with `field` in place of its authenticator and zeros in place of the 16 bytes at `at`.
pub(crate) fn message_authenticator(mac: Hmac<Md5>, packet: &[u8], field: &[u8; 16], at: usize) -> [u8; 16] {
    let (head, attributes) = split(packet);
    let (before, rest) = attributes.split_at_checked(at.saturating_sub(HEADER)).unwrap_or_default();
    let mac = mac.chain_update(head).chain_update(field).chain_update(before).chain_update([0; 16]);
    mac.chain_update(rest.get(16..).unwrap_or_default()).finalize().into_bytes().into()
}

/// Code, identifier and length; attributes.
fn split(packet: &[u8]) -> (&[u8], &[u8]) {
    (packet.get(..4).unwrap_or_default(), packet.get(HEADER..).unwrap_or_default())
}

/// HMAC from a whole block, which unlike a key of any length cannot fail: a longer key is its digest, a shorter one is padded.
fn mac(secret: &[u8]) -> Hmac<Md5> {
    let mut block = [0; 64];
    if let Some(start) = block.get_mut(..secret.len()) {
        start.copy_from_slice(secret);
    } else {
        let digest: [u8; 16] = Md5::digest(secret).into();
        block.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    }
    Hmac::<Md5>::new(&block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_takes_keys_of_every_length() {
        for length in [0, 1, 63, 64, 65, 200] {
            let key = vec![0xAA; length];
            let right = Hmac::<Md5>::new_from_slice(&key).unwrap().chain_update(b"text").finalize().into_bytes();
            assert_eq!(mac(&key).chain_update(b"text").finalize().into_bytes(), right, "{length}");
            let kept = Key::new(&key);
            for _ in 0..2 {
                assert_eq!(kept.mac().chain_update(b"text").finalize().into_bytes(), right, "{length}");
            }
            assert_eq!(kept.octets(), key);
        }
    }
}
