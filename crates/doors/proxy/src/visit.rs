//! Flows and the visits they belong to: admission, counting, ending.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicI64, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

use gatehouse_domain::{proxy::route::Rule, settings::DeviceLimitMode};
use gatehouse_model::{EndedWhy, Millis, NodeId, client_of};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    door::{Door, NodeState},
    egress::Unreachable,
    limit::Dropped,
    user::{Direction, User},
};

/// Flows of one user at a time.
const TCP_FLOWS: u32 = 1_000;
const UDP_SESSIONS: u32 = 256;

/// One access session: a person on a node from an address.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) uuid: Uuid,
    pub(crate) user: Arc<User>,
    pub(crate) node_id: NodeId,
    pub(crate) address: IpAddr,
    pub(crate) since: Millis,
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
    /// Charged traffic, hundredths of a byte.
    pub(crate) charged: AtomicI64,
    pub(crate) flows: AtomicU32,
    /// When the last flow ended, milliseconds.
    pub(crate) idle_since: AtomicI64,
    why: OnceLock<(EndedWhy, Instant)>,
    token: CancellationToken,
}

impl Visit {
    /// Ends every flow of the visit; the next flush closes it.
    pub(crate) fn end(&self, why: EndedWhy) {
        if self.why.set((why, Instant::now())).is_ok() {
            self.token.cancel();
        }
    }

    /// Whether further flows may join.
    fn is_open(&self) -> bool {
        self.why.get().is_none() && !self.token.is_cancelled()
    }

    /// Why it ended, if it did.
    pub(crate) fn why(&self) -> Option<EndedWhy> {
        self.why.get().map(|(why, _)| *why)
    }
}

/// What a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Tcp,
    Udp,
}

impl Network {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Why a person with a good credential gets no flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("stale")]
    Stale,
    #[error("shutdown")]
    Shutdown,
    #[error("not_eligible")]
    NotEligible,
    #[error("flows")]
    Flows,
    #[error("device_limit")]
    Devices,
}

/// One admitted TCP connection or UDP session. Dropping it ends it.
pub(crate) struct Flow {
    door: Arc<Door>,
    node: Arc<NodeState>,
    visit: Arc<Visit>,
    network: Network,
}

/// Admits a flow of a user on a node, from a client address.
pub(crate) fn admit(
    door: &Arc<Door>,
    node: &Arc<NodeState>,
    user: &Arc<User>,
    address: IpAddr,
    network: Network,
) -> Result<Flow, Refused> {
    let result = try_admit(door, node, user, address.to_canonical(), network);
    if let Err(limit) = result {
        metrics::counter!("gatehouse_proxy_refused_total", "limit" => limit.to_string()).increment(1);
        tracing::debug!(account = %user.account.id, node = %node.id, limit = %limit, "proxy.flow.refused");
    }
    result
}

