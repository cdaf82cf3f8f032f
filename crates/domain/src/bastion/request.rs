//! Access requests: leave to go to one resource for a while (specs/bastion.md §11.3).
//!
//! pending → approved | rejected | cancelled | expired; approved → ended.

use std::time::Duration;

use gatehouse_model::{
    AccessRequestId, AccountId, Millis, Origin, Paged, Paging, ResourceGroupId, ResourceId, VoucherId,
};
use gatehouse_store::{
    Aspect, Query, Tx,
    access_request::{self as rows, AccessRequestRow, DecisionRow, NewAccessRequest, RequestFilter},
    resource::{self, ResourceRow},
    resource_group as groups, voucher,
};

use super::{containing, policy};
use crate::{
    Actor, App, Ctx, Error, Fault, Result,
    audit::{self, Object, Stream},
    permission::{self, Change},
};

/// What one decider said.
pub use gatehouse_store::access_request::DecisionRow as Said;

const CREATE: &str = "access.request.create";
const APPROVE: &str = "access.request.approve";
const READ: &str = "resource.self.read";
const VOUCHER_READ: &str = "resource.voucher.read";
const FILES: [&str; 2] = ["resource.file.upload", "resource.file.download"];
/// How long a request may wait for a decision.
const DECIDE_WITHIN: Duration = Duration::from_hours(24);

/// A request to make.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// For what.
    pub resource: ResourceId,
    /// With what; none: what is bound to it.
    pub voucher: Option<VoucherId>,
    /// What for, 1–500 characters; the surface sees to the length.
    pub reason: String,
    /// For how long, 1–10,080 minutes, and at most what policy allows.
    pub minutes: i64,
    /// Whether files may be moved, too.
    pub with_files: bool,
}

/// Refuses callers who may not ask.
pub fn may_add(ctx: &Ctx) -> Result<()> {
    ctx.require(CREATE)
}

/// Refuses callers who may not decide.
pub fn may_decide(ctx: &Ctx) -> Result<()> {
    ctx.require(APPROVE)
}

/// Asks for access. What is neither requestable nor visible to the caller does not exist for him.
///
/// Errors: `NotFound`; `Forbidden`; `Fields`: (`minutes`, `too_long`), (`resource_id`, `pending`) while another one waits.
pub async fn add(ctx: &Ctx, new: &NewRequest) -> Result<AccessRequestId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let (row, faults) = check_add(&ctx, &mut tx, new).await?;
    let Actor::Account { id: account, login, .. } = &ctx.actor else { return Err(nobody()) };
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let request = NewAccessRequest {
        account: (*account, login),
        resource: (row.id, &row.name),
        voucher: new.voucher,
        group: row.resource_group_id,
        reason: &new.reason,
        minutes: new.minutes,
        with_files: new.with_files,
        decide_until: ctx.now().plus(DECIDE_WITHIN),
    };
    let id = rows::insert(&mut tx, request, ctx.now()).await?;
    record(&ctx, &mut tx, "access_request.create", (id, &row.name), Some(new.reason.clone())).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a request to make, for surfaces that found other faults in the same form and tell all at once.
///
/// Errors: those of [`add`] but `Fields`.
pub async fn faults(ctx: &Ctx, new: &NewRequest) -> Result<Vec<Fault>> {
    Ok(check_add(ctx, &mut ctx.read(), new).await?.1)
}

async fn check_add(ctx: &Ctx, q: &mut impl Query, new: &NewRequest) -> Result<(ResourceRow, Vec<Fault>)> {
    may_add(ctx)?;
    let account = ctx.account().ok_or_else(nobody)?;
    let absent = || Error::NotFound { what: "resource" };
    let row = resource::find(q, new.resource).await?.ok_or_else(absent)?;
    let (_, limits) = policy::of_resource(ctx, q, row.resource_group_id, row.id).await?;
    if !limits.requestable && !permission::holds_on(ctx, q, READ, row.resource_group_id).await? {
        return Err(absent());
    }
    if let Some(id) = new.voucher
        && !is_of_root(q, id, row.resource_group_id).await?
    {
        return Err(Error::NotFound { what: "voucher" });
    }
    let mut faults = Vec::new();
    if new.minutes > limits.request_max {
        faults.push(Fault::new("minutes", "too_long"));
    }
    if rows::has_pending(q, account, row.id).await? {
        faults.push(Fault::new("resource_id", "pending"));
    }
    Ok((row, faults))
}

/// Only people ask.
fn nobody() -> Error {
    Error::Forbidden { need: CREATE.to_owned() }
}

/// Whether a voucher is below the same root as a group.
async fn is_of_root(q: &mut impl Query, id: VoucherId, group: ResourceGroupId) -> Result<bool> {
    let Some(voucher) = voucher::find(q, id).await? else { return Ok(false) };
    let (mine, theirs) = (groups::find(q, group).await?, groups::find(q, voucher.resource_group_id).await?);
    Ok(mine.zip(theirs).is_some_and(|(mine, theirs)| mine.root_id == theirs.root_id))
}

