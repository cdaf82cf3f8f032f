//! Stays that nobody told the end of: silent ones, and those whose pass expired (specs/radius.md §7, §8.1).

use std::time::Duration;

use gatehouse_model::EndedWhy;
use gatehouse_store::{lock, radius_outbox, visit_radius as rows};

use super::outbox;
use crate::{App, Result};

/// Stays closed in one go.
const PAGE: i64 = 500;
/// How far back an expiry is looked for: processes may have been down over a weekend. Older ones are found by their next report.
const LOOK_BACK: Duration = Duration::from_hours(168);

/// Closes stays that were not heard of for `radius.stale_intervals`, at their last report. Run by the periodic task `radius.stale`.
pub(crate) async fn close(app: &App) -> Result<()> {
    let intervals = i64::from(app.settings().radius.stale_intervals.max(1));
    loop {
        let stale = rows::list_stale(&mut app.db().read(), app.now(), intervals, PAGE).await?;
        let is_last = stale.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut tx = app.db().begin().await?;
        for (nas, session_id) in stale {
            let Some(session) = rows::find_newest(&mut tx, nas, &session_id).await? else { continue };
            // A report may have come meanwhile.
            let deadline = app.now().0.saturating_sub(session.seen_at.0);
            if session.until_at.is_none() && deadline > session.interim.0.saturating_mul(intervals) {
                rows::close(&mut tx, session.id, session.event_at, EndedWhy::Stale.as_str()).await?;
            }
        }
        tx.commit().await?;
        if is_last || app.shutdown().is_cancelled() {
            break;
        }
    }
    let open = rows::count_open(&mut app.db().read()).await?;
    for nas in &app.live().nas().entries {
        let count = open.iter().find(|(id, _)| *id == nas.id).map_or(0, |(_, count)| *count);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("gatehouse_radius_open_sessions", "nas" => nas.name.clone()).set(f64::from(count));
    }
    Ok(())
}

/// Whether anybody is in whose pass has expired.
pub(crate) async fn has_expired(app: &App) -> Result<bool> {
    let now = app.now();
    Ok(!radius_outbox::list_expired(&mut app.db().read(), now.minus(LOOK_BACK), now).await?.is_empty())
}

/// Ends the stays of passes that expired. Run by the periodic task `radius.expire`.
pub(crate) async fn expire(app: &App) -> Result<()> {
    let now = app.now();
    for account in radius_outbox::list_expired(&mut app.db().read(), now.minus(LOOK_BACK), now).await? {
        let mut tx = app.db().begin().await?;
        // Beside no publication: both lock several stays of an account, in different orders.
        lock::share_staged(&mut tx).await?;
        outbox::disconnect_account(&mut tx, now, account, EndedWhy::Expired).await?;
        tx.commit().await?;
    }
    Ok(())
}
