//! The user table follows the database: committed changes within milliseconds, expiries by timer.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gatehouse_domain::{
    App, Result,
    live::{UserChange, UserFeed},
    proxy::{usage, user},
};
use gatehouse_model::{AccountId, EndedWhy};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{door::Door, table::Used};

const TICK: Duration = Duration::from_secs(1);
/// Ticks between looks at the traffic other processes counted for users who are in here.
const OTHERS: u64 = 10;
const OTHERS_AT_ONCE: usize = 1_000;
/// Pause after the database did not answer.
const RETRY: Duration = Duration::from_millis(250);

/// What has to be read.
#[derive(Default)]
struct Wanted {
    all: bool,
    some: BTreeSet<AccountId>,
}

impl Wanted {
    fn add(&mut self, change: UserChange) {
        match change {
            UserChange::All => self.all = true,
            UserChange::Some(ids) => self.some.extend(ids),
        }
    }

    fn is_empty(&self) -> bool {
        !self.all && self.some.is_empty()
    }
}

/// Follows until the stop. The feed was subscribed before the first load.
pub(crate) async fn run(app: App, door: Arc<Door>, mut feed: UserFeed, stop: CancellationToken) {
    let mut wanted = Wanted { all: true, ..Wanted::default() };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks: u64 = 0;
    loop {
        let changed = Instant::now();
        if !wanted.is_empty() {
            match read(&app, &door, &wanted).await {
                Ok(()) => {
                    wanted = Wanted::default();
                    metrics::histogram!("gatehouse_proxy_table_update_seconds").record(changed.elapsed());
                    metrics::gauge!("gatehouse_proxy_users").set(count(door.table.len()));
                }
                Err(error) => {
                    tracing::warn!(error = error.chain(), "proxy.table.read_failed");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(RETRY) => {}
                    }
                }
            }
        }
        let now = door.clock.now();
        let next_expiry = door
            .table
            .expire(now)
            .map_or(TICK, |at| Duration::from_millis(u64::try_from(at.0 - now.0).unwrap_or(0)).min(TICK));
        tokio::select! {
            () = stop.cancelled() => return,
            change = feed.next(), if wanted.is_empty() => wanted.add(change),
            () = sleep(next_expiry), if wanted.is_empty() => {}
            _ = tick.tick() => {
                door.set_age(app.live().database_age(door.clock.now()));
                wanted.some.extend(door.take_rechecks());
                ticks += 1;
                if ticks.is_multiple_of(OTHERS) {
                    wanted.some.extend(door.table.active_with_quota(OTHERS_AT_ONCE));
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn count(users: usize) -> f64 {
    users as f64
}

/// Reads what is wanted and brings the table in line.
async fn read(app: &App, door: &Door, wanted: &Wanted) -> Result<()> {
    let before = door.batches.mark();
    let (rows, gone): (_, Vec<_>) = if wanted.all {
        let rows = user::all(app).await?;
        let known = door.table.accounts();
        let found: BTreeSet<_> = rows.iter().map(|row| row.account_id).collect();
        (rows, known.difference(&found).copied().collect())
    } else {
        let ids: Vec<_> = wanted.some.iter().copied().collect();
        let rows = user::some(app, &ids).await?;
        let found: BTreeSet<_> = rows.iter().map(|row| row.account_id).collect();
        (rows, wanted.some.difference(&found).copied().collect())
    };
    let still_there = user::existing_accounts(app, &gone).await?;
    let why = |id| if still_there.contains(id) { EndedWhy::PassRevoked } else { EndedWhy::Deleted };
    let gone: Vec<_> = gone.iter().map(|id| (*id, why(id))).collect();
    // Counters that were on their way while we read may or may not be in what we read.
    let used = if before.is_some() && before == door.batches.mark() { Used::Settled } else { Used::InDoubt };
    door.table.apply(&rows, &gone, used, door.clock.now());
    if used == Used::InDoubt {
        for row in rows.iter().filter(|row| row.quota.is_some()) {
            door.recheck(row.account_id);
        }
    }
    Ok(())
}

/// Ends visits that staff asked to end, looking every second.
pub(crate) async fn end_visits(app: App, door: Arc<Door>, stop: CancellationToken) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let asked = match usage::visits_to_end(&app).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::debug!(error = error.chain(), "proxy.visits.read_failed");
                continue;
            }
        };
        for (uuid, account, why) in asked {
            let Some(account) = door.table.account(account) else { continue };
            let visits = account.visits();
            if let Some(visit) = visits.iter().find(|visit| visit.uuid == uuid) {
                visit.end(why);
            }
        }
    }
}
