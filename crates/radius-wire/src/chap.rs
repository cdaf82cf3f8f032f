//! CHAP: the CHAP-Password attribute (RFC 2865 §2.2, RFC 1994).

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::attribute::CHAP_CHALLENGE;
use crate::packet::Packet;

/// A CHAP-Password with the challenge it answers.
#[derive(Debug, Clone, Copy)]
pub struct Chap<'a> {
    /// Number of the exchange between NAS and user.
    pub ident: u8,
    /// What the user's machine computed.
    pub response: &'a [u8; 16],
    /// What it was asked: CHAP-Challenge, or the request's authenticator without one.
    pub challenge: &'a [u8],
}

impl<'a> Chap<'a> {
    /// Reads a CHAP-Password of a request. `None` unless it is 17 bytes.
    pub fn read(request: &Packet<'a>, value: &'a [u8]) -> Option<Self> {
        let (&ident, response) = value.split_first()?;
        let challenge = request.find(CHAP_CHALLENGE).unwrap_or(request.authenticator());
        Some(Self { ident, response: response.try_into().ok()?, challenge })
    }

    /// Tells whether it was computed from this password.
    pub fn matches(&self, password: &[u8]) -> bool {
        response(self.ident, password, self.challenge).ct_eq(self.response).into()
    }
}

/// Computes the response to a challenge.
pub fn response(ident: u8, password: &[u8], challenge: &[u8]) -> [u8; 16] {
    Md5::new().chain_update([ident]).chain_update(password).chain_update(challenge).finalize().into()
}
