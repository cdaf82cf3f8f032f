//! The three requests and the one table that decides them (specs/oa.md §1.4 steps 3 and 5, §1.5).

use std::sync::Arc;

use gatehouse_model::Secret;
use gatehouse_store::{job as jobs, oa_entry::OaEntryRow, oa_user as rows};
use uuid::Uuid;

use super::{
    backend, derived_email,
    entry::{Asked, State},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    job::Kind,
    proxy::{link, node::Node, row::uuid_place},
};

/// What a request for creation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generated {
    /// Row and job written: 200.
    Accepted,
    /// Waits for its turn: 201.
    Queued,
    /// Being made: 102.
    Processing,
    /// Made earlier and healthy: 405.
    Exists,
    /// The back end refused it: 409.
    Refused,
    /// A deletion was requested: 418.
    Removing,
    /// The deletion was tried and failed: 500.
    RemovalFailed,
}

/// What a request for links came to.
#[derive(Debug, Clone)]
pub enum ConnInfo {
    /// The links: 200.
    Nodes(Vec<NodeInfo>),
    /// 201.
    Queued,
    /// 102.
    Processing,
    /// No row: 204.
    Unknown,
    /// No node at all, or none for this user: 412.
    NoNodes,
    /// 409.
    Refused,
    /// Deletion requested, whatever came of it: 418.
    Removing,
}

/// What a request for deletion came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Marked: 200, first text.
    Accepted,
    /// A refused user was marked: 200, second text.
    AcceptedRefused,
    /// 201: a queued request is not cancelled.
    Queued,
    /// 102.
    Processing,
    /// No row: 404.
    Unknown,
    /// 418.
    Removing,
    /// 500.
    RemovalFailed,
}

/// One node of a user's list (specs/oa.md §3). The sequence is its position, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Node name.
    pub name: String,
    /// `ss`, `vless`, `trojan`.
    pub node_type: &'static str,
    /// Remark, else the name.
    pub tips: String,
    /// Host as configured.
    pub host: String,
    /// Shadowsocks cipher, else empty.
    pub method: &'static str,
    /// Client port.
    pub port: u16,
    /// The link a client takes.
    pub link: Secret,
}

/// Asks for a user: `POST /v1/generateUserProfile`.
///
/// The row, its job and its audit row are one transaction; of many parallel requests for one name exactly one is accepted.
/// Errors: `Forbidden` without `oa.user.create`.
/// Source: specs/oa.md §1.5.
pub async fn generate(asked: &Asked) -> Result<Generated> {
    let Asked { ctx, username, state, .. } = asked;
    ctx.require("oa.user.create")?;
    if *state != State::Absent {
        return Ok(generated(*state));
    }
    let email = derived_email(username, &ctx.app.settings().oa.user_email_domain);
    let mut tx = ctx.begin().await?;
    let Some(id) = rows::insert(&mut tx, username, backend::LOCAL, &email, ctx.now()).await? else {
        return match asked.state_now(tx).await? {
            // Made and removed between two lines: asking again is the honest answer.
            State::Absent => Err(Error::RateLimited { retry_after: std::time::Duration::ZERO }),
            state => Ok(generated(state)),
        };
    };
    jobs::insert(&mut tx, Kind::OaCreate.as_str(), Some(&id.to_string()), None, ctx.now(), ctx.now()).await?;
    audit::changed(&mut tx, ctx, "oa.user.create", Object::new("oa_user", id.0, username)).await?;
    tx.commit().await?;
    Ok(Generated::Accepted)
}

fn generated(state: State) -> Generated {
    match state {
        State::Absent => Generated::Accepted,
        State::Submit(_) => Generated::Queued,
        State::Processing(_) => Generated::Processing,
        State::Healthy(_) => Generated::Exists,
        State::Refused(_) => Generated::Refused,
        State::Removing(_) => Generated::Removing,
        State::RemovalFailed(_) => Generated::RemovalFailed,
    }
}

