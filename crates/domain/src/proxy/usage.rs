//! Traffic and visits of the proxy door and of remote nodes: one transaction per batch, each batch exactly once.

use std::{collections::BTreeMap, net::IpAddr};

use gatehouse_model::{AccountId, EndedWhy, Millis, NodeId};
use gatehouse_store::{Aspect, Tx, node as rows, usage as sets, visit};
use uuid::Uuid;

use super::row;
use crate::{App, Error, Result, panel::day};

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
/// Users are charged bytes × the node's rate at this minute, kept in hundredths of a byte; users without a pass are skipped, their
/// bytes still count for the node. Units: raw bytes in.
pub async fn record(app: &App, batch: &Batch) -> Result<()> {
    let mut tx = app.db().begin().await?;
    if rows::advance_source(&mut tx, &batch.source, batch.sequence, app.now()).await? == 0 {
        return Ok(());
    }
    charge(app, &mut tx, batch.node_id, &batch.usage).await?;
    if !batch.opened.is_empty() {
        let texts: Vec<_> = batch.opened.iter().map(|new| (new.uuid.to_string(), new.address.to_string())).collect();
        let opened = batch.opened.iter().zip(&texts);
        let opened: Vec<sets::Opened<'_>> = opened
            .map(|(new, (uuid, address))| {
                (uuid.as_str(), new.account_id, new.login.as_str(), new.name.as_deref(), address.as_str(), new.since_at)
            })
            .collect();
        sets::insert_visits(&mut tx, &opened, batch.node_id, app.process_id()).await?;
    }
    if !batch.moved.is_empty() {
        let names: Vec<_> = batch.moved.iter().map(|moved| moved.uuid.to_string()).collect();
        let moved = batch.moved.iter().zip(&names);
        let moved: Vec<sets::Moved<'_>> =
            moved.map(|(moved, uuid)| (uuid.as_str(), moved.up, moved.down, moved.seen_at)).collect();
        sets::add_visit_usage(&mut tx, &moved).await?;
    }
    if !batch.closed.is_empty() {
        let names: Vec<_> = batch.closed.iter().map(|closed| closed.uuid.to_string()).collect();
        let closed = batch.closed.iter().zip(&names);
        let closed: Vec<sets::Closed<'_>> =
            closed.map(|(closed, uuid)| (uuid.as_str(), closed.at, closed.why.as_str())).collect();
        sets::close_visits(&mut tx, &closed).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Stores what a remote node pushed, in one transaction. Units and charging as in [`record`]; a push has no number, so whoever
/// repeats one that was stored counts twice.
pub async fn push(app: &App, node: NodeId, usage: &[Usage]) -> Result<()> {
    let mut tx = app.db().begin().await?;
    charge(app, &mut tx, node, usage).await?;
    tx.commit().await?;
    Ok(())
}

/// Charges users and counts for the node: a handful of statements however many users there are.
async fn charge(app: &App, tx: &mut Tx, id: NodeId, usage: &[Usage]) -> Result<()> {
    let now = app.now();
    let mut of: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
    let (mut up, mut down) = (0_i64, 0_i64);
    for usage in usage {
        if usage.up < 0 || usage.down < 0 {
            return Err(Error::invalid("usage", "bytes must not be negative"));
        }
        let (user_up, user_down) = of.entry(usage.account_id).or_default();
        (*user_up, *user_down) = (user_up.saturating_add(usage.up), user_down.saturating_add(usage.down));
        (up, down) = (up.saturating_add(usage.up), down.saturating_add(usage.down));
    }
    if up == 0 && down == 0 {
        return Ok(());
    }
    let node = rows::find(tx, id).await?;
    let rate = node.as_ref().map_or(100, |node| row::rate_at(node, day::minute(app, now)));
    let charges: Vec<sets::Charge> = of
        .into_iter()
        .map(|(account, (up, down))| (account, up.saturating_mul(rate), down.saturating_mul(rate)))
        .collect();
    let today = day::start(app, now);
    sets::add_charges(tx, &charges, now).await?;
    if rate > 0 {
        for (account, other) in sets::list_exhausted(tx, &charges).await? {
            // Lists of remote nodes lose the user, other processes' doors cut him.
            tx.touch(Aspect::ProxyUser, Some(account.0));
            if let Some(other) = other {
                tx.touch(Aspect::ProxyUser, Some(other.0));
            }
        }
        sets::add_day_charges(tx, &charges, today, rate).await?;
    }
    sets::add_node_day(tx, id, today, up, down).await?;
    let total = rows::add_node_usage(tx, id, up, down, now).await?;
    let cap = node.and_then(|node| node.transfer_cap).filter(|cap| *cap > 0);
    if let (Some((node_up, node_down)), Some(cap)) = (total, cap) {
        let used = node_up.saturating_add(node_down);
        let added = up.saturating_add(down);
        // Only the batch that reaches the cap is news.
        if used >= cap && used.saturating_sub(added) < cap {
            tx.touch(Aspect::Node, Some(id.0));
        }
    }
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
