//! `POST resource/group/add/`

use gatehouse_domain::{
    Error,
    bastion::group::{self, NewGroup},
};
use gatehouse_model::{ResourceGroupId, RoleId};

use super::super::{NAME, NOTE, is_given, new_integer};
use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Makes a resource group: a root with a role, or one below a parent.
///
/// Shape: `{name, description?, parent?, role}`, `role` ignored with a parent → ok. Errors: E403 without 12 (root) or 16 on the
/// parent; E400f 名称已被占用, 角色为必填项, 角色不存在, 该角色不属于自身所拥有的角色; E404 parent; E400t
/// 子组层数已到达最大,可在设置中调整. Source: seeds/003 operation 20, specs/bastion.md §6.2.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    group::may_add(&ctx).await?;
    let mut fields = call.fields()?;
    let name = fields.text("name", NAME);
    let remark = fields.optional_text("description", NOTE, Blank::Null);
    let parent = new_integer(&mut fields, "parent").map(ResourceGroupId);
    let role = if is_given(&fields, "parent") { None } else { Some(RoleId(fields.integer("role"))) };
    let new = NewGroup { name, remark, parent, role };
    if fields.has_faults() {
        fields.note_found(group::faults(&ctx, &new).await)?;
    }
    fields.finish()?;
    match group::add(&ctx, &new).await {
        Ok(_) => Ok(Reply::ok()),
        Err(Error::QuotaExceeded { .. }) => Err(Refusal::text("子组层数已到达最大,可在设置中调整")),
        Err(error) => Err(error.into()),
    }
}
