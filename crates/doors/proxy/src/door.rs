//! What every listener shares, and what the flows of one node share. Needs no database, so tests can make one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicI64, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use gatehouse_domain::{
    Clock, Random,
    proxy::{node::Node, route::Rule},
    settings::ProxySettings,
};
use gatehouse_model::{AccountId, EndedWhy, NodeGroupId, NodeId};
use metrics::Gauge;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    egress::Egress,
    limit::Gate,
    relay::buffer::Pool,
    table::UserTable,
    visit::{Network, Opened, Visit},
};

/// The proxy door of this process.
pub(crate) struct Door {
    pub(crate) settings: ProxySettings,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) table: UserTable,
    pub(crate) egress: Egress,
    pub(crate) buffers: Pool,
    /// Every task of the door runs in here.
    pub(crate) tasks: TaskTracker,
    /// Fires after the drain: every flow ends.
    pub(crate) shutdown: CancellationToken,
    /// Sockets flows may hold.
    pub(crate) sockets: Arc<Semaphore>,
    /// Batches of counters on their way to the database.
    pub(crate) batches: Batches,
    stale: AtomicBool,
    draining: AtomicBool,
    flows: AtomicUsize,
    rechecks: Mutex<BTreeSet<AccountId>>,
}

/// Open files kept for everything that is not a flow.
const FILE_RESERVE: usize = 256;

/// What the process may have open, less a reserve; asked once, at the start.
fn socket_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = parse_file_limit(&limits).unwrap_or(1_024);
    files.saturating_sub(FILE_RESERVE).clamp(64, Semaphore::MAX_PERMITS)
}

/// The soft limit in the line `Max open files 1024 524288 files`.
fn parse_file_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(Semaphore::MAX_PERMITS),
        number => number.parse().ok(),
    }
}

/// Says whether `used` of a row can be trusted: only if no batch was under way while it was read.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    under_way: AtomicUsize,
    ended: AtomicU64,
}

impl Batches {
    pub(crate) fn begin(&self) {
        self.under_way.fetch_add(1, SeqCst);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, SeqCst);
        self.under_way.fetch_sub(1, SeqCst);
    }

    /// A mark to compare; `None`: a batch is under way.
    pub(crate) fn mark(&self) -> Option<u64> {
        let ended = self.ended.load(SeqCst);
        (self.under_way.load(SeqCst) == 0).then_some(ended)
    }
}

impl Door {
    pub(crate) fn new(settings: ProxySettings, clock: Clock, random: Random) -> Arc<Self> {
        let egress = Egress::new(&settings);
        Arc::new(Self {
            settings,
            clock,
            random,
            table: UserTable::new(),
            egress,
            buffers: Pool::default(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            sockets: Arc::new(Semaphore::new(socket_limit())),
            batches: Batches::default(),
            stale: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            flows: AtomicUsize::new(0),
            rechecks: Mutex::default(),
        })
    }

    /// Whether the table is too old to admit anybody.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Relaxed)
    }

    /// Tells how long ago the database answered.
    pub(crate) fn set_age(&self, age: Duration) {
        self.stale.store(age > self.settings.stale_limit.0, Relaxed);
    }

    /// Refuses new flows from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Flows open now.
    pub(crate) fn flows(&self) -> usize {
        self.flows.load(SeqCst)
    }

    pub(crate) fn flow_begins(&self) {
        self.flows.fetch_add(1, SeqCst);
    }

    pub(crate) fn flow_ends(&self) {
        self.flows.fetch_sub(1, SeqCst);
    }

