//! Takes over the tokens and users of an original django-sspanel-api (specs/oa.md §9).

use std::collections::BTreeSet;

use gatehouse_model::{Millis, OaUserId, Secret, fold_key};
use gatehouse_store::{
    Tx, account as accounts, job as jobs, oa_user as rows,
    original::{Original, OriginalUser},
    pass,
};
use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};

use super::{
    backend::{self, Backend, Local, Made},
    token,
};
use crate::{
    Ctx, Result,
    audit::{self, Object},
    job::Kind,
};

/// Reason of rows whose state the original does not have.
const UNKNOWN_STATE: &str = "import_unknown_state";
/// Reason of rows that the original had refused.
const REFUSED_THERE: &str = "import_refused";

/// What an import did, or with a dry run would do.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// New tokens.
    pub tokens_imported: u64,
    /// Tokens that were here already.
    pub tokens_known: u64,
    /// Users with an account and new credentials: their links must be fetched again.
    pub users_made: u64,
    /// Users whose creation is queued.
    pub users_queued: u64,
    /// Users that stay or become refused (409).
    pub users_refused: u64,
    /// Users whose deletion was requested.
    pub users_marked: u64,
    /// Users that were here already; left alone.
    pub users_known: u64,
    /// Rows left out: what and why.
    pub skipped: Vec<Skipped>,
    /// What was taken over with a remark.
    pub warnings: Vec<Skipped>,
}

/// A row and a reason.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Name of the user; tokens are not named.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Imports in one transaction; known rows are left alone, so repeating is safe. With `dry_run` nothing is kept.
///
/// Times without a known zone are taken in `zone`. Errors: `Forbidden`.
/// Source: specs/oa.md §9, back end `local`.
pub async fn run(ctx: &Ctx, original: Original, zone: &TimeZone, dry_run: bool) -> Result<Report> {
    ctx.require("oa.user.create")?;
    let mut report = Report::default();
    let mut users: Vec<_> = original.users.into_iter().map(|user| (moment(&user, zone), user)).collect();
    // The original sorted by the text of the time, so that old requests could starve.
    users.sort_by_key(|(at, _)| at.unwrap_or(Millis(i64::MAX)));

    let unique: BTreeSet<String> = original.tokens.into_iter().collect();
    let mut tokens = Vec::new();
    for token in unique {
        match token::find(&ctx.app, &mut ctx.read(), &token).await? {
            Some(_) => report.tokens_known += 1,
            None => tokens.push(Secret::new(token)),
        }
    }
    let mut tx = ctx.begin().await?;
    for token in tokens {
        if token.expose().is_empty() || token.expose().chars().count() > 256 {
            report.skipped.push(skipped("(a token)", "1 to 256 characters"));
        } else {
            token::insert_in(ctx, &mut tx, "imported", &token).await?;
            report.tokens_imported += 1;
        }
    }
    for (at, user) in users {
        import_user(ctx, &mut tx, at, &user, &mut report).await?;
    }
    audit::changed(&mut tx, ctx, "oa.import", Object::new("oa_user", None, "")).await?;
    if !dry_run {
        tx.commit().await?;
    }
    Ok(report)
}

fn skipped(name: &str, reason: &str) -> Skipped {
    Skipped { name: name.to_owned(), reason: reason.to_owned() }
}

/// When a user was last asked for; `None` if the text cannot be read.
fn moment(user: &OriginalUser, zone: &TimeZone) -> Option<Millis> {
    let text = user.requesttime.as_deref()?.trim();
    let (time, letters) = text.rsplit_once(' ')?;
    let time = DateTime::strptime("%d %b %y %H:%M", time).ok()?;
    let zone = match letters {
        "UTC" | "GMT" | "Z" => TimeZone::UTC,
        _ => offset(letters).unwrap_or_else(|| zone.clone()),
    };
    Some(Millis(time.to_zoned(zone).ok()?.timestamp().as_millisecond()))
}

/// `+0800`, or the letters some systems have for a zone without a name: `+08`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, digits) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes: i32 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let seconds = sign * (hours.parse::<i32>().ok()? * 3_600 + minutes * 60);
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

