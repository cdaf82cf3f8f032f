//! Import of the PostgreSQL database of the original django-sspanel-api (specs/oa.md §9).

mod plan;
mod time;

use gatehouse_model::{Millis, Secret};
use gatehouse_store::{Tx, foreign, job as jobs, oa_entry, oa_user as rows};
use jiff::tz::TimeZone;

pub use plan::{Plan, PlannedUser, Target, plan};

use super::{
    backend::{self, Backend, Local, Made},
    token,
};
use crate::{
    Ctx, Error, Result,
    apply::Mode,
    audit::{self, Object},
    job::Kind,
};

/// A remark on one row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The row; tokens are never named.
    pub what: String,
    /// The remark.
    pub why: String,
}

impl Note {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Tokens that were added.
    pub tokens: u64,
    /// Tokens that were here already.
    pub tokens_known: u64,
    /// Users that got an account. Their credentials are new: links must be fetched again.
    pub made: u64,
    /// Users whose creation is queued.
    pub queued: u64,
    /// Users that answer 409.
    pub refused: u64,
    /// Users that will be removed when their delay is over.
    pub removing: u64,
    /// Users that were here already and are as they were.
    pub known: u64,
    /// Rows that were left out.
    pub skipped: Vec<Note>,
    /// What to look at.
    pub warnings: Vec<Note>,
}

/// Copies tokens and users of the original into this installation: one transaction, repeatable.
///
/// `source` is a `postgres://` URL and is only read. `timezone` is the IANA name of the zone the original ran in; none: this
/// host's. Errors: `Forbidden`; `Upstream` when the source cannot be read; `Invalid{timezone}`.
pub async fn import(ctx: &Ctx, source: &Secret, timezone: Option<&str>, mode: Mode) -> Result<Imported> {
    ctx.require("system.token.manage")?;
    ctx.require("oa.user.create")?;
    let zone = zone(timezone)?;
    let original = foreign::read_original_oa(source.expose()).await.map_err(|error| {
        let why = Error::internal(error).chain();
        Error::Upstream { which: "the original's database", why }
    })?;
    let plan = plan(&original, &ctx.app.settings().oa, &zone, ctx.now());
    let mut tx = ctx.begin().await?;
    let imported = write(ctx, &mut tx, plan).await?;
    if mode == Mode::Write {
        tx.commit().await?;
    }
    Ok(imported)
}

fn zone(name: Option<&str>) -> Result<TimeZone> {
    let Some(name) = name else { return Ok(TimeZone::system()) };
    TimeZone::get(name).map_err(|error| Error::invalid("timezone", error.to_string()))
}

async fn write(ctx: &Ctx, tx: &mut Tx, plan: Plan) -> Result<Imported> {
    let mut imported = Imported { skipped: plan.skipped, warnings: plan.warnings, ..Imported::default() };
    for value in &plan.tokens {
        if token::find(&ctx.app, tx, value.expose()).await?.is_some() {
            imported.tokens_known += 1;
        } else {
            token::insert_in(ctx, tx, "imported", value).await?;
            imported.tokens += 1;
        }
    }
    for user in &plan.users {
        write_user(ctx, tx, user, &mut imported).await?;
    }
    Ok(imported)
}

async fn write_user(ctx: &Ctx, tx: &mut Tx, user: &PlannedUser, imported: &mut Imported) -> Result<()> {
    let note = |why: &str| Note::new(format!("user `{}`", user.username), why);
    if oa_entry::find_one(tx, &user.username).await?.is_staff {
        imported.skipped.push(note("reserved: staff"));
        return Ok(());
    }
    let inserted = rows::insert(tx, &user.username, backend::LOCAL, &user.email, user.requested_at).await?;
    let Some(id) = inserted else {
        imported.known += 1;
        return Ok(());
    };
    let (key, now) = (id.to_string(), ctx.now());
    match user.target {
        Target::Queued | Target::Begun => {
            if user.target == Target::Begun {
                rows::update_processing(tx, id, now).await?;
            }
            jobs::insert(tx, Kind::OaCreate.as_str(), Some(&key), None, user.requested_at, now).await?;
            imported.queued += 1;
        }
        Target::Made => {
            let row = rows::find(tx, id).await?.ok_or_else(|| Error::internal("an inserted oa user is not there"))?;
            match Local.create(ctx, tx, &row).await? {
                Made::Account(account) => {
                    rows::update_made(tx, id, 200, Some(account), None, now).await?;
                    imported.made += 1;
                }
                Made::Refused(reason) => {
                    rows::update_made(tx, id, 202, None, Some(reason), now).await?;
                    imported.refused += 1;
                    imported.warnings.push(note(reason));
                }
            }
        }
        Target::Refused(reason) => {
            rows::update_made(tx, id, 202, None, reason, now).await?;
            imported.refused += 1;
        }
        Target::Removing(code) => {
            // There is no account behind it: taken back, it answers 409.
            rows::update_made(tx, id, 202, None, None, now).await?;
            rows::update_remove(tx, id, code, user.requested_at).await?;
            let delay = ctx.app.settings().oa.delete_delay.0;
            // Strictly after the delay, hence the millisecond.
            let run_at = Millis(user.requested_at.plus(delay).0.saturating_add(1));
            jobs::insert(tx, Kind::OaDelete.as_str(), Some(&key), None, run_at, now).await?;
            imported.removing += 1;
        }
    }
    audit::changed(tx, ctx, "oa.user.import", Object::new("oa_user", id.0, &user.username)).await
}