    /// Notes an account whose traffic the database must be asked for again: a quota reached by our own count, or a row
    /// read while counters were on their way.
    pub(crate) fn recheck(&self, id: AccountId) {
        self.rechecks.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Accounts noted since the last call.
    pub(crate) fn take_rechecks(&self) -> Vec<AccountId> {
        std::mem::take(&mut *self.rechecks.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.settings.handshake_timeout.0
    }
}

/// One listener's share: who may use it, what a byte costs, which visits are open.
#[derive(Debug)]
pub(crate) struct NodeState {
    pub(crate) id: NodeId,
    /// Ends the listener and every flow.
    pub(crate) token: CancellationToken,
    /// Ends the listener alone.
    pub(crate) listening: CancellationToken,
    pub(crate) gate: Arc<Gate>,
    groups: ArcSwap<BTreeSet<NodeGroupId>>,
    rate: AtomicI64,
    routes: ArcSwap<Arc<[Rule]>>,
    why: OnceLock<EndedWhy>,
    opened: Opened,
    tcp_flows: Gauge,
    udp_flows: Gauge,
}

impl NodeState {
    pub(crate) fn new(node: &Node, shutdown: &CancellationToken) -> Arc<Self> {
        let flows = |network: Network| metrics::gauge!("gatehouse_proxy_flows", "node" => node.id.to_string(), "network" => network.as_str());
        let token = shutdown.child_token();
        Arc::new(Self {
            id: node.id,
            listening: token.child_token(),
            token,
            gate: Arc::default(),
            groups: ArcSwap::from_pointee(node.group_ids.clone()),
            rate: AtomicI64::new(node.rate),
            routes: ArcSwap::from_pointee(Arc::clone(&node.routes)),
            why: OnceLock::new(),
            opened: Opened::default(),
            tcp_flows: flows(Network::Tcp),
            udp_flows: flows(Network::Udp),
        })
    }

    /// Takes over what may change under running flows.
    pub(crate) fn update(&self, node: &Node) {
        self.routes.store(Arc::new(Arc::clone(&node.routes)));
        self.groups.store(Arc::new(node.group_ids.clone()));
    }

    /// What a byte costs from now on, in hundredths.
    pub(crate) fn set_rate(&self, rate: i64) {
        self.rate.store(rate, Relaxed);
    }

    /// Traffic factor in hundredths.
    pub(crate) fn rate(&self) -> i64 {
        self.rate.load(Relaxed)
    }

    /// Which targets its users may reach.
    pub(crate) fn routes(&self) -> Arc<[Rule]> {
        Arc::clone(&self.routes.load())
    }

    pub(crate) fn groups(&self) -> Arc<BTreeSet<NodeGroupId>> {
        self.groups.load_full()
    }

    pub(crate) fn serves(&self, group: NodeGroupId) -> bool {
        self.groups.load().contains(&group)
    }

    /// Ends the listener; flows go on.
    pub(crate) fn close(&self) {
        self.listening.cancel();
    }

    /// Ends the listener and every flow on it.
    pub(crate) fn end(&self, why: EndedWhy) {
        if self.why.set(why).is_ok() {
            self.token.cancel();
        }
    }

    pub(crate) fn why(&self) -> Option<EndedWhy> {
        self.why.get().copied()
    }

    pub(crate) fn opened(&self, visit: Arc<Visit>) {
        self.opened.push(visit);
    }

    pub(crate) fn take_opened(&self) -> Vec<Arc<Visit>> {
        self.opened.take()
    }

    pub(crate) fn flows(&self, network: Network) -> &Gauge {
        match network {
            Network::Tcp => &self.tcp_flows,
            Network::Udp => &self.udp_flows,
        }
    }

    /// Counts a connection that proved nothing.
    pub(crate) fn failed(&self, reason: &'static str) {
        tracing::debug!(node = %self.id, reason, "proxy.handshake.failed");
        metrics::counter!("gatehouse_proxy_handshake_failures_total", "node" => self.id.to_string(), "reason" => reason)
            .increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(parse_file_limit(limits), Some(1_024));
        assert_eq!(parse_file_limit("Max open files            unlimited  unlimited"), Some(Semaphore::MAX_PERMITS));
        assert!(socket_limit() >= 64);
    }

    #[test]
    fn a_mark_holds_only_while_no_batch_is_under_way() {
        let batches = Batches::default();
        let before = batches.mark();
        assert!(before.is_some());
        batches.begin();
        assert_eq!(batches.mark(), None);
        batches.end();
        assert!(batches.mark().is_some() && batches.mark() != before);
    }
}
