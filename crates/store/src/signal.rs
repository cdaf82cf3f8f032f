//! What a commit tells the rest of the process.

use tokio::sync::watch;

/// A part of the database that processes keep a live snapshot of. The order is the order of locking at commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Nodes, node groups, routes and plans.
    Node,
    /// Proxy passes and what they may use.
    ProxyUser,
    /// Roles, codes and grants.
    Permission,
    /// Settings.
    Setting,
    /// Whatever may end an open terminal: sessions, status, grants, resources, vouchers, policies, approvals.
    Access,
    /// NAS entries.
    Nas,
    /// What the logins of all VPN users rest on: live groups, roles, resources, policy sets, authentication servers.
    Vpn,
    /// Single live VPN users, and the accounts behind them.
    VpnUser,
    /// What all subscribers rest on: services, billing groups, address pools.
    Billing,
    /// Single subscribers: their blocks, services, addresses, and the accounts behind them.
    Subscriber,
}

impl Aspect {
    /// Every aspect, in the order of locking.
    pub const ALL: [Self; 10] = [
        Self::Node,
        Self::ProxyUser,
        Self::Permission,
        Self::Setting,
        Self::Access,
        Self::Nas,
        Self::Vpn,
        Self::VpnUser,
        Self::Billing,
        Self::Subscriber,
    ];

    /// Its name in `live_revision` and `live_change`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::ProxyUser => "proxy_user",
            Self::Permission => "permission",
            Self::Setting => "setting",
            Self::Access => "access",
            Self::Nas => "nas",
            Self::Vpn => "vpn",
            Self::VpnUser => "vpn_user",
            Self::Billing => "billing",
            Self::Subscriber => "subscriber",
        }
    }
}

/// Wakes this process's followers after a commit, so that they need not wait for their next poll. Other processes
/// find the same in the tables.
#[derive(Debug, Default)]
pub struct Signals {
    live: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
}

impl Signals {
    /// Counts the commits of this process that touched any aspect.
    pub fn live(&self) -> watch::Receiver<u64> {
        self.live.subscribe()
    }

    /// Counts the commits of this process that left work for the job runners.
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.jobs.subscribe()
    }

    pub(crate) fn bump_live(&self) {
        self.live.send_modify(|commits| *commits += 1);
    }

    pub(crate) fn wake_jobs(&self) {
        self.jobs.send_modify(|commits| *commits += 1);
    }
}
