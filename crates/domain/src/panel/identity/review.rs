//! What staff do with identities (specs/panel.md §5.1).

use gatehouse_model::{AccountId, email_key};
use gatehouse_store::{Aspect, account as accounts, like, panel_identity as rows};

use super::{
    super::{
        module::{self, Module},
        refusal::{Outcome, Refusal},
    },
    IdentityRow,
};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
};

const MISSING: Refusal = Refusal::rule("There is no verification of this user");

fn allow(ctx: &Ctx) -> Outcome<()> {
    module::require(&ctx.app, Module::RealName)?;
    Ok(ctx.require("panel.realname")?)
}

/// Lists what was submitted, the latest first, and how much there is.
///
/// Shape: status, part of an e-mail address, `(page, size)`. Errors: `Forbidden`. Source: specs/panel.md §5.1 records.
pub async fn list(
    ctx: &Ctx,
    status: Option<&str>,
    keyword: Option<&str>,
    (page, size): (i64, i64),
) -> Outcome<(Vec<IdentityRow>, i64)> {
    allow(ctx)?;
    let pattern = keyword.map(|keyword| like::contains(&email_key(keyword)));
    let filter = (status, pattern.as_deref());
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}

/// Approves a pending identity, or with a reason rejects it.
///
/// Errors: a rule for one that is not pending or unknown; `Forbidden`. Source: specs/panel.md §5.1 review.
pub async fn review(ctx: &Ctx, account: AccountId, rejection: Option<&str>) -> Outcome<()> {
    allow(ctx)?;
    if rejection.is_some_and(|reason| reason.chars().count() > 500) {
        return Err(Refusal::input("reason", "The value of :name is not valid").with("name", "reason").into());
    }
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    allow(&ctx)?;
    rows::find(&mut tx, account).await?.ok_or(MISSING)?;
    let verdict = (rejection.is_none(), rejection);
    if rows::review(&mut tx, account, verdict, ctx.account(), ctx.now()).await? == 0 {
        return Err(Refusal::rule("This verification is not pending").into());
    }
    let action = if rejection.is_none() { "panel.identity.approve" } else { "panel.identity.reject" };
    note(&ctx, tx, action, account).await
}

/// Forgets what a user submitted. Errors: a rule where there is nothing; `Forbidden`. Source: specs/panel.md §5.1 reset.
pub async fn reset(ctx: &Ctx, account: AccountId) -> Outcome<()> {
    allow(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    allow(&ctx)?;
    if rows::delete(&mut tx, account).await? == 0 {
        return Err(MISSING.into());
    }
    note(&ctx, tx, "panel.identity.reset", account).await
}

async fn note(ctx: &Ctx, mut tx: gatehouse_store::Tx, action: &'static str, account: AccountId) -> Outcome<()> {
    let login = accounts::find(&mut tx, account).await?.map(|row| row.login).unwrap_or_default();
    tx.touch(Aspect::ProxyUser, Some(account.0));
    audit::changed(&mut tx, ctx, action, Object::new("panel_identity", account.0, &login)).await?;
    Ok(tx.commit().await?)
}

/// Approves all that is pending; how much. Errors: `Forbidden`. Source: specs/panel.md §5.1 approve-all.
pub async fn approve_all(ctx: &Ctx) -> Outcome<u64> {
    allow(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    allow(&ctx)?;
    let approved = rows::approve_all(&mut tx, ctx.account(), ctx.now()).await?;
    if approved > 0 {
        tx.touch(Aspect::ProxyUser, None);
        let object = Object::new("panel_identity", None, "all pending");
        audit::changed(&mut tx, &ctx, "panel.identity.approve", object).await?;
    }
    tx.commit().await?;
    Ok(approved)
}

/// Has every user looked at anew; how many. Whether one may order is asked of his record each time, so that nothing can differ from
/// it. Errors: `Forbidden`. Source: specs/panel.md §5.1 sync-all.
pub async fn sync_all(ctx: &Ctx) -> Outcome<i64> {
    allow(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    allow(&ctx)?;
    let users = rows::count_users(&mut tx).await?;
    tx.touch(Aspect::ProxyUser, None);
    audit::changed(&mut tx, &ctx, "panel.identity.sync", Object::new("panel_identity", None, "all")).await?;
    tx.commit().await?;
    Ok(users)
}

/// Reads the module's settings anew. Errors: `Forbidden`. Source: specs/panel.md §5.1 clear-cache.
pub async fn clear_cache(ctx: &Ctx) -> Outcome<()> {
    allow(ctx)?;
    let (ctx, tx) = permission::begin(ctx, Change::Things).await?;
    allow(&ctx)?;
    Ok(module::reload(&ctx, tx).await?)
}
