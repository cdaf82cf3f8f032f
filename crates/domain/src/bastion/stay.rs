//! Stays at targets, one by one: what is known of them, which are open, how staff ends one (specs/bastion.md §10.3, §13).

use std::time::Duration;

use gatehouse_model::{EndedWhy, Millis, Paged, Paging};
pub use gatehouse_store::stay::{CommandRow, FileRow, StayDetailRow};
use gatehouse_store::{Aspect, stay as rows, stay::WithinFilter};
use uuid::Uuid;

use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    permission::{self, Change},
    recording,
};

/// Longest reason of a termination, characters.
pub const REASON_MAX: usize = 200;

/// How a stay is named: by the id that logs show, or by its public name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Id of the visit.
    Id(i64),
    /// Public name.
    Session(Uuid),
}

impl Named {
    async fn find(self, q: &mut impl gatehouse_store::Query) -> Result<Option<StayDetailRow>> {
        Ok(match self {
            Self::Id(id) => rows::find(q, Some(id), None).await?,
            Self::Session(uuid) => rows::find(q, None, Some(&uuid.to_string())).await?,
        })
    }
}

fn missing() -> Error {
    Error::NotFound { what: "session" }
}

fn is_own(ctx: &Ctx, stay: &StayDetailRow) -> bool {
    ctx.account().is_some() && ctx.account() == stay.account_id
}

/// Everything known of one stay.
///
/// Errors: `NotFound`; `Forbidden` without `audit.session.read`, unless it is the caller's own and he holds
/// `user.profile.read`: others' stays and those that never were look the same to him.
pub async fn detail(ctx: &Ctx, named: Named) -> Result<StayDetailRow> {
    let sees_all = ctx.require("audit.session.read");
    if sees_all.is_err() {
        ctx.require("user.profile.read")?;
    }
    let found = named.find(&mut ctx.read()).await?;
    match (found, sees_all) {
        (Some(stay), Ok(())) => Ok(stay),
        (None, Ok(())) => Err(missing()),
        (Some(stay), Err(_)) if is_own(ctx, &stay) => Ok(stay),
        (_, Err(refusal)) => Err(refusal),
    }
}

/// The public name of a stay whose recording is asked for; the use cases of recordings check the permission.
///
/// Errors: `Forbidden` without the code of the purpose, `NotFound`.
pub async fn session_of(ctx: &Ctx, named: Named, purpose: recording::Purpose) -> Result<String> {
    ctx.require(purpose.code())?;
    Ok(named.find(&mut ctx.read()).await?.ok_or_else(missing)?.uuid)
}

/// An open stay.
#[derive(Debug, Clone)]
pub struct OpenStay {
    /// What is kept of it.
    pub stay: StayDetailRow,
    /// Since when nothing was typed, if its process is this one.
    pub idle: Option<Duration>,
}

/// Lists open stays by id: all with `audit.session.watch`, else the caller's own.
///
/// Errors: `Forbidden` for who is no person and holds nothing.
pub async fn open(ctx: &Ctx, paging: Paging) -> Result<Paged<OpenStay>> {
    let own = match (ctx.require("audit.session.watch"), ctx.account()) {
        (Ok(()), _) => None,
        (Err(_), Some(account)) => Some(account),
        (Err(refusal), None) => return Err(refusal),
    };
    let total = rows::count_open(&mut ctx.read(), own).await?;
    let part = (paging.limit, paging.offset);
    let page = rows::list_open(&mut ctx.read(), own, paging.is_descending, part).await?;
    let show = |stay: StayDetailRow| {
        let idle = stay.uuid.parse().ok().and_then(|visit| recording::idle(&ctx.app, visit));
        OpenStay { stay, idle }
    };
    Ok(Paged { total, rows: page.into_iter().map(show).collect() })
}

