//! Reminders of an end and of traffic, by mail, once a day (specs/panel.md §3.11).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis, Origin};
use gatehouse_store::{mail as rows, rate_counter};
use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{
    Actor, App, Error, Result,
    mail::{self, Template},
};

/// Notes the days that are done.
const DONE: &str = "panel.remind";
/// People looked at in one transaction.
const BATCH: i64 = 500;
/// How long before its end a subscription is reminded of.
const SOON: Duration = Duration::from_hours(24);
/// A server that was down at that time makes up for it, but not at night.
const LATE: Duration = Duration::from_hours(10);

/// The moment of today's reminders, 11:30 in the panel's zone, if it has come and is not long past.
fn today(app: &App) -> Result<Option<Millis>> {
    let zone = TimeZone::get(&app.settings().panel.time_zone).map_err(Error::internal)?;
    let now = Timestamp::from_millisecond(app.now().0).map_err(Error::internal)?.to_zoned(zone.clone());
    let at = now.date().to_datetime(civil::time(11, 30, 0, 0)).to_zoned(zone).map_err(Error::internal)?;
    let at = Millis(at.timestamp().as_millisecond());
    Ok((app.now() >= at && app.now() < at.plus(LATE)).then_some(at))
}

/// Whether today's reminders are to be sent.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    if !app.live().panel().remind_mail_enable || !mail::is_configured(app) {
        return Ok(false);
    }
    let Some(at) = today(app)? else { return Ok(false) };
    let done =
        rate_counter::find(&mut app.db().read(), DONE, &at.0.to_string(), at.minus(Duration::from_millis(1))).await?;
    Ok(done.is_none())
}

/// Sends today's reminders: each user is claimed in the transaction that queues his mail, so that nobody gets two.
pub(crate) async fn run(app: &App) -> Result<()> {
    let Some(at) = today(app)? else { return Ok(()) };
    let ctx = app.ctx(Actor::System("panel.remind"), Origin::Panel);
    let since = at.minus(Duration::from_millis(1));
    let mut after = AccountId(0);
    loop {
        let now = ctx.now();
        let people = rows::list_reminders(&mut ctx.read(), after, now, now.plus(SOON), since, BATCH).await?;
        let Some(last) = people.last().map(|person| person.account_id) else { break };
        let mut tx = ctx.begin().await?;
        for person in &people {
            if rows::claim_reminder(&mut tx, person.account_id, now, since).await? == 0 {
                continue;
            }
            if person.remind_expire && person.expires_at.is_some_and(|end| end > now && end <= now.plus(SOON)) {
                mail::queue(&ctx, &mut tx, &person.email, Template::RemindExpire, &[], SOON).await?;
            }
            if person.remind_traffic && is_nearly_used_up(person.quota, person.used) {
                mail::queue(&ctx, &mut tx, &person.email, Template::RemindTraffic, &[], SOON).await?;
            }
        }
        tx.commit().await?;
        after = last;
        if app.shutdown().is_cancelled() {
            return Ok(());
        }
    }
    let mut tx = ctx.begin().await?;
    rate_counter::count(&mut tx, DONE, &at.0.to_string(), ctx.now(), at.minus(LATE)).await?;
    Ok(tx.commit().await?)
}

/// From four fifths on, and not all of it. `used` in hundredths of a byte.
fn is_nearly_used_up(quota: Option<i64>, used: i64) -> bool {
    let Some(quota) = quota.filter(|quota| *quota > 0).map(i128::from) else { return false };
    let used = i128::from(used);
    used >= quota * 80 && used < quota * 100
}

#[cfg(test)]
mod tests {
    use super::is_nearly_used_up;

    #[test]
    fn four_fifths_and_not_all() {
        for (used, expected) in [(79, false), (80, true), (99, true), (100, false)] {
            assert_eq!(is_nearly_used_up(Some(1_000), used * 1_000), expected, "{used}");
        }
        assert!(!is_nearly_used_up(None, 1 << 60) && !is_nearly_used_up(Some(0), 0));
        assert!(is_nearly_used_up(Some(i64::MAX / 100), i64::MAX / 10 * 9));
    }
}
