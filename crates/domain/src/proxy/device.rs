//! Devices that nodes of others report: each is an open stay through the proxy door (specs/panel-nodes.md N4.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use gatehouse_model::{AccountId, EndedWhy, Millis, NodeId};
use gatehouse_store::proxy_device as rows;
use tokio::sync::Mutex;

use crate::{App, Result};

/// How long a device counts after its last report.
pub const LIFE: Duration = Duration::from_mins(5);
/// How late counts may be.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Takes a node's word for who is there from where: of each user it names, its set is exactly this one. One transaction.
pub async fn seen(app: &App, node: NodeId, of: &BTreeMap<AccountId, BTreeSet<IpAddr>>) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let texts: Vec<_> = of
        .iter()
        .flat_map(|(id, addresses)| addresses.iter().map(move |address| (*id, address.to_string())))
        .map(|(id, address)| (id, address, app.random().uuid().to_string()))
        .collect();
    let seen: Vec<rows::Seen<'_>> =
        texts.iter().map(|(id, address, uuid)| (*id, address.as_str(), uuid.as_str())).collect();
    let accounts: Vec<AccountId> = of.keys().copied().collect();
    let mut tx = app.db().begin().await?;
    rows::close_unseen(&mut tx, node, &accounts, &seen, now, EndedWhy::Idle.as_str()).await?;
    rows::touch(&mut tx, node, &seen, now).await?;
    rows::insert(&mut tx, node, &seen, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a device was not reported for too long.
pub(crate) async fn has_stale(app: &App) -> Result<bool> {
    Ok(rows::has_stale(&mut app.db().read(), app.now().minus(LIFE)).await?)
}

/// Ends the stays of devices that were not reported for too long, at their last report.
pub(crate) async fn end_stale(app: &App) -> Result<()> {
    let mut tx = app.db().begin().await?;
    rows::close_stale(&mut tx, app.now().minus(LIFE), EndedWhy::Stale.as_str()).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all stays that a node of others reported: it is gone, or serves nobody any more.
pub(crate) async fn end_of_node(tx: &mut gatehouse_store::Tx, node: NodeId, now: Millis) -> Result<()> {
    rows::close_of_node(tx, node, now, EndedWhy::NodeChanged.as_str()).await?;
    Ok(())
}

/// What counts as one device: an address, or the network of an IPv6 one.
fn device_of(address: IpAddr, prefix: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if prefix < 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(std::net::Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
        other => other,
    }
}

/// Devices of users: an address counts once over all nodes, or once on each.
pub fn count(app: &App, stays: impl Iterator<Item = (AccountId, NodeId, IpAddr)>) -> BTreeMap<AccountId, usize> {
    let prefix = app.settings().panel.ipv6_device_prefix;
    let is_loose = app.live().panel().device_limit_mode == 1;
    let mut of: BTreeMap<AccountId, BTreeSet<(Option<NodeId>, IpAddr)>> = BTreeMap::new();
    for (account, node, address) in stays {
        of.entry(account).or_default().insert(((!is_loose).then_some(node), device_of(address, prefix)));
    }
    of.into_iter().map(|(account, devices)| (account, devices.len())).collect()
}

/// `{"alive":{"<uid>":n}}` as it was made last.
#[derive(Debug, Default)]
pub struct Alive(Mutex<Option<(Millis, Bytes)>>);

impl Alive {
    /// The devices of everybody who has a limit, at most five seconds old.
    pub async fn body(&self, app: &App) -> Result<Bytes> {
        let now = app.now();
        let mut made = self.0.lock().await;
        if let Some((at, body)) = &*made
            && now < at.plus(COUNT_EVERY)
        {
            return Ok(body.clone());
        }
        let stays = rows::list_limited(&mut app.db().read(), now.minus(LIFE)).await?;
        let stays =
            stays.into_iter().filter_map(|(account, node, address)| Some((account, node, address.parse().ok()?)));
        let counts: serde_json::Map<_, _> =
            count(app, stays).into_iter().map(|(account, n)| (account.to_string(), n.into())).collect();
        let body = Bytes::from(serde_json::json!({"alive": counts}).to_string());
        *made = Some((now, body.clone()));
        Ok(body)
    }

    /// Forgets what was made: a report has come.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
