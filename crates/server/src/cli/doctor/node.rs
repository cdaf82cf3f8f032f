//! What `doctor` finds about proxy nodes

use std::collections::BTreeMap;

use gatehouse_domain::{
    Ctx,
    oa::backend::is_listable,
    proxy::{
        group, manage,
        node::{Certificate, Node, Protocol, Tls},
        user,
    },
};
use gatehouse_model::{NodeGroupId, SsCipher};
use gatehouse_store::node as rows;

use super::{Findings, State, file_certificate, pem_certificate};
use crate::{config::Config, serve::is_hidden_behind_loopback};

/// Looks at every node, and at groups without one.
pub(super) async fn look(ctx: &Ctx, config: &Config, findings: &mut Findings) -> anyhow::Result<()> {
    let views = manage::list(ctx).await?;
    let live = ctx.app.live().nodes();
    for row in rows::list(&mut ctx.read()).await?.iter().filter(|row| live.get(row.id).is_none()) {
        let text = "unreadable: the key ring lacks the key it was sealed with, or its settings are broken";
        findings.add(State::Problem, format!("node {} ({})", row.id, row.name), text);
    }
    let mut members: BTreeMap<NodeGroupId, u64> = BTreeMap::new();
    for user in user::all(&ctx.app).await? {
        *members.entry(user.node_group_id.unwrap_or(NodeGroupId(0))).or_default() += 1;
    }
    for (node, view) in live.nodes.iter().filter_map(|node| Some((node, views.iter().find(|view| view.id == node.id)?)))
    {
        let what = format!("node {} ({})", node.id, node.name);
        if node.is_enabled && node.is_embedded && view.available_status == 0 {
            let why = view.problem.as_deref().unwrap_or("no running server serves it");
            findings.add(State::Warning, &what, format!("does not listen: {why}"));
        }
        if is_hidden_behind_loopback(node, config.settings.proxy.listen) {
            let text = format!(
                "users are sent to {}, but it listens on loopback only: set listen_ip or proxy.listen",
                node.host
            );
            findings.add(State::Warning, &what, text);
        }
        match &node.protocol {
            Protocol::Shadowsocks { cipher, classic_user_cap, .. } => {
                let count = node.group_ids.iter().filter_map(|id| members.get(id)).sum();
                let cap = classic_user_cap.unwrap_or(config.settings.proxy.classic_user_cap);
                cipher_risks(&what, *cipher, count, cap, findings);
            }
            Protocol::Trojan(tls) | Protocol::Vless(tls) => certificate(&what, tls, ctx, findings),
            Protocol::Remote(_) => {}
        }
    }
    groups(ctx, &members, findings).await
}

fn cipher_risks(what: &str, cipher: SsCipher, users: u64, cap: u32, findings: &mut Findings) {
    if cipher == SsCipher::Blake3Aes128Gcm {
        let text = "its user keys have 52 random bits only: prefer 2022-blake3-aes-256-gcm";
        findings.add(State::Warning, what, text);
    }
    if cipher.is_2022() {
        return;
    }
    if users > u64::from(cap) {
        let text = format!(
            "{users} users, but a classic node serves {cap}: the newest are not served; move them to a 2022 node"
        );
        findings.add(State::Problem, what, text);
    } else {
        let text = format!("classic {cipher} forgets replays at a restart; {users} of at most {cap} users");
        findings.add(State::Warning, what, text);
    }
}

fn certificate(what: &str, tls: &Tls, ctx: &Ctx, findings: &mut Findings) {
    let what = format!("certificate of {what}");
    match &tls.certificate {
        Certificate::File { cert_file, .. } => file_certificate(&what, cert_file.as_ref(), ctx.now(), findings),
        Certificate::Content { cert_pem, .. } => pem_certificate(&what, cert_pem.as_bytes(), ctx.now(), findings),
    }
}

/// A group whose members get no links.
async fn groups(ctx: &Ctx, members: &BTreeMap<NodeGroupId, u64>, findings: &mut Findings) -> anyhow::Result<()> {
    let live = ctx.app.live().nodes();
    let listable: Vec<&Node> =
        live.nodes.iter().map(AsRef::as_ref).filter(|node| is_listable(ctx.app.settings(), node)).collect();
    for (id, name) in group::list(ctx).await? {
        let users = members.get(&id).copied().unwrap_or_default();
        if users > 0 && !listable.iter().any(|node| node.group_ids.contains(&id)) {
            let text = format!("{users} users, but no node with a working link: `gatehouse oa node list` says why");
            findings.add(State::Warning, format!("node group {name}"), text);
        }
    }
    Ok(())
}