/// Asks the process that holds a stay to end it, which it does within a second; the person is told who and why.
///
/// Errors: `Forbidden` without `audit.session.terminate` unless it is the caller's own; `NotFound` when it is over;
/// `Invalid` for a reason beyond [`REASON_MAX`].
pub async fn terminate(ctx: &Ctx, session: Uuid, reason: &str) -> Result<()> {
    if reason.chars().count() > REASON_MAX {
        return Err(Error::invalid("reason", "at most 200 characters"));
    }
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    let may_all = ctx.require("audit.session.terminate");
    let stay = match (Named::Session(session).find(&mut tx).await?, may_all) {
        (Some(stay), Ok(())) => stay,
        (None, Ok(())) => return Err(missing()),
        (Some(stay), Err(_)) if is_own(&ctx, &stay) => stay,
        (_, Err(refusal)) => return Err(refusal),
    };
    if stay.until_at.is_some() {
        return Err(missing());
    }
    let (_, _, login) = ctx.actor_name();
    let by = ctx.actor_label().unwrap_or(&login);
    let asked = rows::ask_end(&mut tx, stay.id, EndedWhy::Kicked.as_str(), (by, reason), ctx.now()).await?;
    // Asked again: the first reason stays, and it ends all the same.
    let outcome = if asked > 0 { "ok" } else { "repeated" };
    tx.touch(Aspect::Access, Some(stay.id));
    let object = Object::new("visit", stay.id, &stay.uuid);
    let detail =
        Some(serde_json::json!({"reason": reason, "user": stay.login, "resource": stay.resource_name}).to_string());
    audit::record(&mut tx, &ctx, Stream::Change, "terminal.terminate", object, outcome, detail).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether the caller may still watch: asked again after rights changed.
///
/// Errors: `Forbidden`, `Unauthenticated` when the session behind it ended.
pub async fn may_watch(ctx: &Ctx) -> Result<()> {
    let (ctx, _tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("audit.session.watch")
}

/// Which commands or files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Within {
    /// Only of the caller's stays.
    pub is_own: bool,
    /// Only of this stay.
    pub named: Option<Named>,
    /// From then on.
    pub from: Option<Millis>,
    /// Until then, inclusive.
    pub until: Option<Millis>,
}

impl Within {
    /// Errors: `Forbidden` without `audit.session.read`, unless only own rows are asked for and the own profile may be read;
    /// `NotFound` for a stay that is not there or not the caller's.
    async fn filter(self, ctx: &Ctx) -> Result<WithinFilter> {
        let code = "audit.session.read";
        let own = if self.is_own {
            ctx.require(code).or_else(|_| ctx.require("user.profile.read"))?;
            Some(ctx.account().ok_or_else(|| Error::Forbidden { need: code.to_owned() })?)
        } else {
            ctx.require(code)?;
            None
        };
        let visit = match self.named {
            None => None,
            Some(named) => {
                let stay = named.find(&mut ctx.read()).await?.filter(|stay| own.is_none() || own == stay.account_id);
                Some(stay.ok_or_else(missing)?.id)
            }
        };
        Ok(WithinFilter { own, visit, from: self.from, until: self.until })
    }
}

/// Lists commands by id. Errors: of [`Within`].
pub async fn commands(ctx: &Ctx, within: Within, paging: Paging) -> Result<Paged<CommandRow>> {
    let filter = within.filter(ctx).await?;
    let total = rows::count_commands(&mut ctx.read(), filter).await?;
    let part = (paging.limit, paging.offset);
    Ok(Paged { total, rows: rows::list_commands(&mut ctx.read(), filter, paging.is_descending, part).await? })
}

/// Lists files that were moved by id. Errors: of [`Within`].
pub async fn files(ctx: &Ctx, within: Within, paging: Paging) -> Result<Paged<FileRow>> {
    let filter = within.filter(ctx).await?;
    let total = rows::count_files(&mut ctx.read(), filter).await?;
    let part = (paging.limit, paging.offset);
    Ok(Paged { total, rows: rows::list_files(&mut ctx.read(), filter, paging.is_descending, part).await? })
}
