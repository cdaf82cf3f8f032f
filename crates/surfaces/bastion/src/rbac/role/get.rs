//! `GET rbac/role/get/`

use gatehouse_domain::role;

use super::shown::Role;
use crate::{call::Call, envelope::Outcome, page};

/// Lists roles.
///
/// Shape: `?name=` (a part, whatever its case), paging → page of roles. Errors: 403; E400f. Source: seeds/003 operation 14,
/// specs/bastion.md §6.1 row 14.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.role.read")?;
    let mut query = call.query();
    let name = query.text("name");
    let paging = query.paging();
    query.finish()?;
    let list = role::list(&ctx, name.as_deref(), paging).await?;
    Ok(page::reply(paging, list, |row| Role::new(row, call.bastion.zone())))
}
