//! API tokens of people: machine credentials that hold at most what their owner holds now (specs/bastion.md §13).

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use gatehouse_store::{
    api_token::{self as rows, OwnedTokenRow},
    role,
};
use ipnet::IpNet;

use crate::{
    Actor, Ctx, Error, Result, Via,
    app::parse_codes,
    session::staff::{self, Facts, Owed},
};

/// Stored kind.
const KIND: &str = "api";
const PURPOSE: &str = "api_token.secret";
/// How exact `last_used_at` is.
const USE_GRAIN: Duration = Duration::from_mins(1);

/// The person behind a token: what its owner holds now, and only the token's scopes of it.
///
/// Errors: `Unauthenticated` for unknown or expired tokens, other addresses, and owners who are disabled or lost their pass.
pub async fn admit(ctx: &Ctx, token: &str) -> Result<(Ctx, Option<Owed>)> {
    let row = find(ctx, token).await?.ok_or(Error::Unauthenticated { why: "unknown token" })?;
    if row.expires_at.is_some_and(|at| at <= ctx.now()) {
        return Err(Error::Unauthenticated { why: "token expired" });
    }
    if !row.account_enabled || row.staff_id.is_none() {
        return Err(Error::Unauthenticated { why: "account disabled" });
    }
    if !is_from(row.cidrs.as_deref(), ctx.caller.address) {
        return Err(Error::Unauthenticated { why: "token used from another address" });
    }
    note_used(ctx, &row).await?;
    // The session that made the token proved the second factor; a new password that is due holds for machines, too.
    let facts = Facts { must_change_password: row.must_change_password, has_factor: false, is_proved: true };
    let owes = staff::owed(ctx, &mut ctx.read(), row.account_id, facts).await?;
    let owes = owes.filter(|owed| *owed == Owed::Password);
    let scopes = parse_codes(&row.codes);
    let mut codes: BTreeSet<String> = BTreeSet::new();
    if owes.is_none() {
        codes.extend(role::list_codes_of_account(&mut ctx.read(), row.account_id, ctx.now()).await?);
        codes.retain(|code| scopes.contains(code));
    }
    let via = Via::Token { id: row.id, scopes };
    let actor = Actor::Account { id: row.account_id, login: row.login, name: row.name, codes, via };
    Ok((Ctx { actor, ..ctx.clone() }, owes))
}

async fn find(ctx: &Ctx, token: &str) -> Result<Option<OwnedTokenRow>> {
    for hash in ctx.app.keys().hashes(PURPOSE, token) {
        if let Some(row) = rows::find_owned(&mut ctx.read(), KIND, &hash).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Whether an address is in the list; without a list every address is.
fn is_from(cidrs: Option<&str>, address: Option<IpAddr>) -> bool {
    let Some(cidrs) = cidrs else { return true };
    let nets = || cidrs.split_ascii_whitespace().filter_map(|cidr| cidr.parse::<IpNet>().ok());
    address.is_some_and(|address| nets().any(|net| net.contains(&address)))
}

async fn note_used(ctx: &Ctx, row: &OwnedTokenRow) -> Result<()> {
    if row.last_used_at.is_some_and(|at| at.plus(USE_GRAIN) > ctx.now()) {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    rows::update_used(&mut tx, row.id, ctx.now()).await?;
    Ok(tx.commit().await?)
}
