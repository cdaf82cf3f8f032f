//! JWTs of the panel: HS256 with a key of this surface alone; the session row they name decides (specs/panel.md §1.4).

use std::sync::{Arc, Mutex, PoisonError};

use gatehouse_domain::{
    App, Result,
    panel::session::Opened,
    signing::{self, SigningKeys},
};
use gatehouse_model::{AccountId, Millis};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Name of the sealed setting that holds the keys.
const KEYS: &str = "panel.jwt_keys";
/// How long keys are used without a look whether some were withdrawn, milliseconds.
const FRESH: i64 = 60_000;
/// Longer than any token of ours.
const MAX_LENGTH: usize = 2_048;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    id: i64,
    session: String,
    epoch: i64,
    iat: i64,
    exp: i64,
}

/// The keys as they were read last.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Option<(Millis, Arc<SigningKeys>)>>);

impl Tokens {
    async fn keys(&self, app: &App) -> Result<Arc<SigningKeys>> {
        let now = app.now();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, keys)) = known
            && now.0.saturating_sub(at.0) < FRESH
        {
            return Ok(keys);
        }
        let keys = Arc::new(signing::load(app, KEYS).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// The token of a session.
    pub(crate) async fn sign(&self, app: &App, opened: &Opened) -> Result<String> {
        let keys = self.keys(app).await?;
        let key = keys.current()?;
        let header = Header { kid: key.id().map(str::to_owned), ..Header::new(Algorithm::HS256) };
        let claims = Claims {
            id: opened.account.0,
            session: opened.uuid.to_string(),
            epoch: opened.epoch,
            iat: opened.issued_at.0 / 1_000,
            exp: opened.expires_at.0 / 1_000,
        };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.secret()))
            .map_err(gatehouse_domain::Error::internal)
    }

    /// Account and session that a token names, if it is one of ours and in its time.
    pub(crate) async fn read(&self, app: &App, token: &str) -> Result<Option<(AccountId, Uuid)>> {
        if token.len() > MAX_LENGTH {
            return Ok(None);
        }
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let keys = self.keys(app).await?;
        let Some(key) = keys.find(header.kid.as_deref()) else { return Ok(None) };
        let mut rules = Validation::new(Algorithm::HS256);
        // Time is the application's, not the machine's.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let Ok(read) = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key.secret()), &rules) else {
            return Ok(None);
        };
        let claims = read.claims;
        let Ok(session) = Uuid::parse_str(&claims.session) else { return Ok(None) };
        Ok((claims.exp > app.now().0 / 1_000).then_some((AccountId(claims.id), session)))
    }
}
