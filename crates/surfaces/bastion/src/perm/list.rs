//! `GET rbac/perm/`

use serde::Serialize;

use crate::{call::Call, catalogue::PERMISSIONS, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Row {
    id: i64,
    scope: &'static str,
    object: &'static str,
    action: &'static str,
    code: &'static str,
    name: &'static str,
}

/// Lists the whole catalogue.
///
/// Shape: none → `detail`: permissions by id. Errors: 403 without `system.perm.read` and `system.permission.read`.
/// Source: seeds/003 operation 17, specs/bastion.md §6.1 row 17.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.perm.read").or_else(|_| ctx.require("system.permission.read"))?;
    let rows = PERMISSIONS.iter().map(|permission| {
        let (scope, object, action) = permission.parts();
        Row { id: permission.id, scope, object, action, code: permission.code, name: permission.name }
    });
    Ok(Reply::detail(rows.collect::<Vec<_>>()))
}
