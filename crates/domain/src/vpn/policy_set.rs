//! Policy sets: what a stay is bound by and what the concentrator is told (specs/vpn.md §6).

use std::{net::IpAddr, time::Duration};

use gatehouse_model::VpnPolicySetId;
use gatehouse_store::{Query, vpn_policy_set as rows, vpn_policy_set::PolicySetRow};
use ipnet::IpNet;

use crate::{Error, Result};

/// The set that everybody has who has no other; named in replies.
pub const DEFAULT: VpnPolicySetId = VpnPolicySetId(0);

/// A policy set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    /// Identity.
    pub id: VpnPolicySetId,
    /// Unique name.
    pub name: String,
    /// Longest stay.
    pub session_timeout: Option<Duration>,
    /// Longest time without traffic.
    pub idle_timeout: Option<Duration>,
    /// DNS servers.
    pub dns: Vec<IpAddr>,
    /// Name of the concentrator's address pool.
    pub pool: Option<String>,
    /// Networks that are reached through the tunnel.
    pub routes: Vec<IpNet>,
    /// Stays of one user at the same time; 0: no limit.
    pub max_sessions: u32,
}

/// Loads a policy set; one that is gone counts as the default one.
pub(crate) async fn load(q: &mut impl Query, id: VpnPolicySetId) -> Result<PolicySet> {
    let row = match rows::find(q, id).await? {
        Some(row) => row,
        None => rows::find(q, DEFAULT).await?.ok_or(Error::NotFound { what: "default policy set" })?,
    };
    PolicySet::try_from(row)
}

impl TryFrom<PolicySetRow> for PolicySet {
    type Error = Error;

    fn try_from(row: PolicySetRow) -> Result<Self> {
        let span = |millis: Option<i64>| millis.and_then(|n| u64::try_from(n).ok()).map(Duration::from_millis);
        Ok(Self {
            id: row.id,
            session_timeout: span(row.session_timeout),
            idle_timeout: span(row.idle_timeout),
            dns: list(&row.dns)?,
            routes: list(&row.routes)?,
            max_sessions: u32::try_from(row.max_sessions).unwrap_or(0),
            name: row.name,
            pool: row.pool,
        })
    }
}

/// Reads what is stored separated by commas.
fn list<T: std::str::FromStr>(text: &str) -> Result<Vec<T>> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(|_| Error::internal(format!("policy set: `{part}` is no address"))))
        .collect()
}
