//! What every listener shares, and what the flows of one node share. Needs no database, so tests can make one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use gatehouse_domain::{Clock, Random, proxy::node::Node, settings::ProxySettings};
use gatehouse_model::{AccountId, EndedWhy, NodeGroupId, NodeId};
use metrics::Gauge;
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
    stale: AtomicBool,
    exhausted: Mutex<BTreeSet<AccountId>>,
}

impl Door {
    pub(crate) fn new(
        settings: ProxySettings,
        clock: Clock,
        random: Random,
    ) -> Result<Arc<Self>, crate::egress::BadRule> {
        let egress = Egress::new(&settings)?;
        Ok(Arc::new(Self {
            settings,
            clock,
            random,
            table: UserTable::new(),
            egress,
            buffers: Pool::default(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            stale: AtomicBool::new(false),
            exhausted: Mutex::default(),
        }))
    }

    /// Whether the table is too old to admit anybody.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Relaxed)
    }

    /// Tells how long ago the database answered.
    pub(crate) fn set_age(&self, age: Duration) {
        self.stale.store(age > self.settings.stale_limit.0, Relaxed);
    }

    /// Notes that a quota was reached by our own count, so that the database's word is asked for.
    pub(crate) fn exhausted(&self, id: AccountId) {
        self.exhausted.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Accounts noted since the last call.
    pub(crate) fn take_exhausted(&self) -> Vec<AccountId> {
        std::mem::take(&mut *self.exhausted.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
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
    pub(crate) gate: Arc<Gate>,
    groups: ArcSwap<BTreeSet<NodeGroupId>>,
    rate: AtomicI64,
    why: OnceLock<EndedWhy>,
    opened: Opened,
    tcp_flows: Gauge,
    udp_flows: Gauge,
}

impl NodeState {
    pub(crate) fn new(node: &Node, shutdown: &CancellationToken) -> Arc<Self> {
        let flows = |network: Network| metrics::gauge!("gatehouse_proxy_flows", "node" => node.id.to_string(), "network" => network.as_str());
        Arc::new(Self {
            id: node.id,
            token: shutdown.child_token(),
            gate: Arc::default(),
            groups: ArcSwap::from_pointee(node.group_ids.clone()),
            rate: AtomicI64::new(node.rate),
            why: OnceLock::new(),
            opened: Opened::default(),
            tcp_flows: flows(Network::Tcp),
            udp_flows: flows(Network::Udp),
        })
    }

    /// Takes over what may change under running flows.
    pub(crate) fn update(&self, node: &Node) {
        self.rate.store(node.rate, Relaxed);
        self.groups.store(Arc::new(node.group_ids.clone()));
    }

    /// Traffic factor in hundredths.
    pub(crate) fn rate(&self) -> i64 {
        self.rate.load(Relaxed)
    }

    pub(crate) fn groups(&self) -> Arc<BTreeSet<NodeGroupId>> {
        self.groups.load_full()
    }

    pub(crate) fn serves(&self, group: NodeGroupId) -> bool {
        self.groups.load().contains(&group)
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
