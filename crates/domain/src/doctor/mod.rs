//! What `gatehouse doctor` looks at besides configuration, files and ports: database, clock, keys, audit chain, ledger, jobs, the
//! oa surface, the proxy door, the radius door and recordings.
//!
//! Nothing is changed. A check that cannot be made is a finding, not the end of the others.

mod ledger;
mod oa;
mod proxy;
mod radius;
mod recordings;

use std::time::Duration;

use gatehouse_model::Millis;
use gatehouse_store::{Engine, job as jobs, process};

use crate::{Ctx, Result, audit, job::Kind};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, with a risk to know of.
    Warn,
    /// Does not work.
    Fail,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `database`, `clock`, `servers`, `keys`, `audit`, `ledger`, `jobs`, `oa`, `proxy`,
    /// `radius`, `recordings`.
    pub area: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it; none when all is well.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(area: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, area, message: message.into(), advice: None }
    }

    fn warn(area: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warn, area, message: message.into(), advice: Some(advice.into()) }
    }

    fn fail(area: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Fail, area, message: message.into(), advice: Some(advice.into()) }
    }
}

/// A process that was not seen for so long does not run.
const PROCESS_SEEN: Duration = Duration::from_secs(30);
/// A job that waits longer is stuck.
const JOB_PATIENCE: Duration = Duration::from_hours(1);
/// Shadowsocks 2022 refuses clients beyond this; processes that differ as much would, too.
const CLOCK_LIMIT: Duration = Duration::from_secs(30);
/// Differences worth a word.
const CLOCK_MARGIN: Duration = Duration::from_secs(2);

/// Looks at everything. Errors: `Forbidden` without `system.setting.read`.
pub async fn examine(ctx: &Ctx) -> Result<Vec<Finding>> {
    ctx.require("system.setting.read")?;
    if let Err(error) = ctx.db().ping().await {
        let advice = "start it, or correct `database.url`";
        return Ok(vec![Finding::fail("database", format!("does not answer: {error}"), advice)]);
    }
    let mut findings = Vec::new();
    take(&mut findings, "database", database(ctx).await);
    take(&mut findings, "clock", clock(ctx).await);
    take(&mut findings, "servers", servers(ctx).await);
    take(&mut findings, "keys", keys(ctx).await);
    take(&mut findings, "audit", audit_chain(ctx).await);
    take(&mut findings, "ledger", ledger::look(ctx).await);
    take(&mut findings, "jobs", waiting_jobs(ctx).await);
    take(&mut findings, "oa", oa::look(ctx).await);
    take(&mut findings, "proxy", proxy::look(ctx).await);
    take(&mut findings, "radius", radius::look(ctx).await);
    take(&mut findings, "recordings", recordings::look(ctx).await);
    Ok(findings)
}

fn take(findings: &mut Vec<Finding>, area: &'static str, found: Result<Vec<Finding>>) {
    match found {
        Ok(found) => findings.extend(found),
        Err(error) => {
            let advice = "run doctor again; if it stays, the database is damaged or altered";
            findings.push(Finding::fail(area, format!("cannot be looked at: {}", error.chain()), advice));
        }
    }
}

async fn database(ctx: &Ctx) -> Result<Vec<Finding>> {
    let engine = match ctx.db().engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let pending = ctx.db().pending_migrations().await?;
    Ok(vec![if pending.is_empty() {
        Finding::ok("database", format!("{engine}, schema up to date"))
    } else {
        let message = format!("{engine}, the schema lacks {}", pending.join(", "));
        Finding::fail("database", message, "run `gatehouse migrate`")
    }])
}

/// Compares clocks where the database may run elsewhere.
async fn clock(ctx: &Ctx) -> Result<Vec<Finding>> {
    if ctx.db().engine() == Engine::Sqlite {
        return Ok(Vec::new());
    }
    let Some(theirs) = process::find_clock(&mut ctx.read()).await? else { return Ok(Vec::new()) };
    Ok(vec![compare_clocks(ctx.now(), theirs)])
}

