//! Changes that happen once however often they are asked for: a key of the caller, kept with the answer (specs/billing.md §13).

use std::time::Duration;

use gatehouse_store::{
    Tx,
    idempotency::{self as rows, KeyName, KeyRow},
};

use super::{Outcome, Refusal, Role, Who};
use crate::{App, Error, Result};

const PURPOSE: &str = "idempotency_key.key";

/// How long an answer is kept.
pub(super) const KEPT: Duration = Duration::from_hours(24);

/// After this whoever took a key is taken for dead: longer than any call may last.
const LEASE: Duration = Duration::from_mins(1);

/// How long a call waits for one with the same key, and how often it looks.
const PATIENCE: u32 = 900;
const STEP: Duration = Duration::from_millis(50);

/// Longest key, bytes.
const LONGEST: usize = 255;

/// What to do with a call.
#[derive(Debug)]
pub enum Claim {
    /// Do it, then [`keep`] its answer or [`forget`] it.
    Mine(Mine),
    /// It was done, with this answer.
    Done(String),
}

/// A key that this call holds.
#[derive(Debug)]
pub struct Mine {
    scope: String,
    key_hash: String,
    request_hash: String,
}

impl Mine {
    fn name(&self) -> KeyName<'_> {
        KeyName { scope: &self.scope, key_hash: &self.key_hash }
    }
}

/// Takes a key for a call, or gives what it was answered before; waits while another call with this key is at work.
///
/// Shape: the key (1–255 bytes) and all that makes the call what it is. Errors: `BadRequest` for no key, `IdempotencyConflict` for
/// a key that came with something else before, `Unavailable` when the other call does not end.
pub async fn claim(who: &Who, key: &str, request: &[&str]) -> Outcome<Claim> {
    if key.is_empty() || key.len() > LONGEST {
        return Err(Refusal::BadRequest.into());
    }
    let ctx = &who.ctx;
    let scope = match who.role {
        Role::User { account, .. } => format!("billing_user/{account}"),
        Role::Admin { account, .. } => format!("billing_admin/{}", account.map_or(0, |account| account.0)),
    };
    let mine =
        Mine { scope, key_hash: ctx.app.keys().hash(PURPOSE, key), request_hash: request_hash(request).to_string() };
    // Keys of an older key of the ring: answers outlive its rotation.
    for key_hash in ctx.app.keys().hashes(PURPOSE, key).skip(1) {
        let found = rows::find(&mut ctx.read(), KeyName { scope: &mine.scope, key_hash: &key_hash }).await?;
        if let Some(KeyRow { request_hash, answer: Some(answer), expires_at }) = found
            && expires_at > ctx.now()
        {
            return told(&mine, &request_hash, answer);
        }
    }
    for _ in 0..PATIENCE {
        match rows::find(&mut ctx.read(), mine.name()).await? {
            Some(row) if row.expires_at > ctx.now() => {
                if row.request_hash != mine.request_hash {
                    return Err(Refusal::IdempotencyConflict.into());
                }
                if let Some(answer) = row.answer {
                    return Ok(Claim::Done(answer));
                }
                if ctx.app.pause(STEP).await {
                    break;
                }
            }
            _ => {
                let mut tx = ctx.begin().await?;
                let until = ctx.now().plus(LEASE);
                let taken = rows::claim(&mut tx, mine.name(), &mine.request_hash, ctx.now(), until).await?;
                tx.commit().await?;
                if taken > 0 {
                    return Ok(Claim::Mine(mine));
                }
            }
        }
    }
    Err(Error::Unavailable("a call with the same idempotency key does not end".into()).into())
}

fn told(mine: &Mine, request_hash: &str, answer: String) -> Outcome<Claim> {
    if request_hash == mine.request_hash { Ok(Claim::Done(answer)) } else { Err(Refusal::IdempotencyConflict.into()) }
}

/// What rows that a call makes are called after its key, under each key of the ring, the present one first.
pub(super) fn names(app: &App, key: &str) -> impl Iterator<Item = String> {
    app.keys().hashes(PURPOSE, key).map(|hash| format!("idem:{hash}"))
}

/// Keeps the answer of a call for a day.
pub async fn keep(who: &Who, mine: &Mine, answer: &str) -> Result<()> {
    let mut tx = who.ctx.begin().await?;
    rows::update_answer(&mut tx, mine.name(), &mine.request_hash, answer, who.ctx.now().plus(KEPT)).await?;
    Ok(tx.commit().await?)
}

/// Gives back the key of a call that is worth trying again.
pub async fn forget(who: &Who, mine: &Mine) -> Result<()> {
    let mut tx = who.ctx.begin().await?;
    rows::delete_open(&mut tx, mine.name(), &mine.request_hash).await?;
    Ok(tx.commit().await?)
}

/// Forgets keys whose time is over; part of `session.purge`.
pub(crate) async fn purge(app: &App, tx: &mut Tx) -> Result<()> {
    rows::delete_expired(tx, app.now()).await?;
    Ok(())
}

/// Every part counts, with its length.
fn request_hash(request: &[&str]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in request {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}
