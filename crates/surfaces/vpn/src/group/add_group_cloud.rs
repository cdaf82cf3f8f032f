//! `Group/AddGroupCloud`

use gatehouse_domain::vpn::{
    group::{self, NewGroup},
    method,
};
use gatehouse_model::VpnPolicySetId;

use crate::{
    answer::{Outcome, Refusal, Success, Words, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::Params,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "AddGroupCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.group.create",
    kind: "vpn_group",
    names: &["parent_group", "name"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(-10, text::PARAMETER);
const TAKEN: Refusal = refusal(-9, text::GROUP_EXISTS);
const CHILDLESS: Refusal = refusal(-2, text::GROUP_CHILDLESS);

const WORDS: Words = &[
    ("name", "empty", TAKEN),
    ("name", "taken", TAKEN),
    ("name", "", WRONG),
    ("parent", "childless", CHILDLESS),
    ("parent", "", WRONG),
    ("note", "", WRONG),
    ("policy_set", "", WRONG),
    ("auth_server", "", WRONG),
];

/// Makes a group.
///
/// Shape: `name`, `parent_group` (full path), `note`, `role_name` (list; unknown ones are ignored), `b_inherit_auth`,
/// `b_inherit_grpolicy` and `b_inherit_prole` (1), `is_extauth` (0) with `ext_auth_name`, `auth_type` (0 all of, 1 any of),
/// `b_force_inherit_auth` and `b_force_grpolicy` (0), `grpolicy_id` (0), `is_pwd` (1), `is_sms`, `is_cert`, `is_hardid`, `is_token`
/// with `token_svr_id` (0) → no `result`.
/// Units: name at most 96 bytes, note 48.
/// Errors: name absent, empty or in use there -9 用户组名错误或已存在; parent that takes no groups -2 该用户组下不允许创建子组; all
/// else -10 参数错误.
/// Source: specs/vpn.md §6, §8.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let name = params.required("name", TAKEN)?;
    let parent = params.required("parent_group", WRONG)?;
    group::add(&call.ctx, &new(params, name, parent)).await.map_err(told(WORDS))?;
    Ok(Success::new(text::GROUP_ADDED))
}

fn new(params: &Params, name: &str, parent: &str) -> NewGroup {
    let is_on = |name| params.flag(name).unwrap_or(false);
    let inherits = |name| params.inherits(name).unwrap_or(true);
    // No policy set has a negative id, so that what is no number names none.
    let policy_set = params.filled("grpolicy_id").map_or(0, |id| id.parse().unwrap_or(-1));
    NewGroup {
        name: name.to_owned(),
        parent: parent.to_owned(),
        note: params.get("note").unwrap_or_default().to_owned(),
        roles: params.list("role_name").unwrap_or_default(),
        inherits_auth: inherits("b_inherit_auth"),
        inherits_policy: inherits("b_inherit_grpolicy"),
        inherits_roles: inherits("b_inherit_prole"),
        forces_auth: is_on("b_force_inherit_auth"),
        forces_policy: is_on("b_force_grpolicy"),
        methods: params.methods(),
        is_any_of: is_on("auth_type"),
        server: is_on("is_extauth").then(|| params.get("ext_auth_name").unwrap_or_default().to_owned()),
        token_server_id: params.number("token_svr_id").filter(|_| params.methods() & method::TOKEN != 0).unwrap_or(0),
        policy_set_id: VpnPolicySetId(policy_set),
    }
}
