//! `GET resource/rule/get/`

use gatehouse_domain::bastion::rule;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    scope: String,
    object_id: i64,
    roles: Vec<i64>,
    pattern: String,
    action: String,
    priority: i64,
    status: bool,
    create_date: String,
    update_date: String,
}

/// Lists command rules: a guard rail, not a boundary.
///
/// Shape: paging → paged rules; the one with the lowest priority is asked first. Errors: E403 without 107; E400f.
/// Source: specs/bastion.md §11.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    rule::may_read(&ctx)?;
    let mut query = call.query();
    let paging = query.paging();
    query.finish()?;
    let found = rule::list(&ctx, paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, found, |listed| Shown {
        id: listed.row.id.0,
        name: listed.row.name,
        scope: listed.row.scope,
        object_id: listed.row.object_id,
        roles: listed.roles.into_iter().map(|role| role.0).collect(),
        pattern: listed.row.pattern,
        action: listed.row.action,
        priority: listed.row.priority,
        status: listed.row.is_enabled,
        create_date: time::shown(listed.row.created_at, zone),
        update_date: time::shown(listed.row.updated_at, zone),
    }))
}
