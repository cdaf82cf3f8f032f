//! The oa surface: tokens, nodes that can be listed, users that need somebody.

use std::sync::Arc;

use gatehouse_store::{api_token, node as rows, oa_user};

use super::Finding;
use crate::{
    Ctx, Result,
    oa::backend::{is_listable, is_listed_type},
    proxy::{link, node::Node},
};

const AREA: &str = "oa";

pub(super) async fn look(ctx: &Ctx) -> Result<Vec<Finding>> {
    ctx.app.live().refresh(&ctx.app).await?;
    let live = ctx.app.live().nodes();
    let mut findings = vec![match api_token::list(&mut ctx.read(), "oa").await?.len() {
        0 => Finding::warn(AREA, "no token: no OA system can call", "make one: `gatehouse oa token generate`"),
        n => Finding::ok(AREA, format!("{n} tokens")),
    }];
    findings.extend(default_group(ctx, &live.nodes).await?);
    findings.extend(groups(ctx, &live.nodes).await?);
    findings.extend(live.nodes.iter().filter_map(|node| incomplete(ctx, node)));
    findings.extend(users(ctx).await?);
    Ok(findings)
}

/// Whether users that are made now get any link.
async fn default_group(ctx: &Ctx, nodes: &[Arc<Node>]) -> Result<Option<Finding>> {
    let wanted = ctx.app.settings().oa.local.group.as_deref();
    let found = match wanted {
        Some(name) => rows::find_group(&mut ctx.read(), name).await?,
        None => rows::find_first_group(&mut ctx.read()).await?,
    };
    let group = match (found, wanted) {
        (Some(group), _) => group,
        (None, Some(name)) => {
            let message = format!("oa.local.group is `{name}`, but no node group has that name: no user can be made");
            return Ok(Some(Finding::fail(AREA, message, "make the group, or change the setting")));
        }
        (None, None) => {
            let message = "there is no node group: new users get no link";
            return Ok(Some(Finding::warn(AREA, message, "make nodes in a group: docs/STATE.md")));
        }
    };
    let listable = nodes.iter().filter(|node| is_listable(ctx.app.settings(), node) && node.group_ids.contains(&group));
    Ok(Some(match listable.count() {
        0 => {
            let message = "the node group of new users has no node that can be listed: they get no link";
            Finding::warn(AREA, message, "`gatehouse oa node list` says what is wrong with each")
        }
        n => Finding::ok(AREA, format!("{n} nodes for new users")),
    }))
}

/// Groups whose members get no link.
async fn groups(ctx: &Ctx, nodes: &[Arc<Node>]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (id, name) in rows::list_groups(&mut ctx.read()).await? {
        let is_served = nodes.iter().any(|node| is_listable(ctx.app.settings(), node) && node.group_ids.contains(&id));
        let members = if is_served { 0 } else { rows::count_members(&mut ctx.read(), id).await? };
        if members > 0 {
            let message = format!("{members} users are in the node group {name}, which has no node that can be listed");
            findings.push(Finding::warn(AREA, message, "put a node into it, or move them"));
        }
    }
    Ok(findings)
}

/// A node that users would see if its links worked.
fn incomplete(ctx: &Ctx, node: &Node) -> Option<Finding> {
    let is_wanted = node.is_shown && node.is_enabled && is_listed_type(ctx.app.settings(), node.protocol.kind());
    let missing = link::missing(node).filter(|_| is_wanted)?;
    let message = format!("node {} ({}) is not listed: its links lack {missing}", node.id, node.name);
    Some(Finding::warn(AREA, message, "complete it, or set `shown = false`"))
}

async fn users(ctx: &Ctx) -> Result<Vec<Finding>> {
    let counts = oa_user::count_by_state(&mut ctx.read()).await?;
    let of = |state: &str, code: i64| counts.iter().find(|(s, c, _)| s == state && *c == code).map_or(0, |(.., n)| *n);
    let mut findings = Vec::new();
    if of("exists", 202) > 0 {
        let message = format!("{} users could not be made", of("exists", 202));
        findings.push(Finding::warn(
            AREA,
            message,
            "`gatehouse oa user list` says why; `oa user retry NAME` tries again",
        ));
    }
    if of("markRemove", 500) > 0 {
        let message = format!("{} users could not be deleted so far", of("markRemove", 500));
        findings.push(Finding::warn(AREA, message, "`gatehouse oa user list` shows the last error"));
    }
    Ok(findings)
}
