//! Tickets: one terminal each, for clients that must put a credential into an address (specs/bastion.md §7.5).

use std::time::Duration;

use gatehouse_model::{AccountId, ResourceId, Secret, VoucherId};
use gatehouse_store::{
    login_session,
    one_time::{self as rows, NewOneTime, OneTimeRow},
};
use serde::{Deserialize, Serialize};

use crate::{
    Ctx, Error, Result,
    session::staff::{self, Owed},
};

/// How long a ticket counts.
pub const LIFE: Duration = Duration::from_mins(1);

const PURPOSE: &str = "terminal.ticket";

/// What a ticket is bound to, as its row keeps it.
#[derive(Serialize, Deserialize)]
struct Bound {
    /// Public name of the session.
    session: String,
    address: Option<std::net::IpAddr>,
    resource: i64,
    voucher: i64,
}

/// A ticket that was used.
#[derive(Debug)]
pub struct Redeemed {
    /// Who made it, as he stands now.
    pub ctx: Ctx,
    /// What his session owes before it may do anything.
    pub owes: Option<Owed>,
    /// Where to.
    pub resource: ResourceId,
    /// With what.
    pub voucher: VoucherId,
}

/// Makes a ticket of 128 random bits for one terminal, bound to the caller's session and address.
///
/// Whether the target exists and is allowed is asked when the ticket is used. Errors: `Forbidden` unless the caller came by a
/// login session.
pub async fn issue(ctx: &Ctx, resource: ResourceId, voucher: VoucherId) -> Result<Secret> {
    let Ok((account, session)) = staff::own_session(ctx) else {
        return Err(Error::Forbidden { need: "a login session".to_owned() });
    };
    let secret = Secret::new(hex::encode(ctx.app.random().bytes::<16>()));
    let mut tx = ctx.begin().await?;
    let row = login_session::find_by_id(&mut tx, session).await?.ok_or(Error::NotFound { what: "session" })?;
    let bound = Bound { session: row.uuid, address: ctx.caller.address, resource: resource.0, voucher: voucher.0 };
    let payload = serde_json::to_string(&bound).map_err(Error::internal)?;
    let new = NewOneTime {
        purpose: PURPOSE,
        secret_hash: &ctx.app.keys().hash(PURPOSE, secret.expose()),
        account_id: Some(account),
        subject: None,
        payload: Some(&payload),
        expires_at: ctx.now().plus(LIFE),
    };
    rows::insert(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Uses a ticket up. It is gone even when it does not count: for another address, or with its session at an end.
///
/// Errors: `Unauthenticated`.
pub async fn redeem(ctx: &Ctx, secret: &str) -> Result<Redeemed> {
    let refused = || Error::Unauthenticated { why: "no ticket of ours" };
    let (account, bound) = take(ctx, secret).await?.ok_or_else(refused)?;
    if bound.address != ctx.caller.address {
        return Err(Error::Unauthenticated { why: "ticket used from another address" });
    }
    let session = bound.session.parse().map_err(Error::internal)?;
    let (ctx, owes) = staff::admit_session(ctx, session, account).await?;
    Ok(Redeemed { ctx, owes, resource: ResourceId(bound.resource), voucher: VoucherId(bound.voucher) })
}

/// Takes the row of a ticket: of several who try at once, one gets it.
async fn take(ctx: &Ctx, secret: &str) -> Result<Option<(AccountId, Bound)>> {
    let Some(row) = find(ctx, secret).await? else { return Ok(None) };
    let mut tx = ctx.begin().await?;
    let is_mine = rows::delete(&mut tx, row.id).await? == 1;
    tx.commit().await?;
    let payload = row.payload.as_deref().and_then(|payload| serde_json::from_str(payload).ok());
    Ok(row.account_id.zip(payload).filter(|_| is_mine))
}

async fn find(ctx: &Ctx, secret: &str) -> Result<Option<OneTimeRow>> {
    for hash in ctx.app.keys().hashes(PURPOSE, secret) {
        if let Some(row) = rows::find(&mut ctx.read(), PURPOSE, &hash, ctx.now()).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
