//! `GET resource/policy/get/`

use gatehouse_domain::bastion::policy::{self, Scope};
use gatehouse_model::Paged;
use serde::Serialize;
use serde_json::Value;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    page, text, time,
};

#[derive(Serialize)]
struct Shown {
    scope: String,
    object_id: i64,
    name: String,
    value: Value,
    update_date: String,
}

/// Lists policies, all or those set on one object; what holds at a resource is the nearest value of each name.
///
/// Shape: paging, `scope` (`all`, `group`, `resource`), `id` → paged `{scope, object_id, name, value}`. Errors: E403 without 107;
/// E400t 错误参数 for an unknown scope; E404. Source: specs/bastion.md §11.1, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    policy::may_read(&ctx)?;
    let mut query = call.query();
    let paging = query.paging();
    let (scope, id) = (query.text("scope"), query.integer("id"));
    query.finish()?;
    let scope = match scope {
        None => None,
        Some(name) => {
            let scope = Scope::new(&name, id.unwrap_or_default());
            Some(scope.ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?)
        }
    };
    let mut rows = policy::list(&ctx, scope).await?;
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if paging.is_descending {
        rows.reverse();
    }
    let part = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(part(paging.offset)).take(part(paging.limit)).collect();
    let zone = call.bastion.zone();
    Ok(page::reply(paging, Paged { total, rows }, |row| Shown {
        scope: row.scope,
        object_id: row.object_id,
        name: row.name,
        value: serde_json::from_str(&row.value).unwrap_or_default(),
        update_date: time::shown(row.updated_at, zone),
    }))
}
