//! `Group/GetGroupInfo`

use gatehouse_domain::{
    settings::Messages,
    vpn::{
        group::{self, Group},
        method,
    },
};
use serde::Serialize;

use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    shown::{self, bit},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "GetGroupInfo",
    dialect: Dialect::Seed,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.group.show",
    kind: "vpn_group",
    names: &["group_name"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(-2, text::PARAMETER);
const UNKNOWN: Refusal = refusal(-10, text::GROUP_UNKNOWN);

/// What stands for the group above the root.
const ABOVE_ROOT: i64 = -101;

/// `result`
#[derive(Serialize)]
struct Info {
    id: String,
    name: String,
    note: String,
    grpid: String,
    parent_path: String,
    max_users: &'static str,
    b_inherit_auth: &'static str,
    b_inherit_grpolicy: &'static str,
    b_inherit_prole: &'static str,
    grpolicy_id: String,
    grpolicy_text: String,
    roleid: String,
    role_name: String,
    auth_type: &'static str,
    ext_auth_id: i64,
    ext_auth_name: Option<String>,
    is_extauth: u8,
    is_token: u8,
    is_pwd: u8,
    is_sms: u8,
    is_cert: u8,
    is_hardid: u8,
}

/// Shows a group as it is staged.
///
/// Shape: `group_name`, a full path → the 22 keys of specs/vpn.md §7.6; ids are texts but `ext_auth_id`, whose 0 is none;
/// `grpid` and `parent_path` are the group above.
/// Errors: `group_name` absent, empty or not absolute -2 参数错误; unknown -10 用户组不存在.
/// Source: seeds/001 "查询用户组", specs/vpn.md §7.6.
async fn handle(call: &Call) -> Outcome {
    let path = call.params.required("group_name", WRONG)?;
    let words = told(&[("path", "malformed", WRONG), ("path", "unknown", UNKNOWN)]);
    let group = group::show(&call.ctx, path).await.map_err(words)?;
    Success::new(text::DONE).with(&info(group, call.ctx.app.settings().vpn.messages))
}

fn info(Group { row, names, roles }: Group, messages: Messages) -> Info {
    let (roleid, role_name) = shown::roles(&roles);
    let has = |method: i64| u8::from(row.methods & method != 0);
    Info {
        id: row.id.to_string(),
        name: if row.id == group::DEFAULT { shown::default_name(row.name, messages) } else { row.name },
        note: row.note,
        grpid: row.parent_id.map_or(ABOVE_ROOT, |id| id.0).to_string(),
        parent_path: names.parent_path.unwrap_or_default(),
        max_users: "0",
        b_inherit_auth: bit(row.inherits_auth),
        b_inherit_grpolicy: bit(row.inherits_policy),
        b_inherit_prole: bit(row.inherits_roles),
        grpolicy_id: row.policy_set_id.to_string(),
        grpolicy_text: names.policy_set_name,
        roleid,
        role_name,
        auth_type: bit(row.is_any_of),
        ext_auth_id: row.auth_server_id.map_or(0, |id| id.0),
        ext_auth_name: names.auth_server_name,
        is_extauth: has(method::EXTERNAL),
        is_token: has(method::TOKEN),
        is_pwd: has(method::PASSWORD),
        is_sms: has(method::SMS),
        is_cert: has(method::CERTIFICATE),
        is_hardid: has(method::HARDWARE_ID),
    }
}