/// Takes back one's own request: a pending one is cancelled, an approved one ends.
///
/// Errors: `NotFound`, also for those of others; `Locked` when it is over.
pub async fn cancel(ctx: &Ctx, id: AccessRequestId) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    may_add(&ctx)?;
    let row = rows::find(&mut tx, id).await?.filter(|row| Some(row.account_id) == ctx.account());
    let row = row.ok_or(Error::NotFound { what: "access request" })?;
    let to = match row.state.as_str() {
        "pending" => "cancelled",
        "approved" => "ended",
        _ => return Err(over()),
    };
    move_on(&ctx, &mut tx, &row, to, "access_request.cancel").await?;
    tx.commit().await?;
    Ok(())
}

fn over() -> Error {
    Error::Locked { what: "access request", why: "it is decided or over" }
}

/// Moves a request to its last state, which ends what rested on it.
async fn move_on(ctx: &Ctx, tx: &mut Tx, row: &AccessRequestRow, to: &'static str, action: &'static str) -> Result<()> {
    let until = if row.state == "approved" { row.valid_until.map(|until| until.min(ctx.now())) } else { None };
    if rows::update_state(tx, row.id, (&row.state, to), until, ctx.now()).await? == 0 {
        return Err(over());
    }
    tx.touch(Aspect::Access, Some(row.account_id.0));
    record(ctx, tx, action, (row.id, &row.resource_name), Some(to.to_owned())).await
}

/// Ends an open request whose resource goes.
pub(super) async fn close(ctx: &Ctx, tx: &mut Tx, row: &AccessRequestRow) -> Result<()> {
    let to = if row.state == "approved" { "ended" } else { "expired" };
    move_on(ctx, tx, row, to, "access_request.end").await
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Whether it is granted.
    pub approve: bool,
    /// Why.
    pub reason: Option<String>,
    /// Less time than was asked for, minutes.
    pub minutes: Option<i64>,
}

