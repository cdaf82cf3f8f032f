//! What a person may do, asked inside the transaction that does it.

use std::collections::BTreeSet;

use gatehouse_model::{AccountId, ResourceGroupId, RoleId};
use gatehouse_store::{
    Query, Tx, api_token,
    grant::{self, Moment},
    lock, login_session, role,
};

use super::schedule;
use crate::{Actor, Ctx, Error, Result, Via};

/// What a transaction of staff changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Things; rights stay as they are until its end. Several at once: what reads a row to write it whole is none of these.
    Things,
    /// Rights: roles, grants, memberships, accounts, sessions, groups. One at a time, so edits of whole rows lose nothing.
    Rights,
}

/// Begins a write transaction of staff and gives the caller's rights as they are in it: none while something is owed.
///
/// On PostgreSQL a change of rights waits for the writes that rest on the old ones and holds off new ones, so that no write
/// lands under a right whose revocation was answered (DESIGN §10.7.9). On SQLite the one writer sees to that.
///
/// Errors: `Unauthenticated` when session, token or account ended meanwhile.
pub async fn begin(ctx: &Ctx, change: Change) -> Result<(Ctx, Tx)> {
    let mut tx = ctx.begin().await?;
    match change {
        Change::Things => lock::share_rights(&mut tx).await?,
        Change::Rights => lock::own_rights(&mut tx).await?,
    }
    let mut fresh = ctx.clone();
    if let Actor::Account { id, codes, via, .. } = &mut fresh.actor {
        *codes = current_codes(ctx, &mut tx, *id, via).await?;
    }
    Ok((fresh, tx))
}

/// The installation-wide codes an account holds now, as far as what proved it lets them count.
async fn current_codes(ctx: &Ctx, tx: &mut Tx, id: AccountId, via: &Via) -> Result<BTreeSet<String>> {
    let ended = Error::Unauthenticated { why: "session ended" };
    let account = gatehouse_store::account::find(tx, id).await?;
    if !account.is_some_and(|account| account.is_enabled) {
        return Err(ended);
    }
    match via {
        Via::Session(session) | Via::Limited(Some(session))
            if !login_session::is_alive(tx, *session, ctx.now()).await? =>
        {
            return Err(ended);
        }
        Via::Token { id, .. } if !api_token::is_alive(tx, *id, ctx.now()).await? => return Err(ended),
        Via::Limited(_) => return Ok(BTreeSet::new()),
        Via::Session(_) | Via::Token { .. } | Via::Door => {}
    }
    let mut codes: BTreeSet<String> = role::list_codes_of_account(tx, id, ctx.now()).await?.into_iter().collect();
    if let Via::Token { scopes, .. } = via {
        codes.retain(|code| scopes.contains(code));
    }
    Ok(codes)
}

/// This moment, as grants with a schedule compare it.
pub fn moment(ctx: &Ctx) -> Moment {
    let minute_of_week = schedule::minute_of_week(ctx.now(), &ctx.app.settings().bastion.time_zone);
    Moment { now: ctx.now(), minute_of_week }
}

/// Whether the actor holds a code on a group, through any grant on it or above it.
pub async fn holds_on(ctx: &Ctx, q: &mut impl Query, code: &str, group: ResourceGroupId) -> Result<bool> {
    match holder(ctx, code) {
        Holder::Everything => Ok(true),
        Holder::Nothing => Ok(false),
        Holder::Account(id) => Ok(grant::is_held(q, id, code, group, moment(ctx)).await?),
    }
}

/// Refuses with `Forbidden` unless the actor holds a code on a group.
pub async fn require_on(ctx: &Ctx, q: &mut impl Query, code: &str, group: ResourceGroupId) -> Result<()> {
    if holds_on(ctx, q, code, group).await? { Ok(()) } else { Err(Error::Forbidden { need: code.to_owned() }) }
}

/// Refuses with `Forbidden` unless the actor holds a code on some group: the check before a body is looked at.
pub async fn require_anywhere(ctx: &Ctx, q: &mut impl Query, code: &str) -> Result<()> {
    let is_held = match holder(ctx, code) {
        Holder::Everything => true,
        Holder::Nothing => false,
        Holder::Account(id) => grant::is_held_anywhere(q, id, code, moment(ctx)).await?,
    };
    if is_held { Ok(()) } else { Err(Error::Forbidden { need: code.to_owned() }) }
}

/// Refuses with `Forbidden` unless the actor holds all that another account holds (specs/bastion.md §2.3, N3).
pub async fn covers_account(ctx: &Ctx, q: &mut impl Query, other: AccountId) -> Result<()> {
    let codes: BTreeSet<String> = role::list_codes_of_account(q, other, ctx.now()).await?.into_iter().collect();
    ctx.require_covers(&codes)?;
    let beyond = match &ctx.actor {
        Actor::Account { id, .. } if *id == other => None,
        Actor::Account { id, .. } => grant::find_beyond_account(q, *id, other, moment(ctx)).await?,
        Actor::System(_) | Actor::Operator => None,
        // A machine holds nothing on groups.
        Actor::Machine { .. } | Actor::Anonymous => grant::find_beyond_account(q, NOBODY, other, moment(ctx)).await?,
    };
    beyond.map_or(Ok(()), |grant| Err(Error::Forbidden { need: grant.code }))
}

/// Refuses with `Forbidden` unless the actor holds all that a role holds (specs/bastion.md §2.3, N2).
pub async fn covers_role(ctx: &Ctx, q: &mut impl Query, role: RoleId) -> Result<()> {
    let codes: BTreeSet<String> = role::list_codes(q, role).await?.into_iter().collect();
    ctx.require_covers(&codes)?;
    let beyond = match &ctx.actor {
        Actor::Account { id, .. } => grant::find_beyond_role(q, *id, role, moment(ctx)).await?,
        Actor::System(_) | Actor::Operator => None,
        Actor::Machine { .. } | Actor::Anonymous => grant::find_beyond_role(q, NOBODY, role, moment(ctx)).await?,
    };
    beyond.map_or(Ok(()), |grant| Err(Error::Forbidden { need: grant.code }))
}

/// No account has this id.
const NOBODY: AccountId = AccountId(0);

/// On whose grants a code counts for an actor.
pub enum Holder {
    /// It holds everything everywhere.
    Everything,
    /// It holds the code nowhere.
    Nothing,
    /// The grants of this account decide.
    Account(AccountId),
}

/// Whose grants decide whether the actor holds a group code.
pub fn holder(ctx: &Ctx, code: &str) -> Holder {
    match &ctx.actor {
        Actor::System(_) | Actor::Operator => Holder::Everything,
        Actor::Account { via: Via::Token { scopes, .. }, .. } if !scopes.contains(code) => Holder::Nothing,
        Actor::Account { via: Via::Limited(_), .. } | Actor::Machine { .. } | Actor::Anonymous => Holder::Nothing,
        Actor::Account { id, .. } => Holder::Account(*id),
    }
}
