//! Login sessions: server-side rows holding the account's epoch; the row decides (DESIGN §4, §10.3).

pub mod staff;

use std::{net::IpAddr, time::Duration};

use gatehouse_model::{AccountId, LoginSessionId, Millis, Secret};
use gatehouse_store::{Aspect, Tx, account as accounts, login_session as rows, login_session::SessionCheckRow};
use uuid::Uuid;

use crate::{Ctx, Error, Result};

pub(crate) const PURPOSE: &str = "login_session.secret";

/// How a kind of session lives.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// Stored kind: `bastion`, `panel`, `billing_user`, `billing_admin`, `console`.
    pub kind: &'static str,
    /// From the last use to the end.
    pub sliding: Duration,
    /// From the login to the end, whatever the use.
    pub longest: Duration,
}

/// A session that counts now.
#[derive(Debug, Clone)]
pub struct Session {
    /// Row id.
    pub id: LoginSessionId,
    /// Public name.
    pub uuid: Uuid,
    /// Whose it is.
    pub account_id: AccountId,
    /// Whether a second factor or a new password is still owed.
    pub is_limited: bool,
}

/// A new session with its opaque credential, which is stored as a keyed hash only.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// 22 letters and digits, 131 random bits.
    pub secret: Secret,
}

/// Opens a session for an account whose login was verified. `Locked` when the account is disabled.
pub async fn open(
    ctx: &Ctx,
    account: AccountId,
    life: Life,
    is_limited: bool,
    from: (Option<IpAddr>, Option<&str>),
) -> Result<Opened> {
    let mut tx = ctx.begin().await?;
    let row = accounts::find(&mut tx, account).await?.ok_or(Error::NotFound { what: "account" })?;
    if !row.is_enabled {
        return Err(Error::Locked { what: "account", why: "it is disabled" });
    }
    let opened = insert(ctx, &mut tx, (account, row.epoch), life, (is_limited, None), from).await?;
    tx.commit().await?;
    Ok(opened)
}

/// Writes the row of a new session of an account and its epoch, in the transaction of its login; `(is_limited, factor_at)`.
pub(crate) async fn insert(
    ctx: &Ctx,
    tx: &mut Tx,
    (account, epoch): (AccountId, i64),
    life: Life,
    (is_limited, factor_at): (bool, Option<Millis>),
    from: (Option<IpAddr>, Option<&str>),
) -> Result<Opened> {
    let uuid = ctx.app.random().uuid();
    let secret = Secret::new(secret_text(ctx));
    let id = rows::insert(
        tx,
        &rows::NewLoginSession {
            uuid: &uuid.to_string(),
            account_id: account,
            kind: life.kind,
            epoch,
            secret_hash: Some(&ctx.app.keys().hash(PURPOSE, secret.expose())),
            is_limited,
            factor_at,
            address: from.0.map(|address| address.to_string()).as_deref(),
            user_agent: from.1,
            at: ctx.now(),
            expires_at: ctx.now().plus(life.sliding.min(life.longest)),
        },
    )
    .await?;
    Ok(Opened { session: Session { id, uuid, account_id: account, is_limited }, secret })
}

/// Letters and digits only: cookies and query strings take them as they are (specs/billing.md §4).
fn secret_text(ctx: &Ctx) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(22);
    while text.len() < 22 {
        // What lies beyond the last whole alphabet is thrown away, so that every character is as likely.
        let bytes = ctx.app.random().bytes::<32>();
        let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(letters.map(|byte| char::from(*byte)).take(22 - text.len()));
    }
    text
}

/// The session an opaque credential names, if it still counts; moves its end.
///
/// Errors: `Unauthenticated` for unknown, revoked, expired sessions, disabled accounts and older epochs.
pub async fn verify(ctx: &Ctx, life: Life, secret: &str) -> Result<Session> {
    for hash in ctx.app.keys().hashes(PURPOSE, secret) {
        if let Some(row) = rows::find_by_secret(&mut ctx.read(), &hash).await? {
            return check(ctx, life, row).await;
        }
    }
    Err(Error::Unauthenticated { why: "unknown session" })
}

/// The session a public name stands for (the `sid` of a JWT), if it still counts; moves its end.
pub async fn verify_uuid(ctx: &Ctx, life: Life, uuid: Uuid) -> Result<Session> {
    match rows::find(&mut ctx.read(), &uuid.to_string()).await? {
        Some(row) => check(ctx, life, row).await,
        None => Err(Error::Unauthenticated { why: "unknown session" }),
    }
}

async fn check(ctx: &Ctx, life: Life, row: SessionCheckRow) -> Result<Session> {
    let refuse = |why| Err(Error::Unauthenticated { why });
    let session = row.session;
    if session.kind != life.kind {
        return refuse("session of another surface");
    }
    if session.revoked_at.is_some() {
        return refuse("session revoked");
    }
    if session.expires_at <= ctx.now() {
        return refuse("session expired");
    }
    if !row.account_enabled {
        return refuse("account disabled");
    }
    if session.epoch != row.account_epoch {
        return refuse("credentials changed");
    }
    slide(ctx, life, session.id, session.last_used_at, session.created_at).await?;
    let uuid = session.uuid.parse().map_err(Error::internal)?;
    Ok(Session { id: session.id, uuid, account_id: session.account_id, is_limited: session.is_limited })
}

/// Moves the end at most once a minute, so that a busy session does not write with every request.
async fn slide(ctx: &Ctx, life: Life, id: LoginSessionId, last_used_at: Millis, created_at: Millis) -> Result<()> {
    let grain = Duration::from_mins(1).min(life.sliding / 10);
    if last_used_at.plus(grain) > ctx.now() {
        return Ok(());
    }
    let end = ctx.now().plus(life.sliding).min(created_at.plus(life.longest));
    let mut tx = ctx.begin().await?;
    rows::update_used(&mut tx, id, ctx.now(), end).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends one session: logout.
pub async fn revoke(ctx: &Ctx, id: LoginSessionId, why: &str) -> Result<()> {
    let mut tx = ctx.begin().await?;
    rows::revoke(&mut tx, id, why, ctx.now()).await?;
    tx.touch(Aspect::Access, None);
    tx.commit().await?;
    Ok(())
}
