//! The JWTs of this surface (specs/bastion.md §5.1): written and read here, decided by the rows they name.
//!
//! No library: the header's order is contract and no crate writes it so, and reading accepts exactly one algorithm, canonical
//! claims and nothing else, which is less code than telling a library what not to accept.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gatehouse_domain::{
    Error, Result,
    session::staff::{Pair, Proof},
    signing::{self, SigningKey, SigningKeys},
};
use gatehouse_model::{AccountId, Millis};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{auth::Bastion, reply};

/// Name of the sealed setting that holds the keys.
const KEYS: &str = "bastion.jwt_keys";
/// A clock ahead of ours by this much is believed, seconds.
const LEEWAY: i64 = 60;
/// How long keys are used without a look whether some were withdrawn, milliseconds.
const FRESH: i64 = 60_000;
/// Longer than any token of ours.
const MAX_LENGTH: usize = 2_048;

/// Which of the two tokens of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Access,
    Refresh,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// What a token says. Order and types are contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    token_type: String,
    exp: i64,
    iat: i64,
    jti: String,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ep: Option<i64>,
}

impl Claims {
    /// What the session row is asked about. Without a session nothing is found.
    pub(crate) fn proof(&self) -> Proof<'_> {
        Proof {
            session: self.sid.as_deref().and_then(|sid| Uuid::parse_str(sid).ok()).unwrap_or_default(),
            account: AccountId(canonical(&self.user_id).unwrap_or_default()),
            token_id: &self.jti,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

/// The keys as they were read last.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Option<(Millis, Arc<SigningKeys>)>>);

impl Tokens {
    async fn keys(&self, bastion: &Bastion, wanted: Option<&str>) -> Result<Arc<SigningKeys>> {
        let now = bastion.app.now();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, keys)) = known {
            let age = now.0.saturating_sub(at.0);
            // An unknown key may be a new one of another process; strangers' inventions cost a look per second.
            let is_enough = wanted.is_none_or(|kid| keys.find(Some(kid)).is_some()) || age < 1_000;
            if age < FRESH && is_enough {
                return Ok(keys);
            }
        }
        let keys = Arc::new(signing::load(&bastion.app, KEYS).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// The pair of a session, signed with the present key.
pub(crate) async fn sign(bastion: &Bastion, pair: &Pair) -> Result<reply::Tokens> {
    let keys = bastion.tokens.keys(bastion, None).await?;
    let key = keys.current()?;
    let claims = |kind: Kind, (id, until): (&str, Millis)| Claims {
        token_type: kind.as_str().to_owned(),
        exp: until.0 / 1_000,
        iat: pair.issued_at.0 / 1_000,
        jti: id.to_owned(),
        user_id: pair.account_id.to_string(),
        sid: Some(pair.session.to_string()),
        ep: Some(pair.epoch),
    };
    Ok(reply::Tokens {
        access: write(key, &claims(Kind::Access, (&pair.access_id, pair.access_until)))?,
        refresh: write(key, &claims(Kind::Refresh, (&pair.refresh_id, pair.refresh_until)))?,
    })
}

/// What a token says, if it is one of ours, of this kind and in its time. Errors: `Unauthenticated`.
pub(crate) async fn verify(bastion: &Bastion, kind: Kind, token: &str) -> Result<Claims> {
    let refused = Error::Unauthenticated { why: "no token of ours" };
    let Some(parts) = split(token) else { return Err(refused) };
    let keys = bastion.tokens.keys(bastion, parts.header.kid.as_deref()).await?;
    let claims = keys.find(parts.header.kid.as_deref()).and_then(|key| read(key, &parts));
    let Some(claims) = claims else { return Err(refused) };
    let now = bastion.app.now().0 / 1_000;
    if claims.token_type != kind.as_str() || claims.iat > now + LEEWAY || canonical(&claims.user_id).is_none() {
        return Err(refused);
    }
    if claims.exp <= now {
        return Err(Error::Unauthenticated { why: "token expired" });
    }
    Ok(claims)
}

struct Parts<'a> {
    header: Header,
    payload: &'a str,
    signed: &'a str,
    mac: Vec<u8>,
}

/// Header, payload and signature, if the header is one that we write.
fn split(token: &str) -> Option<Parts<'_>> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let (signed, mac) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let is_ours = header.alg == "HS256" && header.typ == "JWT" && !payload.contains('.');
    is_ours.then_some(Parts { header, payload, signed, mac: BASE64_URL_SAFE_NO_PAD.decode(mac).ok()? })
}

fn read(key: &SigningKey, parts: &Parts<'_>) -> Option<Claims> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret()).ok()?;
    mac.update(parts.signed.as_bytes());
    mac.verify_slice(&parts.mac).ok()?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts.payload).ok()?).ok()
}

