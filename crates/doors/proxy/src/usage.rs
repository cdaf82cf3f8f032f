//! Counters and visits on their way to the database: one batch per node at a time, repeated until it is known to be in.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use gatehouse_domain::{
    App, Error,
    proxy::usage::{self, Batch, ClosedVisit, MovedVisit, OpenedVisit, Usage},
};
use gatehouse_model::{AccountId, Millis};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    door::{Door, NodeState},
    user::Account,
    visit::{self, Visit},
};

/// Rounds an ended node is still looked at, for flows that were being admitted when it ended.
const LAST_ROUNDS: u32 = 5;

/// What one node has to record.
pub(crate) struct Ledger {
    node: Arc<NodeState>,
    source: String,
    sequence: i64,
    visits: Vec<Tracked>,
    under_way: Option<UnderWay>,
    rounds_after_end: u32,
}

/// A visit and how much of it is in batches.
struct Tracked {
    visit: Arc<Visit>,
    is_announced: bool,
    up: u64,
    down: u64,
    charged: i64,
}

/// A batch that may or may not be in the database.
struct UnderWay {
    batch: Batch,
    charged: Vec<(Arc<Account>, i64)>,
    since: Instant,
}

impl Ledger {
    /// `source` must be unique: sequence numbers begin at 1.
    pub(crate) fn new(node: Arc<NodeState>, source: String) -> Self {
        Self { node, source, sequence: 0, visits: Vec::new(), under_way: None, rounds_after_end: 0 }
    }

    /// Whether there is nothing more to come.
    pub(crate) fn is_done(&self) -> bool {
        self.under_way.is_none() && self.visits.is_empty() && self.rounds_after_end >= LAST_ROUNDS
    }

    /// Whether everything counted so far is recorded.
    fn is_clean(&self) -> bool {
        self.under_way.is_none() && self.visits.is_empty()
    }

    /// Records what has changed. A batch in doubt goes first, unchanged, under its old number.
    pub(crate) async fn flush(&mut self, app: &App, door: &Door) {
        self.collect(door);
        let Some(under_way) = &self.under_way else { return };
        let started = Instant::now();
        let result = usage::record(app, &under_way.batch).await;
        metrics::histogram!("gatehouse_proxy_flush_seconds").record(started.elapsed());
        let node = self.node.id;
        match result {
            Ok(()) => {}
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => {
                tracing::warn!(%node, error = error.chain(), "proxy.flush.failed");
                let lag = under_way.since.elapsed();
                metrics::gauge!("gatehouse_proxy_flush_lag_seconds").set(lag.as_secs_f64());
                return;
            }
            // Repeating cannot help; keeping it would hold up everything after it.
            Err(error) => tracing::error!(%node, error = error.chain(), "proxy.flush.refused"),
        }
        metrics::gauge!("gatehouse_proxy_flush_lag_seconds").set(0.0);
        if let Some(done) = self.under_way.take() {
            for (account, hundredths) in &done.charged {
                account.recorded(*hundredths);
            }
            door.batches.end();
        }
    }

    /// Makes the next batch, if none is under way and something has changed.
    fn collect(&mut self, door: &Door) {
        if self.under_way.is_some() {
            return;
        }
        if self.node.why().is_some() {
            self.rounds_after_end += 1;
        }
        let fresh = self.node.take_opened().into_iter();
        self.visits.extend(fresh.map(|visit| Tracked { visit, is_announced: false, up: 0, down: 0, charged: 0 }));
        let now = door.clock.now();
        let mut batch = Batch {
            node_id: self.node.id,
            source: self.source.clone(),
            sequence: self.sequence + 1,
            usage: Vec::new(),
            opened: Vec::new(),
            moved: Vec::new(),
            closed: Vec::new(),
        };
        let mut users: BTreeMap<AccountId, (Arc<Account>, Usage, i64)> = BTreeMap::new();
        let idle_before = now.minus(door.settings.visit_idle.0);
        self.visits.retain_mut(|tracked| tracked.collect(&self.node, &mut batch, &mut users, now, idle_before));
        batch.usage = users.values().map(|(_, usage, _)| *usage).collect();
        if batch.opened.is_empty() && batch.moved.is_empty() && batch.closed.is_empty() {
            return;
        }
        for (direction, bytes) in [("up", sum(&batch, |usage| usage.up)), ("down", sum(&batch, |usage| usage.down))] {
            let node = self.node.id.to_string();
            metrics::counter!("gatehouse_proxy_bytes_total", "node" => node, "direction" => direction).increment(bytes);
        }
        self.sequence += 1;
        let charged = users.into_values().map(|(account, _, charged)| (account, charged)).collect();
        door.batches.begin();
        self.under_way = Some(UnderWay { batch, charged, since: Instant::now() });
    }
}

