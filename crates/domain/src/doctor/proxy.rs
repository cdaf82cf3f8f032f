//! The proxy door: nodes that do not listen or cannot be reached, weak ciphers, what visits record (specs/proxy.md §15).

use gatehouse_model::SsCipher;
use gatehouse_store::node as rows;

use super::{Finding, running};
use crate::{
    Ctx, Result,
    proxy::node::{Node, Protocol},
};

const AREA: &str = "proxy";

pub(super) async fn look(ctx: &Ctx) -> Result<Vec<Finding>> {
    ctx.app.live().refresh(&ctx.app).await?;
    let live = ctx.app.live().nodes();
    let settings = &ctx.app.settings().proxy;
    let mut findings = Vec::new();
    for row in rows::list(&mut ctx.read()).await?.iter().filter(|row| live.get(row.id).is_none()) {
        let message = format!("node {} ({}) cannot be read and serves nobody", row.id, row.name);
        findings.push(Finding::fail(
            AREA,
            message,
            "bring its key back to the key ring, or describe it again with `apply`",
        ));
    }
    let silent = silent(ctx).await?;
    for node in &live.nodes {
        let what = format!("node {} ({})", node.id, node.name);
        if let Some((_, reason)) = silent.iter().find(|(id, _)| *id == node.id) {
            let message = format!("{what} does not listen: {reason}");
            findings.push(Finding::fail(AREA, message, "free its port, or change `server_port` or `listen_ip`"));
        }
        if node.is_hidden_behind_loopback(settings.listen) {
            let message = format!("{what} sends users to {}, but listens on loopback only", node.host);
            findings.push(Finding::warn(AREA, message, "set `listen_ip`, or `proxy.listen`"));
        }
        if let Protocol::Shadowsocks { cipher, classic_user_cap, .. } = &node.protocol {
            let cap = classic_user_cap.unwrap_or(settings.classic_user_cap);
            findings.extend(cipher_risk(&what, *cipher, members(ctx, node).await?, cap));
        }
    }
    if settings.log_targets {
        let advice = "make sure that you may keep that, or unset proxy.log_targets";
        findings.push(Finding::warn(AREA, "visits record where users go", advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(AREA, format!("{} nodes", live.nodes.len())));
    }
    Ok(findings)
}

/// Embedded nodes that nobody listens for although a process runs, and why.
async fn silent(ctx: &Ctx) -> Result<Vec<(gatehouse_model::NodeId, String)>> {
    if !ctx.app.settings().proxy.enabled || running(ctx).await? == 0 {
        return Ok(Vec::new());
    }
    let states = rows::list_states(&mut ctx.read()).await?;
    let live = ctx.app.live().nodes();
    let wanted = live.nodes.iter().filter(|node| node.is_embedded && node.is_enabled);
    let silent = wanted.filter_map(|node| {
        let mut own = states.iter().filter(|state| state.node_id == node.id);
        if own.clone().any(|state| state.is_listening) {
            return None;
        }
        let reason = own.find_map(|state| state.reason.clone());
        Some((node.id, reason.unwrap_or_else(|| "no running process serves it: see `proxy.nodes`".to_owned())))
    });
    Ok(silent.collect())
}

async fn members(ctx: &Ctx, node: &Node) -> Result<i64> {
    let mut members = 0_i64;
    for group in &node.group_ids {
        members = members.saturating_add(rows::count_members(&mut ctx.read(), *group).await?);
    }
    Ok(members)
}

fn cipher_risk(what: &str, cipher: SsCipher, users: i64, cap: u32) -> Option<Finding> {
    if cipher == SsCipher::Blake3Aes128Gcm {
        let message = format!("{what} uses {cipher}: its user keys have 52 random bits only");
        return Some(Finding::warn(AREA, message, "prefer 2022-blake3-aes-256-gcm"));
    }
    if cipher.is_2022() {
        return None;
    }
    Some(if users > i64::from(cap) {
        let message = format!("{what} has {users} users, but a classic node serves {cap}: the newest are not served");
        Finding::fail(AREA, message, "move users to a 2022 node, or raise classic_user_cap")
    } else {
        let message = format!(
            "{what} speaks classic {cipher}, which forgets replays at a restart; {users} of at most {cap} users"
        );
        Finding::warn(AREA, message, "prefer 2022-blake3-aes-256-gcm for clients that know it")
    })
}