fn write(key: &SigningKey, claims: &Claims) -> Result<String> {
    let header = Header { alg: "HS256".to_owned(), typ: "JWT".to_owned(), kid: key.id().map(str::to_owned) };
    let header = serde_json::to_vec(&header).map_err(Error::internal)?;
    let payload = serde_json::to_vec(claims).map_err(Error::internal)?;
    let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret()).map_err(Error::internal)?;
    mac.update(token.as_bytes());
    let mac = mac.finalize().into_bytes();
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(mac, &mut token);
    Ok(token)
}

/// The number of a canonical decimal text above 0.
fn canonical(text: &str) -> Option<i64> {
    let is_canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if is_canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzY3MjI2NTAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAxIiwidXNlcl9pZCI6IjEifQ.oq1k5xe3xc8ZaE2E5jYdQxGDNDUnu5n-TkoDZnBJNTc";

    fn claims() -> Claims {
        Claims {
            token_type: "access".to_owned(),
            exp: 1_767_226_500,
            iat: 1_767_225_600,
            jti: "00000000000000000000000000000001".to_owned(),
            user_id: "1".to_owned(),
            sid: None,
            ep: None,
        }
    }

    fn key() -> SigningKey {
        SigningKey::new(None, [b'k'; 32])
    }

    fn forged(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(payload));
        let mut mac = Hmac::<Sha256>::new_from_slice(key().secret()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn accepted(token: &str) -> Option<Claims> {
        read(&key(), &split(token)?)
    }

    #[test]
    fn the_vector_is_written_and_read() {
        assert_eq!(write(&key(), &claims()).unwrap(), VECTOR);
        assert_eq!(accepted(VECTOR), Some(claims()));
        let other = SigningKey::new(None, [b'x'; 32]);
        assert_eq!(read(&other, &split(VECTOR).unwrap()), None);
    }

    #[test]
    fn only_our_own_header_is_accepted_whatever_the_signature_says() {
        let payload = serde_json::to_string(&claims()).unwrap();
        assert!(accepted(&forged(r#"{"alg":"HS256","typ":"JWT"}"#, &payload)).is_some());
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"None","typ":"JWT"}"#,
            r#"{"alg":"nOnE","typ":"JWT"}"#,
            r#"{"alg":"HS512","typ":"JWT"}"#,
            r#"{"alg":"hs256","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","typ":"JWT","jku":"https://example.com/"}"#,
            r#"{"alg":"HS256","typ":"JWT","jwk":{}}"#,
            r#"{"alg":"HS256","typ":"JWT","x5u":"x"}"#,
            r#"{"alg":"HS256","typ":"JWT","crit":["x"]}"#,
            "{}",
            "",
        ] {
            assert!(accepted(&forged(header, &payload)).is_none(), "{header}");
        }
        let unsigned = VECTOR.rsplit_once('.').unwrap().0;
        for token in [format!("{unsigned}."), unsigned.to_owned(), format!("{VECTOR}."), format!("{VECTOR}.x")] {
            assert!(accepted(&token).is_none(), "{token}");
        }
    }

    #[test]
    fn claims_must_have_their_types_and_ids_their_form() {
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        for payload in [
            r#"{"token_type":"access","exp":1767226500,"iat":1,"jti":"0","user_id":1}"#,
            r#"{"token_type":"access","iat":1,"jti":"0","user_id":"1"}"#,
            r#"{"token_type":"access","exp":"1767226500","iat":1,"jti":"0","user_id":"1"}"#,
            "[]",
        ] {
            assert!(accepted(&forged(header, payload)).is_none(), "{payload}");
        }
        assert_eq!(canonical("12"), Some(12));
        for text in ["", "0", "1 ", " 1", "01", "-1", "+1", "1.0", "９", "99999999999999999999"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
