//! `GET resource/protocol/get/`

use gatehouse_domain::bastion::resource;
use gatehouse_model::Paged;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page};

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    code: String,
    description: Option<String>,
}

/// Lists the protocols.
///
/// Shape: paging → paged `{id, name, code, description}`. Errors: 401; E400f. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let paging = query.paging();
    query.finish()?;
    let mut rows = resource::protocols(&ctx).await?;
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if paging.is_descending {
        rows.reverse();
    }
    let part = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(part(paging.offset)).take(part(paging.limit)).collect();
    Ok(page::reply(paging, Paged { total, rows }, |row| Shown {
        id: row.id.0,
        name: row.name,
        code: row.code,
        description: row.remark,
    }))
}