/// Decides about a request. Nobody grants what he does not hold himself, and nobody decides about his own.
///
/// With several approvals needed, the last one counts; one refusal is enough. Errors: `NotFound`, also for requests on groups
/// where the caller does not hold what is asked for; `Forbidden` for one's own; `Locked` when it is decided, over, or the
/// caller has decided already; `Fields`: (`minutes`, `too_long`) for more than was asked.
pub async fn decide(ctx: &Ctx, id: AccessRequestId, decision: &Decision) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    may_decide(&ctx)?;
    let absent = || Error::NotFound { what: "access request" };
    let row = rows::find(&mut tx, id).await?.ok_or_else(absent)?;
    let (account, login) = match &ctx.actor {
        Actor::Account { id, login, .. } => (*id, login.clone()),
        Actor::System(_) | Actor::Operator | Actor::Machine { .. } | Actor::Anonymous => {
            return Err(Error::Forbidden { need: APPROVE.to_owned() });
        }
    };
    if row.account_id == account {
        return Err(Error::Forbidden { need: "another person's decision".to_owned() });
    }
    if !holds_all(&ctx, &mut tx, &row).await? {
        return Err(absent());
    }
    if row.state != "pending" || row.valid_until.is_some_and(|until| until <= ctx.now()) {
        return Err(over());
    }
    if decision.minutes.is_some_and(|minutes| minutes > row.minutes) {
        return Err(Error::Fields(vec![Fault::new("minutes", "too_long")]));
    }
    let reason = decision.reason.clone();
    let said = DecisionRow {
        access_request_id: id,
        account_id: account,
        login,
        is_approval: decision.approve,
        reason: reason.clone(),
        at: ctx.now(),
    };
    if rows::insert_decision(&mut tx, &said).await? == 0 {
        return Err(Error::Locked { what: "access request", why: "you have decided already" });
    }
    if decision.approve {
        approve(&ctx, &mut tx, &row, decision.minutes, reason).await?;
    } else {
        rows::update_state(&mut tx, id, ("pending", "rejected"), None, ctx.now()).await?;
        record(&ctx, &mut tx, "access_request.decide", (id, &row.resource_name), reason).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn approve(
    ctx: &Ctx,
    tx: &mut Tx,
    row: &AccessRequestRow,
    minutes: Option<i64>,
    reason: Option<String>,
) -> Result<()> {
    let minutes = minutes.unwrap_or(row.minutes).min(row.minutes);
    rows::update_minutes(tx, row.id, minutes).await?;
    let (_, limits) = policy::of_resource(ctx, tx, row.resource_group_id, row.resource_id).await?;
    let said = rows::list_decisions(tx, (row.id, row.id)).await?.iter().filter(|said| said.is_approval).count();
    if said >= limits.approvals {
        let until = Millis(ctx.now().0.saturating_add(minutes.saturating_mul(60_000)));
        rows::update_state(tx, row.id, ("pending", "approved"), Some(until), ctx.now()).await?;
        tx.touch(Aspect::Access, Some(row.account_id.0));
    }
    record(ctx, tx, "access_request.decide", (row.id, &row.resource_name), reason).await
}

/// Whether the caller holds all that a request asks for: on the resource's present group and on the voucher's.
async fn holds_all(ctx: &Ctx, tx: &mut Tx, row: &AccessRequestRow) -> Result<bool> {
    let Some(resource) = resource::find(tx, row.resource_id).await? else { return Ok(false) };
    let group = resource.resource_group_id;
    let mut needs: Vec<(&'static str, ResourceGroupId)> = vec![(READ, group), (VOUCHER_READ, group)];
    if row.with_files {
        needs.extend(FILES.map(|code| (code, group)));
    }
    let vouchers = match row.voucher_id {
        Some(id) => vec![id],
        None => resource::list_voucher_ids(tx, resource.id).await?,
    };
    for id in vouchers {
        let Some(voucher) = voucher::find(tx, id).await? else { return Ok(false) };
        needs.push((VOUCHER_READ, voucher.resource_group_id));
    }
    for (code, group) in needs {
        if !permission::holds_on(ctx, tx, code, group).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn record(
    ctx: &Ctx,
    tx: &mut Tx,
    action: &'static str,
    (id, name): (AccessRequestId, &str),
    detail: Option<String>,
) -> Result<()> {
    let object = Object::new("access_request", id.0, name);
    audit::record(tx, ctx, Stream::Change, action, object, "ok", detail).await
}

/// A request as it is listed.
#[derive(Debug, Clone)]
pub struct ListedRequest {
    /// The request.
    pub row: AccessRequestRow,
    /// What was said of it, oldest first.
    pub decisions: Vec<DecisionRow>,
}

/// Lists the caller's own requests and, if he may decide, those on groups where he could.
///
/// Errors: `Forbidden` for callers who may neither ask nor decide.
pub async fn list(ctx: &Ctx, state: Option<&str>, only_own: OnlyOwn, paging: Paging) -> Result<Paged<ListedRequest>> {
    let decides = ctx.require(APPROVE).is_ok() && only_own == OnlyOwn::No;
    if !decides && ctx.require(APPROVE).is_err() {
        may_add(ctx)?;
    }
    // No account has the id 0: an actor without an account has no requests of its own.
    let own = ctx.account().unwrap_or(AccountId(0));
    let (own, held_by) = match permission::holder(ctx, READ) {
        permission::Holder::Everything if decides => (None, None),
        permission::Holder::Account(id) if decides => (Some(own), Some(id)),
        _ => (Some(own), None),
    };
    let filter = RequestFilter { own, held_by, code: READ, state, at: permission::moment(ctx) };
    let total = rows::count(&mut ctx.read(), filter).await?;
    let found = rows::list(&mut ctx.read(), filter, paging.is_descending, (paging.limit, paging.offset)).await?;
    let ids = || found.iter().map(|row| row.id);
    let mut said = match (ids().min(), ids().max()) {
        (Some(first), Some(last)) => rows::list_decisions(&mut ctx.read(), (first, last)).await?,
        _ => Vec::new(),
    };
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let (decisions, rest) = said.into_iter().partition(|said| said.access_request_id == row.id);
        said = rest;
        rows.push(ListedRequest { row, decisions });
    }
    Ok(Paged { total, rows })
}

/// Whether only the caller's own requests are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyOwn {
    /// Only his own.
    Yes,
    /// Also those he may decide about.
    No,
}

/// A resource that may be asked for: nothing of it but id, name and group.
pub type CatalogEntry = (ResourceId, String, ResourceGroupId);

/// Lists the resources that policy lets people ask for.
pub async fn catalog(ctx: &Ctx, name: Option<&str>, paging: Paging) -> Result<Paged<CatalogEntry>> {
    may_add(ctx)?;
    let name = name.map(containing);
    let total = rows::count_catalog(&mut ctx.read(), name.as_deref()).await?;
    let page = (paging.limit, paging.offset);
    let rows = rows::list_catalog(&mut ctx.read(), name.as_deref(), paging.is_descending, page).await?;
    Ok(Paged { total, rows })
}

/// Whether any open request's time is over.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    Ok(!rows::list_due(&mut app.db().read(), app.now(), 1).await?.is_empty())
}

/// Ends requests whose time is over: approved ones are ended, pending ones expired. Run by `access.expire`.
pub async fn expire(app: &App) -> Result<()> {
    let ctx = app.ctx(Actor::System("access.expire"), Origin::System);
    loop {
        let mut tx = ctx.begin().await?;
        let due = rows::list_due(&mut tx, ctx.now(), 100).await?;
        for row in &due {
            close(&ctx, &mut tx, row).await?;
        }
        tx.commit().await?;
        if due.is_empty() {
            return Ok(());
        }
    }
}