/// Asks for a user's links: `POST /v1/getConnInfoByUser`.
///
/// Errors: `Forbidden` without `oa.user.read`.
/// Source: specs/oa.md §1.4 steps 3 and 5, §1.5, §3.
pub async fn conn_info(asked: &Asked) -> Result<ConnInfo> {
    let Asked { ctx, entry, state, .. } = asked;
    ctx.require("oa.user.read")?;
    let nodes = ctx.app.live().nodes();
    let listable = |node: &&Arc<Node>| backend::is_listable(ctx.app.settings(), node);
    if !nodes.nodes.iter().any(|node| listable(&node)) {
        return Ok(ConnInfo::NoNodes);
    }
    Ok(match *state {
        State::Absent => ConnInfo::Unknown,
        State::Submit(_) => ConnInfo::Queued,
        State::Processing(_) => ConnInfo::Processing,
        State::Refused(_) => ConnInfo::Refused,
        State::Removing(_) | State::RemovalFailed(_) => ConnInfo::Removing,
        State::Healthy(_) => {
            let uuid = open_uuid(ctx, entry)?;
            let visible = nodes.nodes.iter().filter(listable);
            let infos: Vec<_> = visible
                .filter(|node| entry.node_group_id.is_some_and(|group| node.group_ids.contains(&group)))
                .filter_map(|node| info(ctx, node, uuid))
                .collect();
            if infos.is_empty() { ConnInfo::NoNodes } else { ConnInfo::Nodes(infos) }
        }
    })
}

fn open_uuid(ctx: &Ctx, entry: &OaEntryRow) -> Result<Uuid> {
    let (Some(sealed), Some(seal_ref)) = (&entry.uuid_sealed, &entry.seal_ref) else {
        return Err(Error::internal("a healthy oa user has no pass"));
    };
    let text = ctx.app.keys().open_text(uuid_place(seal_ref), sealed)?;
    Uuid::parse_str(text.expose()).map_err(Error::internal)
}

fn info(ctx: &Ctx, node: &Node, uuid: Uuid) -> Option<NodeInfo> {
    let (node_type, method) = link::oa_type(node)?;
    Some(NodeInfo {
        name: node.name.clone(),
        node_type,
        tips: node.remark.clone().filter(|remark| !remark.is_empty()).unwrap_or_else(|| node.name.clone()),
        host: node.host.clone(),
        method,
        port: node.client_port()?,
        link: link::of(node, uuid, ctx.app.settings().oa.ss_link)?,
    })
}

/// Asks for a user's deletion: `POST /v1/delUserProfile`.
///
/// Marks the row and enqueues the deletion for `oa.delete_delay` later; of many parallel requests one is accepted.
/// Errors: `Forbidden` without `oa.user.delete`.
/// Source: specs/oa.md §1.5, §2.
pub async fn delete(asked: &Asked) -> Result<Deletion> {
    let Asked { ctx, username, entry, state } = asked;
    ctx.require("oa.user.delete")?;
    let (id, is_refused) = match *state {
        State::Healthy(id) => (id, false),
        State::Refused(id) => (id, true),
        other => return Ok(deletion(other)),
    };
    let stored_code = entry.code.unwrap_or(202);
    let mut tx = ctx.begin().await?;
    let now = ctx.now();
    if rows::update_remove(&mut tx, id, stored_code, now).await? == 0 {
        return Ok(deletion(asked.state_now(tx).await?));
    }
    let delay = ctx.app.settings().oa.delete_delay.0;
    // Strictly after the delay, hence the millisecond.
    let run_at = gatehouse_model::Millis(now.plus(delay).0.saturating_add(1));
    jobs::insert(&mut tx, Kind::OaDelete.as_str(), Some(&id.to_string()), None, run_at, now).await?;
    if let Some(account) = entry.account_id
        && ctx.app.settings().oa.close_doors_on_delete_request
    {
        backend::close_doors(ctx, &mut tx, account).await?;
    }
    audit::changed(&mut tx, ctx, "oa.user.delete", Object::new("oa_user", id.0, username)).await?;
    tx.commit().await?;
    Ok(if is_refused { Deletion::AcceptedRefused } else { Deletion::Accepted })
}

fn deletion(state: State) -> Deletion {
    match state {
        State::Absent => Deletion::Unknown,
        State::Submit(_) => Deletion::Queued,
        State::Processing(_) => Deletion::Processing,
        State::Healthy(_) => Deletion::Accepted,
        State::Refused(_) => Deletion::AcceptedRefused,
        State::Removing(_) => Deletion::Removing,
        State::RemovalFailed(_) => Deletion::RemovalFailed,
    }
}
