//! How often one may: counters that survive a restart (specs/panel.md §1.6).

use std::time::Duration;

use gatehouse_model::client_of;
use gatehouse_store::{Tx, rate_counter as rows};

use crate::{Ctx, Error, Result};

/// A limit: so many in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Stored name.
    pub(crate) scope: &'static str,
    /// How many.
    pub(crate) most: i64,
    /// In how long.
    pub(crate) window: Duration,
}

/// Counts one in the transaction of what is limited; false: it is one too many.
pub(crate) async fn take(ctx: &Ctx, tx: &mut Tx, limit: Limit, key: &str) -> Result<bool> {
    let key = ctx.app.keys().hash(limit.scope, key);
    let counter = rows::count(tx, limit.scope, &key, ctx.now(), ctx.now().minus(limit.window)).await?;
    Ok(counter.count <= limit.most)
}

/// Whether a limit is used up; counts nothing.
pub(crate) async fn is_used_up(ctx: &Ctx, limit: Limit, key: &str) -> Result<bool> {
    for key in ctx.app.keys().hashes(limit.scope, key) {
        let counter = rows::find(&mut ctx.read(), limit.scope, &key, ctx.now().minus(limit.window)).await?;
        if counter.is_some_and(|counter| counter.count >= limit.most) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Forgets what was counted.
pub(crate) async fn forget(ctx: &Ctx, tx: &mut Tx, limit: Limit, key: &str) -> Result<()> {
    for key in ctx.app.keys().hashes(limit.scope, key) {
        rows::delete(tx, limit.scope, &key).await?;
    }
    Ok(())
}

/// Counts one of the caller's address: an IPv6 client counts as its /64. Errors: `RateLimited`. Callers without an address are ourselves.
pub(crate) async fn take_address(ctx: &Ctx, limit: Limit) -> Result<()> {
    let Some(address) = address(ctx) else { return Ok(()) };
    // What is refused anyhow writes nothing: a flood would fill the log of the database.
    if is_used_up(ctx, limit, &address).await? {
        return Err(Error::RateLimited { retry_after: limit.window });
    }
    let mut tx = ctx.begin().await?;
    let is_allowed = take(ctx, &mut tx, limit, &address).await?;
    tx.commit().await?;
    if is_allowed { Ok(()) } else { Err(Error::RateLimited { retry_after: limit.window }) }
}

/// The caller's address as counters know it.
pub(crate) fn address(ctx: &Ctx) -> Option<String> {
    ctx.caller.address.map(|address| client_of(address).to_string())
}
