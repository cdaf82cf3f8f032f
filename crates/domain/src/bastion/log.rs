//! The logs of the bastion: logins, operations and stays at targets (specs/bastion.md §12).

use gatehouse_model::{AccountId, Millis, Paged, Paging, fold_key};
pub use gatehouse_store::audit_log::{Actions, ChainedRow, LogRow, StayRow};
use gatehouse_store::{audit_log as rows, like};

use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
};

/// Which rows of a log; texts are searched for anywhere, whatever their case.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only rows of the caller.
    pub is_own: bool,
    /// In login and display name.
    pub user: Option<String>,
    /// In the client address.
    pub address: Option<String>,
    /// From then on.
    pub from: Option<Millis>,
    /// Until then, inclusive.
    pub until: Option<Millis>,
}

/// A filter with its texts as patterns.
struct Patterns {
    own: Option<AccountId>,
    who: Option<String>,
    address: Option<String>,
    from: Option<Millis>,
    until: Option<Millis>,
}

impl Patterns {
    /// Errors: `Forbidden` without the code of the log, unless only own rows are asked for and the own profile may be read.
    fn new(ctx: &Ctx, code: &'static str, filter: &Filter) -> Result<Self> {
        let own = if filter.is_own {
            ctx.require(code).or_else(|_| ctx.require("user.profile.read"))?;
            Some(ctx.account().ok_or_else(|| Error::Forbidden { need: code.to_owned() })?)
        } else {
            ctx.require(code)?;
            None
        };
        Ok(Self {
            own,
            who: pattern(filter.user.as_deref()),
            address: pattern(filter.address.as_deref()),
            from: filter.from,
            until: filter.until,
        })
    }

    fn rows(&self) -> rows::LogFilter<'_> {
        rows::LogFilter {
            own: self.own,
            who: self.who.as_deref(),
            address: self.address.as_deref(),
            from: self.from,
            until: self.until,
        }
    }
}

fn pattern(text: Option<&str>) -> Option<String> {
    text.map(|text| like::contains(&fold_key(text)))
}

/// Lists logins to the bastion and the ssh door by id.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §6.1 row 32.
pub async fn logins(ctx: &Ctx, filter: &Filter, paging: Paging) -> Result<Paged<LogRow>> {
    let patterns = Patterns::new(ctx, "audit.login.read", filter)?;
    let total = rows::count_logins(&mut ctx.read(), patterns.rows()).await?;
    let part = (paging.limit, paging.offset);
    let page = rows::list_logins(&mut ctx.read(), patterns.rows(), paging.is_descending, part).await?;
    Ok(Paged { total, rows: page })
}

/// Lists operations by id: what changed things of the bastion, whoever did it, and what was refused. The surface knows
/// what its actions are called, hence which of them a search means.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §6.1 row 33, §6.4.
pub async fn operations(ctx: &Ctx, filter: &Filter, actions: Actions<'_>, paging: Paging) -> Result<Paged<LogRow>> {
    let patterns = Patterns::new(ctx, "audit.operation.read", filter)?;
    let total = rows::count_operations(&mut ctx.read(), patterns.rows(), actions).await?;
    let part = (paging.limit, paging.offset);
    let page = rows::list_operations(&mut ctx.read(), patterns.rows(), actions, paging.is_descending, part).await?;
    Ok(Paged { total, rows: page })
}

/// Lists stays at targets by id; times are those of their beginning, `resource` is searched for in the resource's name.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §6.1 row 34.
pub async fn stays(ctx: &Ctx, filter: &Filter, resource: Option<&str>, paging: Paging) -> Result<Paged<StayRow>> {
    let patterns = Patterns::new(ctx, "audit.session.read", filter)?;
    let resource = pattern(resource);
    let total = rows::count_stays(&mut ctx.read(), patterns.rows(), resource.as_deref()).await?;
    let part = (paging.limit, paging.offset);
    let page =
        rows::list_stays(&mut ctx.read(), patterns.rows(), resource.as_deref(), paging.is_descending, part).await?;
    Ok(Paged { total, rows: page })
}

/// Which part of the audit trail is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export {
    /// The chain.
    pub stream: Stream,
    /// From then on.
    pub from: Option<Millis>,
    /// Until then, inclusive.
    pub until: Option<Millis>,
}

/// Rows of one page of an export.
const EXPORT_PAGE: i64 = 1_000;

/// Notes that somebody takes a copy of the trail.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §12, §13 `audit/operation/export`.
pub async fn begin_export(ctx: &Ctx, export: &Export) -> Result<()> {
    ctx.require("audit.operation.export")?;
    let mut tx = ctx.begin().await?;
    let object = Object::new("audit", None, export.stream.as_str());
    audit::changed(&mut tx, ctx, "audit.export", object).await?;
    Ok(tx.commit().await?)
}

/// The rows of an export above an id, oldest first, each with its link once it is chained; empty: that was all.
///
/// Errors: `Forbidden`.
pub async fn export_page(ctx: &Ctx, export: &Export, above: i64) -> Result<Vec<ChainedRow>> {
    ctx.require("audit.operation.export")?;
    let times = (export.from, export.until);
    Ok(rows::list_chained(&mut ctx.read(), export.stream.as_str(), above, times, EXPORT_PAGE).await?)
}
