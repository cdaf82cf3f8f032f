//! `GET rbac/user/role/get/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;
use serde::Serialize;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    rbac::role::shown::Role,
    reply::Reply,
    time,
};

#[derive(Serialize)]
struct Member {
    #[serde(flatten)]
    role: Role,
    valid_until: Option<String>,
}

/// Lists the roles a user has now.
///
/// Shape: `?id=` → `detail`: roles, each with `valid_until` (null: for good). Errors: 403; 404. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.read")?;
    let id = call.query().lone_integer("id").ok_or_else(Refusal::not_found)?;
    let zone = call.bastion.zone();
    let members = staff::memberships(&ctx, AccountId(id)).await?;
    let shown = members.into_iter().map(|member| Member {
        valid_until: member.valid_until.map(|at| time::shown(at, zone)),
        role: Role::new(member.role, zone),
    });
    Ok(Reply::detail(shown.collect::<Vec<_>>()))
}