fn sum(batch: &Batch, part: impl Fn(&Usage) -> i64) -> u64 {
    batch.usage.iter().map(|usage| u64::try_from(part(usage)).unwrap_or(0)).sum()
}

impl Tracked {
    /// Puts what is new of the visit into a batch. `false`: the visit is over.
    fn collect(
        &mut self,
        node: &NodeState,
        batch: &mut Batch,
        users: &mut BTreeMap<AccountId, (Arc<Account>, Usage, i64)>,
        now: Millis,
        idle_before: Millis,
    ) -> bool {
        let visit = &self.visit;
        // First the verdict, then the counters: what moves in between belongs to a flow that is still open.
        let ended = visit::close(visit, node, idle_before);
        let (up, down, charged) = (visit.up.load(Relaxed), visit.down.load(Relaxed), visit.charged.load(Relaxed));
        let account = &visit.user.account;
        if !std::mem::replace(&mut self.is_announced, true) {
            let (login, name) = account.names();
            batch.opened.push(OpenedVisit {
                uuid: visit.uuid,
                account_id: account.id,
                login,
                name,
                address: visit.address,
                since_at: visit.since,
            });
        }
        let (more_up, more_down) = (signed(up - self.up), signed(down - self.down));
        if more_up > 0 || more_down > 0 {
            batch.moved.push(MovedVisit { uuid: visit.uuid, up: more_up, down: more_down, seen_at: now });
            let fresh = || (Arc::clone(account), Usage { account_id: account.id, up: 0, down: 0 }, 0);
            let (_, usage, sum) = users.entry(account.id).or_insert_with(fresh);
            usage.up += more_up;
            usage.down += more_down;
            *sum += charged - self.charged;
            (self.up, self.down, self.charged) = (up, down, charged);
        }
        if let Some(why) = ended {
            batch.closed.push(ClosedVisit { uuid: visit.uuid, at: now, why });
            let (account, node) = (account.id, node.id);
            tracing::info!(%account, %node, up, down, why = why.as_str(), "proxy.visit.closed");
        }
        ended.is_none()
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Flushes every interval; after `stop` until everything is recorded or the time is up.
pub(crate) async fn run(
    app: App,
    door: Arc<Door>,
    mut nodes: mpsc::UnboundedReceiver<Arc<NodeState>>,
    stop: CancellationToken,
    patience: Duration,
) {
    let mut ledgers: Vec<Ledger> = Vec::new();
    let mut tick = interval(door.settings.flush_interval.0.clamp(Duration::from_secs(1), Duration::from_mins(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ledger = |node: Arc<NodeState>| {
        let source = format!("proxy:{}:{}:{:016x}", app.process_id(), node.id, u64::from_le_bytes(door.random.bytes()));
        Ledger::new(node, source)
    };
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            Some(node) = nodes.recv() => ledgers.push(ledger(node)),
            _ = tick.tick() => {
                for ledger in &mut ledgers {
                    ledger.flush(&app, &door).await;
                }
                ledgers.retain(|ledger| !ledger.is_done());
            }
        }
    }
    while let Ok(node) = nodes.try_recv() {
        ledgers.push(ledger(node));
    }
    let deadline = Instant::now() + patience;
    loop {
        for ledger in &mut ledgers {
            // Once for a batch in doubt, once for what came after it.
            ledger.flush(&app, &door).await;
            ledger.flush(&app, &door).await;
        }
        if ledgers.iter().all(Ledger::is_clean) || Instant::now() >= deadline {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
