//! `User/UpdateUserCloud`

use gatehouse_domain::{
    settings::EditOmitted,
    vpn::user::{self, UserEdit},
};
use gatehouse_model::Secret;

use super::{
    DISABLED_BY_STAFF, GROUP_UNKNOWN, GROUP_WRONG, IN_ANONYMOUS_GROUP, NAME_EMPTY, NAME_RESERVED, SERVER_UNKNOWN,
    WRONG_TYPE, expiry, server,
};
use crate::{
    answer::{Outcome, Refusal, Success, Words, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::Params,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "UpdateUserCloud",
    dialect: Dialect::Seed,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.user.update",
    kind: "account",
    names: &["old_name"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(10, text::PARAMETER);
const OLD_NAME_UNKNOWN: Refusal = refusal(10, text::OLD_NAME_UNKNOWN);
const TAKEN: Refusal = refusal(-2, text::USER_EXISTS);

const WORDS: Words = &[
    ("old_name", "empty", WRONG),
    ("old_name", "unknown", OLD_NAME_UNKNOWN),
    ("name", "empty", NAME_EMPTY),
    ("name", "malformed", WRONG_TYPE),
    ("name", "reserved", NAME_RESERVED),
    ("name", "taken", TAKEN),
    ("name", "protected", WRONG_TYPE),
    ("group", "malformed", GROUP_WRONG),
    ("group", "unknown", GROUP_UNKNOWN),
    ("group", "anonymous", IN_ANONYMOUS_GROUP),
    ("auth_server", "unknown", SERVER_UNKNOWN),
    ("note", "malformed", WRONG_TYPE),
    ("phone", "malformed", WRONG_TYPE),
    ("password", "malformed", WRONG_TYPE),
    ("expires_on", "malformed", WRONG_TYPE),
    ("password", "protected", WRONG_TYPE),
    ("is_enabled", "disabled_by_staff", DISABLED_BY_STAFF),
];

/// Edits, renames, moves a user.
///
/// Shape: `old_name`, `new_name` (= `old_name`), `parent_group`, and as in `AddUserCloud`: `note`, `phone`, `role_name` (empty:
/// cleared), `passwd` (empty or the mask: kept), `is_enable` (empty: kept), `is_extauth` with `ext_auth_name` and `auth_type` (on: in
/// effect at once, see specs/vpn.md §7.4), `b_inherit_auth`, `b_inherit_grpolicy`, `is_pwd`, `is_public`, `gqsj` with `ex_time` →
/// no `result`. What is absent is kept; differs: with `vpn.edit_omitted = "reset"` it falls back to the seed's defaults.
/// Errors: 10 参数错误 without `old_name`; 10 oldname不存在; `new_name`: -2 用户名不能为空, 参数类型错误, 用户名保留, 用户已存在;
/// `parent_group`: -13 `parent_group`参数错误, 该用户组不存在, -2 用户存在于匿名用户组; -13 没有找到对应的外部服务器; -2 参数类型错误 for
/// texts over their limits, and for name and password of an account that is more than a VPN user; -2 该用户已被管理员禁用.
/// Source: seeds/001 "编辑用户", specs/vpn.md §6, §7.4.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let mut wish = edit(params);
    if call.ctx.app.settings().vpn.edit_omitted == EditOmitted::Reset {
        reset(params, &mut wish);
    }
    let edited = user::edit(&call.ctx, &wish).await;
    edited.map_err(|error| params.blamed(told(WORDS)(error), &[(WRONG, "old_name"), (GROUP_WRONG, "parent_group")]))?;
    Ok(Success::new(text::USER_UPDATED))
}

fn edit(params: &Params) -> UserEdit {
    let text = |name| params.get(name).map(str::to_owned);
    UserEdit {
        old_name: text("old_name").unwrap_or_default(),
        new_name: text("new_name"),
        group: text("parent_group").unwrap_or_default(),
        note: text("note"),
        phone: text("phone"),
        roles: params.list("role_name"),
        password: params.filled("passwd").filter(|password| *password != text::PASSWORD_MASK).map(Secret::new),
        is_enabled: params.filled("is_enable").map(|value| value == "1"),
        is_external: params.filled("is_extauth").map(|value| value == "1"),
        server: params.filled("ext_auth_name").map(|name| server(params, name)),
        inherits_auth: params.inherits("b_inherit_auth"),
        inherits_policy: params.inherits("b_inherit_grpolicy"),
        has_password: params.flag("is_pwd"),
        is_public: params.flag("is_public"),
        expiry: expiry(params),
    }
}

/// What the seed's table says of parameters that are absent; a password is kept all the same.
fn reset(params: &Params, edit: &mut UserEdit) {
    edit.note.get_or_insert_default();
    edit.phone.get_or_insert_default();
    edit.roles.get_or_insert_default();
    if params.get("is_enable").is_none() {
        edit.is_enabled = Some(true);
    }
    if params.get("is_extauth").is_none() {
        edit.is_external = Some(false);
    }
}