async fn import_user(
    ctx: &Ctx,
    tx: &mut Tx,
    at: Option<Millis>,
    user: &OriginalUser,
    report: &mut Report,
) -> Result<()> {
    let name = user.username.as_str();
    if let Some(reason) = refusal(ctx, tx, name).await? {
        report.skipped.push(skipped(name, reason));
        return Ok(());
    }
    // The name verbatim, as the original did; the domain as the panel stores it.
    let email = format!("{name}@{}", ctx.app.settings().oa.user_email_domain.to_lowercase());
    let made_at = at.unwrap_or(ctx.now()).min(ctx.now());
    let Some(id) = rows::insert(tx, name, backend::LOCAL, &email, made_at).await? else {
        report.users_known += 1;
        return Ok(());
    };
    match (user.status.as_str(), user.statuscode) {
        ("submit", _) | ("processing", Some(102)) => {
            jobs::insert(tx, Kind::OaCreate.as_str(), Some(&id.to_string()), None, ctx.now(), ctx.now()).await?;
            report.users_queued += 1;
        }
        ("exists", Some(200)) => make(ctx, tx, id, name, report).await?,
        ("exists", Some(202)) => refuse(ctx, tx, id, REFUSED_THERE, report).await?,
        ("markRemove", Some(code @ (200 | 202 | 500))) => {
            if at.is_none() {
                report.warnings.push(skipped(name, "its time cannot be read: the delay of its deletion starts now"));
            }
            mark(ctx, tx, id, code, made_at).await?;
            report.users_marked += 1;
        }
        _ => refuse(ctx, tx, id, UNKNOWN_STATE, report).await?,
    }
    Ok(())
}

/// Why a name is left out: the surface could never be asked for it (specs/oa.md §1.4 step 2).
async fn refusal(ctx: &Ctx, tx: &mut Tx, name: &str) -> Result<Option<&'static str>> {
    if name.is_empty() {
        return Ok(Some("the name is empty"));
    }
    if name.chars().count() > 255 || name.chars().any(char::is_control) {
        return Ok(Some("names have at most 255 characters, none of control"));
    }
    if ctx.app.settings().oa.admin_names.iter().any(|reserved| reserved == name) {
        return Ok(Some("the name is reserved (oa.admin_names)"));
    }
    let account = accounts::find_by_key(tx, &fold_key(name)).await?;
    match account.filter(|account| account.login == name) {
        Some(account) if pass::has_staff(tx, account.id).await? => Ok(Some("the name is that of staff")),
        _ => Ok(None),
    }
}

/// A healthy user becomes an account with new credentials.
async fn make(ctx: &Ctx, tx: &mut Tx, id: OaUserId, name: &str, report: &mut Report) -> Result<()> {
    let Some(row) = rows::find(tx, id).await? else { return Ok(()) };
    match Local.create(ctx, tx, &row).await? {
        Made::Account(account) => {
            rows::update_made(tx, id, 200, Some(account), None, ctx.now()).await?;
            report.users_made += 1;
        }
        Made::Refused(reason) => {
            report.warnings.push(skipped(name, &format!("cannot be made here: {reason}")));
            refuse(ctx, tx, id, reason, report).await?;
        }
    }
    Ok(())
}

async fn refuse(ctx: &Ctx, tx: &mut Tx, id: OaUserId, reason: &str, report: &mut Report) -> Result<()> {
    rows::update_made(tx, id, 202, None, Some(reason), ctx.now()).await?;
    report.users_refused += 1;
    Ok(())
}

/// A user whose deletion was requested waits for it here as it did there; there is no account to remove.
async fn mark(ctx: &Ctx, tx: &mut Tx, id: OaUserId, code: i32, at: Millis) -> Result<()> {
    let before = if code == 202 { 202 } else { 200 };
    rows::update_made(tx, id, before, None, None, ctx.now()).await?;
    rows::update_remove(tx, id, before, at).await?;
    if code == 500 {
        rows::update_remove_failed(tx, id, ctx.now()).await?;
    }
    let due = at.plus(ctx.app.settings().oa.delete_delay.0).plus(std::time::Duration::from_millis(1));
    jobs::insert(tx, Kind::OaDelete.as_str(), Some(&id.to_string()), None, due, ctx.now()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let user = OriginalUser {
            username: String::new(),
            status: String::new(),
            statuscode: None,
            requesttime: Some(text.to_owned()),
        };
        let zone = TimeZone::fixed(Offset::from_hours(8).unwrap());
        moment(&user, &zone).map(Millis::to_rfc3339)
    }

    #[test]
    fn times_are_read_as_go_wrote_them() {
        let read = |text| read(text).unwrap_or_default();
        assert_eq!(read("21 Nov 26 10:47 CST"), "2026-11-21T02:47:00.000Z");
        assert_eq!(read("21 Nov 26 10:47 UTC"), "2026-11-21T10:47:00.000Z");
        assert_eq!(read("01 Feb 21 00:00 GMT"), "2021-02-01T00:00:00.000Z");
        assert_eq!(read("21 Nov 26 10:47 -0330"), "2026-11-21T14:17:00.000Z");
        assert_eq!(read("21 Nov 26 10:47 +08"), "2026-11-21T02:47:00.000Z");
        assert_eq!(read("2026-11-21 10:47:00"), "");
        assert_eq!(read(""), "");
    }
}
