//! The token: who knows the secret may call (specs/vpn.md §3).

use std::time::Duration;

use gatehouse_model::{Millis, Secret};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::params::{Given, Pairs};

const TIMESTAMP: &[u8] = b"timestamp";

/// By what a token is judged.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Name of the token's own parameter, which is not signed.
    pub(crate) name: &'static str,
    pub(crate) secret: &'a Secret,
    pub(crate) now: Millis,
    /// How far the timestamp may be from now, in whole seconds.
    pub(crate) skew: Duration,
}

/// Finds the form under which the token is right, and gives the parameters as this form reads them, without the token. An error
/// is the reason, for log and metrics.
///
/// Callers disagree about encoding. Tried are: everything decoded; the body undecoded; everything decoded, with blanks signed
/// as `+`. Two equal calls carry the same token, and both pass: there is no nonce.
pub(crate) fn verify(given: &Given<'_>, terms: Terms<'_>) -> Result<Pairs, &'static str> {
    let decoded = given.decoded();
    let refused = match check(decoded, terms, Blanks::Kept) {
        Ok(()) => return Ok(unsigned(decoded.clone(), terms)),
        Err(refused) => refused,
    };
    if let Some(undecoded) = given.undecoded().filter(|undecoded| undecoded != decoded)
        && check(&undecoded, terms, Blanks::Kept).is_ok()
    {
        return Ok(unsigned(undecoded, terms));
    }
    let has_blanks = decoded.iter().any(|(name, value)| name.contains(&b' ') || value.contains(&b' '));
    if has_blanks && check(decoded, terms, Blanks::AsPlus).is_ok() {
        return Ok(unsigned(decoded.clone(), terms));
    }
    Err(refused)
}

fn unsigned(mut pairs: Pairs, terms: Terms<'_>) -> Pairs {
    pairs.remove(terms.name.as_bytes());
    pairs
}

/// How blanks are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    Kept,
    AsPlus,
}

fn check(pairs: &Pairs, terms: Terms<'_>, blanks: Blanks) -> Result<(), &'static str> {
    let token = pairs.get(terms.name.as_bytes()).ok_or("token missing")?;
    let mut sent = [0; 32];
    hex::decode_to_slice(token, &mut sent).map_err(|_no_hex| "token malformed")?;
    let timestamp = pairs.get(TIMESTAMP).ok_or("timestamp missing")?;
    let at = seconds(timestamp).ok_or("timestamp malformed")?;
    let now = terms.now.0.div_euclid(1_000);
    if now.abs_diff(at) > terms.skew.as_secs() {
        return Err("timestamp out of range");
    }
    let right = digest(pairs, timestamp, terms, blanks);
    if bool::from(right.ct_eq(&sent)) { Ok(()) } else { Err("token wrong") }
}

/// Decimal digits and nothing else.
fn seconds(text: &[u8]) -> Option<i64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if is_number { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// SHA-256 over `key=value&…` in order of the keys, the timestamp once more, and the secret.
fn digest(pairs: &Pairs, timestamp: &[u8], terms: Terms<'_>, blanks: Blanks) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut sign = |text: &[u8]| match blanks {
        Blanks::Kept => hasher.update(text),
        Blanks::AsPlus => hasher.update(text.iter().map(|b| if *b == b' ' { b'+' } else { *b }).collect::<Vec<_>>()),
    };
    let mut separator: &[u8] = b"";
    for (name, value) in pairs.iter().filter(|(name, _)| name.as_slice() != terms.name.as_bytes()) {
        sign(separator);
        sign(name);
        sign(b"=");
        sign(value);
        separator = b"&";
    }
    hasher.update(timestamp);
    hasher.update(terms.secret.expose());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
