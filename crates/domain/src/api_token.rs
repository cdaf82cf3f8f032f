//! API tokens of people: machine credentials that hold at most what their owner holds now (specs/bastion.md §13).

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gatehouse_model::{AccountId, ApiTokenId, Millis, Secret};
use gatehouse_store::{
    Aspect, Query, account as accounts,
    api_token::{self as rows, NewApiToken, OwnedTokenRow},
    role,
};
use ipnet::IpNet;

use crate::{
    Actor, Ctx, Error, Fault, Result, Via,
    app::parse_codes,
    audit::{self, Object},
    permission::{self, Change, ON_GROUPS},
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
    let via = if owes.is_some() { Via::Limited(None) } else { Via::Token { id: row.id, scopes } };
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

/// Longest life of a token.
const LONGEST: Duration = Duration::from_hours(366 * 24);
/// Tokens of one account.
const MOST: usize = 50;

/// A token as its owner or staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Row id.
    pub id: ApiTokenId,
    /// Name.
    pub label: String,
    /// Codes it was made for.
    pub scopes: Vec<String>,
    /// Networks it may be used from; none: every one.
    pub cidrs: Vec<String>,
    /// End of its life.
    pub expires_at: Option<Millis>,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
}

/// A new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Name.
    pub label: String,
    /// Codes, installation-wide or on groups, of those that the caller holds.
    pub scopes: BTreeSet<String>,
    /// Networks it may be used from; none: every one.
    pub cidrs: Vec<IpNet>,
    /// End of its life.
    pub expires_at: Millis,
}

/// Makes a token of the caller; it is shown once. A token cannot make tokens.
///
/// Errors: `Fields` (`scopes`, `unknown` or `forbidden`; `expires_at`, `range`: at most a year ahead); `QuotaExceeded`.
pub async fn add(ctx: &Ctx, new: &NewToken) -> Result<(ApiTokenId, Secret)> {
    let (account, _) = staff::own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let faults = find_faults(&ctx, &mut tx, new).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    if rows::list_owned(&mut tx, KIND, account).await?.len() >= MOST {
        return Err(Error::QuotaExceeded { what: "api tokens" });
    }
    let secret = Secret::new(format!("gh_{}", BASE64_URL_SAFE_NO_PAD.encode(ctx.app.random().bytes::<32>())));
    let codes: Vec<&str> = new.scopes.iter().map(String::as_str).collect();
    let cidrs: Vec<String> = new.cidrs.iter().map(ToString::to_string).collect();
    let row = NewApiToken {
        kind: KIND,
        label: &new.label,
        secret_hash: &ctx.app.keys().hash(PURPOSE, secret.expose()),
        secret_sealed: None,
        codes: &codes.join(" "),
        seal_ref: &ctx.app.request_id(),
        at: ctx.now(),
    };
    let id = rows::insert(&mut tx, &row).await?;
    let cidrs = (!cidrs.is_empty()).then(|| cidrs.join(" "));
    rows::update_owner(&mut tx, id, account, cidrs.as_deref(), new.expires_at).await?;
    audit::changed(&mut tx, &ctx, "api_token.create", Object::new("api_token", id.0, &new.label)).await?;
    tx.commit().await?;
    Ok((id, secret))
}

/// What is wrong with a token to make, for surfaces that found other faults in the same form and tell all at once.
pub async fn faults(ctx: &Ctx, new: &NewToken) -> Result<Vec<Fault>> {
    find_faults(ctx, &mut ctx.read(), new).await
}

async fn find_faults(ctx: &Ctx, q: &mut impl Query, new: &NewToken) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for scope in &new.scopes {
        let held = match permission::CATALOGUE.iter().chain(ON_GROUPS).find(|code| *code == scope) {
            None => {
                faults.push(Fault::new("scopes", "unknown"));
                break;
            }
            Some(code) if ON_GROUPS.contains(code) => permission::require_anywhere(ctx, q, code).await,
            Some(code) => ctx.require(code),
        };
        match held {
            Err(Error::Forbidden { .. }) => {
                faults.push(Fault::new("scopes", "forbidden"));
                break;
            }
            other => other?,
        }
    }
    if new.expires_at <= ctx.now() || new.expires_at > ctx.now().plus(LONGEST) {
        faults.push(Fault::new("expires_at", "range"));
    }
    Ok(faults)
}

/// Lists the tokens of the caller, or of somebody else with `system.token.manage` and all that he holds.
pub async fn list(ctx: &Ctx, of: Option<AccountId>) -> Result<Vec<TokenView>> {
    let (own, _) = staff::own_session(ctx)?;
    let account = of.unwrap_or(own);
    if account != own {
        ctx.require("system.token.manage")?;
        accounts::find(&mut ctx.read(), account).await?.ok_or(Error::NotFound { what: "account" })?;
        permission::covers_account(ctx, &mut ctx.read(), account).await?;
    }
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
    let view = |row: OwnedTokenRow| TokenView {
        id: row.id,
        label: row.label,
        scopes: words(&row.codes),
        cidrs: words(row.cidrs.as_deref().unwrap_or_default()),
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
    };
    Ok(rows::list_owned(&mut ctx.read(), KIND, account).await?.into_iter().map(view).collect())
}

/// Deletes tokens with the terminals opened by them; unknown ones are passed over. Gives how many went.
///
/// Errors: `Forbidden` when one is somebody else's, without `system.token.manage` and all that he holds: then none goes.
pub async fn delete(ctx: &Ctx, ids: &[ApiTokenId]) -> Result<i64> {
    let (own, _) = staff::own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let mut deleted = 0;
    for id in ids {
        let Some(owner) = rows::find_owner(&mut tx, KIND, *id).await? else { continue };
        if owner != own {
            ctx.require("system.token.manage")?;
            permission::covers_account(&ctx, &mut tx, owner).await?;
        }
        deleted += i64::try_from(rows::delete(&mut tx, *id).await?).unwrap_or_default();
    }
    if deleted > 0 {
        let count = deleted.to_string();
        tx.touch(Aspect::Access, None);
        audit::changed(&mut tx, &ctx, "api_token.delete", Object::new("api_token", None, &count)).await?;
        tx.commit().await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_networks_counts_from_them_only() {
        let from = |cidrs: Option<&str>, address: &str| is_from(cidrs, Some(address.parse().unwrap()));
        assert!(from(None, "192.0.2.1"));
        assert!(from(Some("10.0.0.0/8 192.0.2.0/24"), "192.0.2.1"));
        assert!(!from(Some("10.0.0.0/8"), "192.0.2.1"));
        assert!(!from(Some("unreadable"), "192.0.2.1"));
        assert!(!is_from(Some("10.0.0.0/8"), None));
    }
}
