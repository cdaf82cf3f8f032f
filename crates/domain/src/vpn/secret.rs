//! The secret that signs calls of the WebApi (specs/vpn.md §3, §13): a machine credential of which there is exactly one.

use std::collections::BTreeSet;

use gatehouse_model::{ApiTokenId, Origin, Secret};
use gatehouse_store::{
    Tx,
    api_token::{self as rows, ApiTokenRow, NewApiToken},
};

use crate::{
    Actor, App, Caller, Ctx, Error, Result,
    audit::{self, Object, Stream},
    oa::token::{PURPOSE, fresh, place},
    permission::CATALOGUE,
};

const KIND: &str = "vpn";
/// Name of its holder in the audit trail.
const LABEL: &str = "vpn api";

/// The secret, and who its holder is to use cases.
#[derive(Debug)]
pub struct ApiKey {
    /// What is appended to the signed text.
    pub secret: Secret,
    id: ApiTokenId,
    label: String,
    codes: BTreeSet<String>,
}

impl ApiKey {
    /// The context of a call that the secret signed.
    pub fn ctx(self, app: &App, caller: Caller) -> Ctx {
        let actor = Actor::Machine { id: self.id, label: self.label, codes: self.codes };
        Ctx { app: app.clone(), actor, origin: Origin::Vpn, caller }
    }
}

/// Reads the secret, every time: a rotated one is dead at once on every process, and one indexed row of a small table costs
/// less than knowing when it changed.
pub async fn current(app: &App) -> Result<ApiKey> {
    let row = find(&mut app.db().read()).await?;
    let sealed = row.secret_sealed.as_deref().unwrap_or_default();
    Ok(ApiKey {
        secret: app.keys().open_text(place(&row.seal_ref), sealed)?,
        id: row.id,
        label: row.label,
        codes: crate::app::parse_codes(&row.codes),
    })
}

/// Shows the secret to an operator. Errors: `Forbidden` without `system.token.manage`.
pub async fn show(ctx: &Ctx) -> Result<Secret> {
    ctx.require("system.token.manage")?;
    let key = current(&ctx.app).await?;
    let mut tx = ctx.begin().await?;
    let object = Object::new("api_token", key.id.0, &key.label);
    audit::record(&mut tx, ctx, Stream::Access, "vpn.secret.show", object, "ok", None).await?;
    tx.commit().await?;
    Ok(key.secret)
}

/// Replaces the secret by a fresh one; the old one is dead from the next call on.
/// Errors: `Forbidden` without `system.token.manage`.
pub async fn rotate(ctx: &Ctx) -> Result<Secret> {
    let secret = fresh(ctx);
    let mut tx = ctx.begin().await?;
    replace(ctx, &mut tx, &secret).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Makes a given text the secret, for the state file; gives whether it was another one.
///
/// Units: 16 to 256 characters without white space around them.
pub(crate) async fn set_in(ctx: &Ctx, tx: &mut Tx, secret: &Secret) -> Result<bool> {
    let text = secret.expose();
    if !(16..=256).contains(&text.chars().count()) || text.trim() != text {
        return Err(Error::invalid("secret", "16 to 256 characters, no blanks around them"));
    }
    let row = find(tx).await?;
    let present = ctx.app.keys().open_text(place(&row.seal_ref), row.secret_sealed.as_deref().unwrap_or_default())?;
    if present.expose() == text {
        return Ok(false);
    }
    replace(ctx, tx, secret).await?;
    Ok(true)
}

/// Makes the first secret of a database.
pub(crate) async fn make_if_none(ctx: &Ctx) -> Result<()> {
    if rows::list(&mut ctx.read(), KIND).await?.is_empty() {
        let mut tx = ctx.begin().await?;
        insert(ctx, &mut tx, &fresh(ctx)).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The oldest row: where two processes began at the same time, both take the same one.
async fn find(q: &mut impl gatehouse_store::Query) -> Result<ApiTokenRow> {
    let row = rows::list(q, KIND).await?.into_iter().next();
    row.ok_or_else(|| Error::internal("the vpn surface has no secret; `gatehouse vpn secret rotate` makes one"))
}

async fn replace(ctx: &Ctx, tx: &mut Tx, secret: &Secret) -> Result<()> {
    ctx.require("system.token.manage")?;
    for row in rows::list(tx, KIND).await? {
        rows::delete(tx, row.id).await?;
    }
    let id = insert(ctx, tx, secret).await?;
    audit::changed(tx, ctx, "vpn.secret.rotate", Object::new("api_token", id.0, LABEL)).await
}

async fn insert(ctx: &Ctx, tx: &mut Tx, secret: &Secret) -> Result<ApiTokenId> {
    let seal_ref = ctx.app.request_id();
    let sealed = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), secret.expose().as_bytes())?;
    let codes: Vec<_> = CATALOGUE.iter().copied().filter(|code| code.starts_with("vpn.")).collect();
    let new = NewApiToken {
        kind: KIND,
        label: LABEL,
        secret_hash: &ctx.app.keys().hash(PURPOSE, secret.expose()),
        secret_sealed: Some(&sealed),
        codes: &codes.join(" "),
        seal_ref: &seal_ref,
        at: ctx.now(),
    };
    Ok(rows::insert(tx, &new).await?)
}
