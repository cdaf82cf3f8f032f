//! `POST rbac/role/edit/permission/`

use std::collections::BTreeSet;

use gatehouse_domain::role;
use gatehouse_model::RoleId;

use crate::{
    call::Call,
    catalogue,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Replaces the installation-wide permissions of a role; codes without an id here stay.
///
/// Shape: `{id, perms}` → ok. Errors: 403, also when a permission that is given or taken is not the caller's; 404; E400t
/// protected; E400f perms 权限错误 (unknown, or one for resource groups). Source: seeds/003 operation 16, specs/bastion.md
/// §6.1 row 16.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.update")?;
    let mut fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(Refusal::not_found)?;
    let perms = fields.integers("perms");
    let codes: Option<BTreeSet<&str>> = perms.into_iter().map(installation_wide).collect();
    if codes.is_none() {
        let (_, wrong) = text::fault("perms", "unknown");
        fields.fault("perms", wrong);
    }
    fields.finish()?;
    let visible = catalogue::installation_wide();
    role::replace_codes(&ctx, RoleId(id), &codes.unwrap_or_default(), &visible).await?;
    Ok(Reply::ok())
}

fn installation_wide(id: i64) -> Option<&'static str> {
    catalogue::by_id(id).filter(|permission| !permission.is_on_groups()).map(|permission| permission.code)
}
