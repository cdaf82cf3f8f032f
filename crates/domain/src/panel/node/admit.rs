//! Which node asks: its name and its token (specs/panel-nodes.md N4.1).

use std::{sync::Arc, time::Duration};

use gatehouse_model::{NodeKind, Secret};
use subtle::ConstantTimeEq;

use super::super::{
    limit::{self, Limit},
    refusal::{Outcome, Refusal},
};
use crate::{
    App, Ctx,
    proxy::{draft::TOKEN, node::Node},
};

/// Wrong tokens from one address.
const FAILURES: Limit = Limit { scope: "panel.node_token", most: 60, window: Duration::from_mins(10) };

/// What a node says of itself.
#[derive(Debug, Default)]
pub struct Asking {
    /// Its token.
    pub token: Option<Secret>,
    /// Its code or id.
    pub node_id: Option<String>,
    /// Its type, by any name of the family.
    pub node_type: Option<String>,
}

/// Finds the node that asks. All of it is in memory; only a wrong token is counted in the database.
///
/// Errors: an input refusal for a wrong token or type, a rule for a node that does not exist; `RateLimited`.
pub async fn admit(ctx: &Ctx, asking: &Asking) -> Outcome<Arc<Node>> {
    let kind = match asking.node_type.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None | Some("v2node") => None,
        Some(text) => Some(kind_of(text).ok_or_else(|| Refusal::input("node_type", "The node type is unknown"))?),
    };
    let node = asking.node_id.as_deref().and_then(|name| find(&ctx.app, name.trim(), kind));
    let token = asking.token.as_ref().map(Secret::expose).unwrap_or_default();
    let own = node.as_ref().and_then(|node| node.sheet.token_hash.as_deref());
    if !is_right(&ctx.app, token, own) {
        limit::take_address(ctx, FAILURES).await?;
        return Err(Refusal::input("token", "The token is wrong").into());
    }
    let is_meant = |node: &Arc<Node>| !node.is_embedded && kind.is_none_or(|kind| kind == node.protocol.kind());
    Ok(node.filter(is_meant).ok_or(Refusal::rule("Server does not exist"))?)
}

/// The type a name of the family means.
fn kind_of(text: &str) -> Option<NodeKind> {
    match text {
        "v2ray" => Some(NodeKind::Vmess),
        "hysteria2" => Some(NodeKind::Hysteria),
        text => NodeKind::parse(text),
    }
}

/// By code, those of the type first, else by id.
fn find(app: &App, name: &str, kind: Option<NodeKind>) -> Option<Arc<Node>> {
    let nodes = app.live().nodes();
    let is_kind = |node: &&Arc<Node>| kind.is_none_or(|kind| kind == node.protocol.kind());
    let mut named = nodes.nodes.iter().filter(|node| node.code.as_deref() == Some(name));
    let by_code = named.clone().find(is_kind).or_else(|| named.next());
    let by_id = || name.parse().ok().and_then(|id| nodes.get(gatehouse_model::NodeId(id)));
    by_code.or_else(by_id).cloned()
}

/// Whether a token is the node's own or the one that nodes share. Compared as keyed hashes, in constant time.
fn is_right(app: &App, token: &str, own: Option<&str>) -> bool {
    if token.is_empty() || token.len() > 1_024 {
        return false;
    }
    let keys = app.keys();
    let shared = app.live().panel().server_token.clone().filter(|shared| !shared.expose().is_empty());
    let shared = shared.map(|shared| keys.hash(TOKEN, shared.expose()));
    let is_same = |one: &str, other: &str| bool::from(one.as_bytes().ct_eq(other.as_bytes()));
    keys.hashes(TOKEN, token).any(|given| {
        let is_shared = shared.as_deref().is_some_and(|shared| is_same(shared, &given));
        own.is_some_and(|own| is_same(own, &given)) | is_shared
    })
}
