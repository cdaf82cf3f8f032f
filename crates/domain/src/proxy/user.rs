//! A proxy user: an account with a `proxy` pass, as doors and nodes see it.

use gatehouse_model::{AccountId, Millis, NodeGroupId};
use gatehouse_store::{account, pass};
use uuid::Uuid;

use super::row::uuid_place;
use crate::{App, Result};

/// Everything a door needs to know of a proxy user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUser {
    /// The account; the wire id of the node API.
    pub account_id: AccountId,
    /// Its login.
    pub login: String,
    /// Its name.
    pub name: Option<String>,
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

/// Loads every proxy user, for the start of a door. Pages by id; one whose secret cannot be opened is left out and logged.
pub async fn all(app: &App) -> Result<Vec<ProxyUser>> {
    let (mut users, mut after) = (Vec::new(), AccountId(0));
    loop {
        let rows = pass::list_proxy_users(&mut app.db().read(), after, 5_000).await?;
        let Some(last) = rows.last() else { return Ok(users) };
        after = last.account_id;
        users.extend(rows.iter().filter_map(|row| read(app, row)));
    }
}

/// Loads some proxy users; one that is not in the result has no pass any more.
pub async fn some(app: &App, ids: &[AccountId]) -> Result<Vec<ProxyUser>> {
    let rows = pass::list_proxy_users_of(&mut app.db().read(), ids).await?;
    Ok(rows.iter().filter_map(|row| read(app, row)).collect())
}

/// Those of some accounts that exist, whatever passes they hold: tells a pass that was taken from an account that is gone.
pub async fn existing_accounts(app: &App, ids: &[AccountId]) -> Result<Vec<AccountId>> {
    let mut existing = Vec::new();
    for id in ids {
        existing.extend(account::find(&mut app.db().read(), *id).await?.map(|row| row.id));
    }
    Ok(existing)
}

fn read(app: &App, row: &pass::ProxyUserRow) -> Option<ProxyUser> {
    let uuid = app
        .keys()
        .open_text(uuid_place(&row.seal_ref), &row.uuid_sealed)
        .and_then(|text| Uuid::parse_str(text.expose()).map_err(crate::Error::internal));
    match uuid {
        Ok(uuid) => Some(ProxyUser {
            account_id: row.account_id,
            login: row.login.clone(),
            name: row.name.clone(),
            uuid,
            node_group_id: row.node_group_id,
            is_enabled: row.is_enabled,
            expires_at: row.expires_at,
            quota: row.quota,
            used: row.used,
            speed_limit: u32::try_from(row.speed_limit).unwrap_or(0),
            device_limit: u32::try_from(row.device_limit).unwrap_or(0),
        }),
        Err(error) => {
            let id = row.account_id;
            tracing::error!(
                event = "proxy_user.unreadable",
                account = id.0,
                error = error.chain(),
                "proxy user {id} is left out"
            );
            None
        }
    }
}
