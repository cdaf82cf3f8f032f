//! `Role/GetRoleDataCloud`

use gatehouse_domain::vpn::role;
use serde::Serialize;

use super::{WORDS, WRONG, ids, names};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Role",
    action: "GetRoleDataCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.role.read",
    kind: "vpn_role",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

/// Lists stand in one text, separated by commas; the last four keys are of features that do not exist here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: String,
    name: String,
    note: String,
    enable: String,
    grp_ids_str: String,
    user_ids_str: String,
    rc_ids_str: String,
    #[serde(rename = "rcGrpIDsStr")]
    rc_grp_ids_str: String,
    #[serde(rename = "accredIDsStr")]
    accred_ids_str: &'static str,
    user_names: String,
    strage_names: &'static str,
    strage_ids: [&'static str; 0],
    is_inherit: u8,
}

/// Shows a role as it is staged.
///
/// Shape: `name` → the role with the ids of its groups, users, resources and resource groups.
/// Errors: absent or empty -2 参数错误; `NotFound` -2 角色不存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("name", WRONG)?;
    let view = role::find(&call.ctx, name).await.map_err(told(WORDS))?;
    Success::new(text::DONE).with(&Role {
        id: view.role.id.0.to_string(),
        note: view.role.note,
        enable: u8::from(view.role.is_enabled).to_string(),
        grp_ids_str: ids(&view.groups),
        user_ids_str: ids(&view.users),
        rc_ids_str: ids(&view.resources),
        rc_grp_ids_str: ids(&view.resource_groups),
        accred_ids_str: "",
        user_names: names(&view.users),
        strage_names: "",
        strage_ids: [],
        is_inherit: 0,
        name: view.role.name,
    })
}
