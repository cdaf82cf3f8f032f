//! Traffic and visits of the proxy door and of remote nodes: one transaction per batch, each batch exactly once.

use std::net::IpAddr;

use gatehouse_model::{AccountId, EndedWhy, Millis, NodeId};
use gatehouse_store::{Aspect, node as rows, visit};
use uuid::Uuid;

use crate::{App, Error, Result};

/// Differences since the last batch of a source.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The node the traffic passed.
    pub node_id: NodeId,
    /// Who counts: unique per process start and node.
    pub source: String,
    /// Counts up from 1 per source; a repeated number is known to be stored already.
    pub sequence: i64,
    /// Traffic per user.
    pub usage: Vec<Usage>,
    /// Visits that began.
    pub opened: Vec<OpenedVisit>,
    /// Visits that moved bytes.
    pub moved: Vec<MovedVisit>,
    /// Visits that ended.
    pub closed: Vec<ClosedVisit>,
}

/// Raw bytes of one user.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The user.
    pub account_id: AccountId,
    /// Client to target, bytes.
    pub up: i64,
    /// Target to client, bytes.
    pub down: i64,
}

/// A visit that began.
#[derive(Debug, Clone)]
pub struct OpenedVisit {
    /// Public name.
    pub uuid: Uuid,
    /// The user, who may be gone when the visit is recorded.
    pub account_id: AccountId,
    /// The user's login when he came in.
    pub login: String,
    /// The user's name then.
    pub name: Option<String>,
    /// Client address.
    pub address: IpAddr,
    /// Beginning.
    pub since_at: Millis,
}

/// Bytes of a visit since the last batch.
#[derive(Debug, Clone)]
pub struct MovedVisit {
    /// Public name.
    pub uuid: Uuid,
    /// Raw bytes up.
    pub up: i64,
    /// Raw bytes down.
    pub down: i64,
    /// Last sign of life.
    pub seen_at: Millis,
}

/// A visit that ended.
#[derive(Debug, Clone)]
pub struct ClosedVisit {
    /// Public name.
    pub uuid: Uuid,
    /// End.
    pub at: Millis,
    /// Why.
    pub why: EndedWhy,
}

/// Stores a batch in one transaction; repeating (source, sequence) changes nothing.
///
/// Users are charged bytes × the node's rate, kept in hundredths of a byte; users without a pass are skipped, their
/// bytes still count for the node. Units: raw bytes in.
pub async fn record(app: &App, batch: &Batch) -> Result<()> {
    let mut tx = app.db().begin().await?;
    if rows::advance_source(&mut tx, &batch.source, batch.sequence, app.now()).await? == 0 {
        return Ok(());
    }
    let node = rows::find(&mut tx, batch.node_id).await?;
    let rate = node.as_ref().map_or(100, |node| node.rate);
    let (mut up, mut down) = (0_i64, 0_i64);
    for usage in &batch.usage {
        if usage.up < 0 || usage.down < 0 {
            return Err(Error::invalid("usage", "bytes must not be negative"));
        }
        let charge = |bytes: i64| bytes.saturating_mul(rate);
        rows::add_usage(&mut tx, usage.account_id, charge(usage.up), charge(usage.down), app.now()).await?;
        up = up.saturating_add(usage.up);
        down = down.saturating_add(usage.down);
    }
    if up > 0 || down > 0 {
        let total = rows::add_node_usage(&mut tx, batch.node_id, up, down, app.now()).await?;
        let cap = node.and_then(|node| node.transfer_cap).filter(|cap| *cap > 0);
        if let (Some((node_up, node_down)), Some(cap)) = (total, cap) {
            let used = node_up.saturating_add(node_down);
            let added = up.saturating_add(down);
            // Only the batch that reaches the cap is news.
            if used >= cap && used.saturating_sub(added) < cap {
                tx.touch(Aspect::Node, Some(batch.node_id.0));
            }
        }
    }
    for opened in &batch.opened {
        let address = opened.address.to_string();
        let uuid = opened.uuid.to_string();
        let new = visit::NewProxyVisit {
            uuid: &uuid,
            account_id: opened.account_id,
            login: &opened.login,
            name: opened.name.as_deref(),
            from_address: &address,
            node_id: batch.node_id,
            process_id: app.process_id(),
            since_at: opened.since_at,
        };
        visit::insert_proxy(&mut tx, &new).await?;
    }
    for moved in &batch.moved {
        visit::add_usage(&mut tx, &moved.uuid.to_string(), moved.up, moved.down, moved.seen_at).await?;
    }
    for closed in &batch.closed {
        visit::close(&mut tx, &closed.uuid.to_string(), closed.at, closed.why.as_str()).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Visits of this process that somebody asked to end: (visit, account, why).
pub async fn visits_to_end(app: &App) -> Result<Vec<(Uuid, AccountId, EndedWhy)>> {
    let asked = visit::list_asked(&mut app.db().read(), app.process_id()).await?;
    Ok(asked
        .into_iter()
        .filter_map(|(uuid, account, why)| {
            let why = why.as_deref().and_then(EndedWhy::parse).unwrap_or(EndedWhy::Kicked);
            Some((uuid.parse().ok()?, account?, why))
        })
        .collect())
}
