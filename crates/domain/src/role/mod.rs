//! Roles: what they are, the codes they hold, and what they hold on resource groups (specs/bastion.md §2, §6.2).
//!
//! Every change runs in [`permission::begin`] and asks in this order: right, existence, protection, escalation.

mod change;
mod code;
pub(crate) mod grants;

pub use change::{NewRole, RoleEdit, add, delete, edit, set_status, taken};
pub use code::{codes, replace_codes};
pub use grants::{GrantFaults, GrantKey, ValidityEdit, find_grant_faults, grants, replace_grants};

use gatehouse_model::{Paged, Paging, RoleId, fold_key};
pub use gatehouse_store::role::RoleRow;
use gatehouse_store::{Query, like, role as rows};

use crate::{Ctx, Error, Result, account::administrator, permission};

/// Lists roles by id; `name` is searched for anywhere in the name, whatever its case.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §6.1 row 14.
pub async fn list(ctx: &Ctx, name: Option<&str>, paging: Paging) -> Result<Paged<RoleRow>> {
    ctx.require("system.role.read")?;
    let name = name.map(|name| like::contains(&fold_key(name)));
    let total = rows::count(&mut ctx.read(), name.as_deref()).await?;
    let part = (paging.limit, paging.offset);
    let page = rows::list_page(&mut ctx.read(), name.as_deref(), paging.is_descending, part).await?;
    Ok(Paged { total, rows: page })
}

async fn find(q: &mut impl Query, id: RoleId) -> Result<RoleRow> {
    rows::find(q, id).await?.ok_or(Error::NotFound { what: "role" })
}

fn require_unprotected(role: &RoleRow) -> Result<()> {
    if role.is_protected { Err(Error::Locked { what: "role", why: "it is protected" }) } else { Ok(()) }
}

/// Refuses unless the actor may give and take a role: he holds all that it holds, and role 1 only as one of its members
/// (specs/bastion.md §2.3, N2).
pub(crate) async fn require_binding(ctx: &Ctx, q: &mut impl Query, id: RoleId) -> Result<()> {
    let role = find(q, id).await?;
    require_member_of_first(ctx, q, &role).await?;
    permission::covers_role(ctx, q, id).await
}

/// Refuses everybody but the members of role 1, if it is role 1.
async fn require_member_of_first(ctx: &Ctx, q: &mut impl Query, role: &RoleRow) -> Result<()> {
    if role.code != administrator::ROLE {
        return Ok(());
    }
    let is_member = match ctx.account() {
        Some(account) => rows::is_member(q, account, role.id, ctx.now()).await?,
        None => matches!(ctx.actor, crate::Actor::System(_) | crate::Actor::Operator),
    };
    if is_member { Ok(()) } else { Err(Error::Forbidden { need: administrator::ROLE.to_owned() }) }
}