fn try_admit(
    door: &Arc<Door>,
    node: &Arc<NodeState>,
    user: &Arc<User>,
    address: IpAddr,
    network: Network,
) -> Result<Flow, Refused> {
    if door.is_stale() {
        return Err(Refused::Stale);
    }
    if door.is_draining() {
        return Err(Refused::Shutdown);
    }
    let mut visits = user.account.visits();
    if !user.is_live() || node.why().is_some() || !node.serves(user.group) {
        return Err(Refused::NotEligible);
    }
    let (count, most) = match network {
        Network::Tcp => (&user.account.tcp_flows, TCP_FLOWS),
        Network::Udp => (&user.account.udp_sessions, UDP_SESSIONS),
    };
    if count.load(Relaxed) >= most {
        return Err(Refused::Flows);
    }
    let open = |visit: &&Arc<Visit>| visit.is_open();
    let mine =
        |visit: &&Arc<Visit>| visit.node_id == node.id && visit.address == address && Arc::ptr_eq(&visit.user, user);
    let visit = if let Some(visit) = visits.iter().filter(open).find(mine) {
        Arc::clone(visit)
    } else {
        let limit = user.account.device_limit();
        let device = |address, node| match door.settings.device_limit_mode {
            DeviceLimitMode::Address => (client_of(address), None),
            DeviceLimitMode::Node => (client_of(address), Some(node)),
        };
        let devices: BTreeSet<_> =
            visits.iter().filter(open).map(|visit| device(visit.address, visit.node_id)).collect();
        if limit > 0 && devices.len() >= limit && !devices.contains(&device(address, node.id)) {
            return Err(Refused::Devices);
        }
        let visit = Arc::new(Visit {
            uuid: door.random.uuid(),
            user: Arc::clone(user),
            node_id: node.id,
            address,
            since: door.clock.now(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            charged: AtomicI64::new(0),
            flows: AtomicU32::new(0),
            idle_since: AtomicI64::new(0),
            why: OnceLock::new(),
            token: node.token.child_token(),
        });
        visits.push(Arc::clone(&visit));
        node.opened(Arc::clone(&visit));
        visit
    };
    visit.flows.fetch_add(1, AcqRel);
    count.fetch_add(1, AcqRel);
    drop(visits);
    door.flow_begins();
    node.flows(network).increment(1.0);
    Ok(Flow { door: Arc::clone(door), node: Arc::clone(node), visit, network })
}

impl Flow {
    /// Fires when the flow must end at once.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.visit.token
    }

    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// The route rules that hold now.
    pub(crate) fn routes(&self) -> Arc<[Rule]> {
        self.node.routes()
    }

    pub(crate) fn user(&self) -> &Arc<User> {
        &self.visit.user
    }

    /// Notes that a target cannot be reached. Denied ones are logged, at most one a second and user.
    pub(crate) fn unreachable(&self, error: &Unreachable) {
        let account = &self.visit.user.account;
        let (id, node) = (account.id, self.node.id);
        match error {
            Unreachable::Denied(rule) if account.may_log(self.door.clock.now()) => {
                tracing::info!(account = %id, %node, rule, "proxy.egress.denied");
            }
            _ => tracing::debug!(account = %id, %node, %error, "proxy.connect.failed"),
        }
    }

    /// Counts bytes that were relayed. Returns when the next may follow, if not now.
    pub(crate) fn moved(&self, direction: Direction, bytes: usize) -> Option<Instant> {
        self.count(direction, bytes);
        let (bucket, mbps) = self.visit.user.account.bucket(direction);
        bucket.debit(bytes, mbps)
    }

    /// Asks for leave to relay a datagram; `Ok` says when, if not now.
    pub(crate) fn datagram(&self, direction: Direction, bytes: usize) -> Result<Option<Instant>, Dropped> {
        let (bucket, mbps) = self.visit.user.account.bucket(direction);
        bucket.debit_datagram(bytes, mbps)
    }

    /// Counts bytes without a speed limit: datagrams, after [`Flow::datagram`].
    pub(crate) fn count(&self, direction: Direction, bytes: usize) {
        let visit = &self.visit;
        let counter = match direction {
            Direction::Up => &visit.up,
            Direction::Down => &visit.down,
        };
        counter.fetch_add(bytes as u64, Relaxed);
        let hundredths = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(self.node.rate());
        visit.charged.fetch_add(hundredths, Relaxed);
        if visit.user.account.charge(hundredths) && visit.user.is_live() {
            visit.user.cut(EndedWhy::Quota);
            self.door.recheck(visit.user.account.id);
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let count = match self.network {
            Network::Tcp => &self.visit.user.account.tcp_flows,
            Network::Udp => &self.visit.user.account.udp_sessions,
        };
        count.fetch_sub(1, AcqRel);
        self.visit.idle_since.store(self.door.clock.now().0, Relaxed);
        self.visit.flows.fetch_sub(1, AcqRel);
        self.node.flows(self.network).decrement(1.0);
        if let Some((_, at)) = self.visit.why.get() {
            metrics::histogram!("gatehouse_proxy_kick_seconds").record(at.elapsed());
        }
        self.door.flow_ends();
    }
}

/// The open visits of one node, as the flusher sees them.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<Vec<Arc<Visit>>>);

impl Opened {
    pub(crate) fn push(&self, visit: Arc<Visit>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
    }

    pub(crate) fn take(&self) -> Vec<Arc<Visit>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Closes a visit that nobody uses any more, if it ended or was idle long enough; says why.
pub(crate) fn close(visit: &Arc<Visit>, node: &NodeState, idle_before: Millis) -> Option<EndedWhy> {
    let ended = visit.why().or_else(|| node.why());
    let mut visits = visit.user.account.visits();
    if visit.flows.load(Acquire) > 0 || (ended.is_none() && visit.idle_since.load(Relaxed) > idle_before.0) {
        return None;
    }
    visits.retain(|other| !Arc::ptr_eq(other, visit));
    Some(ended.unwrap_or(EndedWhy::Idle))
}
