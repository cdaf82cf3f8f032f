//! `GET access/catalog/get/`

use gatehouse_domain::bastion::request;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page};

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    group: i64,
}

/// Lists what may be asked for: resources with the policy `requestable`, nothing of them but id, name and group.
///
/// Shape: paging, `name` (contained) → paged `{id, name, group}`. Errors: E403 without 105; E400f.
/// Source: specs/bastion.md §11.3, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    request::may_add(&ctx)?;
    let mut query = call.query();
    let paging = query.paging();
    let name = query.text("name");
    query.finish()?;
    let found = request::catalog(&ctx, name.as_deref(), paging).await?;
    Ok(page::reply(paging, found, |(id, name, group)| Shown { id: id.0, name, group: group.0 }))
}