fn compare_clocks(ours: Millis, theirs: Millis) -> Finding {
    let difference = Duration::from_millis(ours.0.abs_diff(theirs.0));
    let message = format!("{:.1} s from the database's", difference.as_secs_f64());
    if difference <= CLOCK_MARGIN {
        Finding::ok("clock", message)
    } else if difference <= CLOCK_LIMIT {
        Finding::warn("clock", message, "synchronise both by NTP")
    } else {
        let advice =
            "synchronise both by NTP: beyond 30 s Shadowsocks 2022 refuses its clients, and expiries are wrong";
        Finding::fail("clock", message, advice)
    }
}

async fn servers(ctx: &Ctx) -> Result<Vec<Finding>> {
    Ok(vec![match running(ctx).await? {
        0 => Finding::warn("servers", "none runs", "start `gatehouse serve`"),
        n => Finding::ok("servers", format!("{n} running")),
    }])
}

async fn running(ctx: &Ctx) -> Result<i64> {
    Ok(process::count_running(&mut ctx.read(), ctx.now().minus(PROCESS_SEEN)).await?)
}

/// Opens every sealed value: what does not open was sealed under a key that is missing, or was tampered with. Names the
/// first ten: a lost ring loses everything.
async fn keys(ctx: &Ctx) -> Result<Vec<Finding>> {
    let (count, unreadable) = crate::keys::check(ctx).await?;
    if unreadable.is_empty() {
        return Ok(vec![Finding::ok("keys", format!("{count} sealed values open"))]);
    }
    let named = unreadable.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if unreadable.len() > 10 { " …" } else { "" };
    let message = format!("{} of {count} sealed values do not open: {named}{more}", unreadable.len());
    Ok(vec![Finding::fail("keys", message, "the key ring lacks the key they were sealed with: bring its file back")])
}

async fn audit_chain(ctx: &Ctx) -> Result<Vec<Finding>> {
    let (checked, breaks) = audit::verify(&ctx.app).await?;
    if breaks.is_empty() {
        return Ok(vec![Finding::ok("audit", format!("{checked} links of the chain hold"))]);
    }
    let broken = breaks.into_iter().map(|found| {
        let message =
            format!("the chain {} breaks at {}: row {} {}", found.stream, found.seq, found.audit_id, found.what);
        Finding::fail("audit", message, "somebody changed the database past Gatehouse: compare with a backup")
    });
    Ok(broken.collect())
}

async fn waiting_jobs(ctx: &Ctx) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut open = 0;
    for kind in Kind::ALL {
        let (all, stuck) = jobs::count(&mut ctx.read(), kind.as_str(), ctx.now().minus(JOB_PATIENCE)).await?;
        open += all;
        if stuck > 0 {
            let message = format!("{stuck} of {} wait for more than an hour", kind.as_str());
            let advice = match kind {
                Kind::OaCreate | Kind::OaDelete => "`gatehouse oa user list` shows attempts and the last error",
                Kind::RadiusDisconnect | Kind::RadiusChange => "a process that serves the radius door must run",
                Kind::PaymentPoll => "check that the payment systems can be reached and their credentials are set",
                Kind::MailSend => {
                    "check the settings email_* of the panel, and `mail_log` for what the mail server says"
                }
                Kind::PushSend => "check billing.push.credentials_file and that billing.push.endpoint can be reached",
            };
            findings.push(Finding::warn("jobs", message, advice));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("jobs", format!("{open} open, none late")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        let level = |theirs| compare_clocks(Millis(100_000), Millis(theirs)).level;
        assert_eq!([level(100_000), level(98_000), level(102_000)], [Level::Ok; 3]);
        assert_eq!([level(97_999), level(130_000)], [Level::Warn; 2]);
        assert_eq!([level(69_999), level(130_001)], [Level::Fail; 2]);
    }
}
