//! Everything a state file or an import can change, as staff see it, and how often anything was written.

use gatehouse_domain::{
    Actor, App,
    account::view,
    audit, oa,
    proxy::{group, manage, user},
};
use gatehouse_model::{AccountId, OaUserId, Origin};
use gatehouse_store::{live, role};
use serde_json::{Value, json};

/// Takes it.
pub(crate) async fn picture(app: &App) -> Value {
    let ctx = app.ctx(Actor::Operator, Origin::Cli);
    let read = || app.db().read();
    let mut roles = Vec::new();
    for role in role::list(&mut read()).await.unwrap() {
        roles.push(format!("{role:?} {:?}", role::list_codes(&mut read(), role.id).await.unwrap()));
    }
    json!({
        "accounts": view::list(&ctx, AccountId(0), 1_000).await.unwrap(),
        "secrets": user::all(app).await.unwrap().iter().map(|user| user.uuid.to_string()).collect::<Vec<_>>(),
        "nodes": manage::list(&ctx).await.unwrap(),
        "node details": app.live().nodes().nodes.iter().map(|node| format!("{node:?}")).collect::<Vec<_>>(),
        "groups": group::list(&ctx).await.unwrap(),
        "roles": roles,
        "tokens": oa::token::list(&ctx, true).await.unwrap(),
        "oa users": oa::user::list(&ctx, OaUserId(0), 1_000).await.unwrap().0,
        "audit rows": audit::list(&ctx, None, None, 1_000).await.unwrap().len(),
        "revisions": live::list_revisions(&mut read()).await.unwrap(),
    })
}
