//! A proxy user: an account with a `proxy` pass, as doors and nodes see it.

use gatehouse_model::{AccountId, Millis, NodeGroupId};
use uuid::Uuid;

/// Everything a door needs to know of a proxy user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUser {
    /// The account; the wire id of the node API.
    pub account_id: AccountId,
    /// The one secret all protocols derive from.
    pub uuid: Uuid,
    /// Which nodes the user may use; `None`: no node.
    pub node_group_id: Option<NodeGroupId>,
    /// Status of the account (of the main account for an IPv6 shadow).
    pub is_enabled: bool,
    /// `None`: never.
    pub expires_at: Option<Millis>,
    /// Bytes of charged traffic; `None`: no limit, 0: nothing allowed.
    pub quota: Option<i64>,
    /// Charged traffic so far, both directions, in hundredths of a byte.
    pub used: i64,
    /// Mbit/s per direction, 0: none.
    pub speed_limit: u32,
    /// Devices at once, 0: none.
    pub device_limit: u32,
}

impl ProxyUser {
    /// Whether the user may pass traffic on a node of one of the given groups now (specs/proxy.md §3 "Eligible").
    ///
    /// Node conditions (enabled, traffic cap) are the node's.
    pub fn is_eligible(&self, groups: &std::collections::BTreeSet<NodeGroupId>, now: Millis) -> bool {
        self.is_admissible(now) && self.node_group_id.is_some_and(|group| groups.contains(&group))
    }

    /// The part of eligibility that does not depend on the node.
    pub fn is_admissible(&self, now: Millis) -> bool {
        self.is_enabled && self.expires_at.is_none_or(|at| at > now) && !self.is_exhausted()
    }

    /// Whether the quota is used up; charged traffic counts in hundredths of a byte.
    pub fn is_exhausted(&self) -> bool {
        self.quota.is_some_and(|quota| i128::from(self.used) >= i128::from(quota) * 100)
    }
}
