//! `User/AddUserCloud`

use gatehouse_domain::vpn::{
    method,
    user::{self, Expiry, NewUser},
};
use gatehouse_model::Secret;

use super::{
    GROUP_UNKNOWN, GROUP_WRONG, IN_ANONYMOUS_GROUP, NAME_EMPTY, NAME_RESERVED, SERVER_UNKNOWN, WRONG_TYPE, expiry,
    server,
};
use crate::{
    answer::{Outcome, Refusal, Success, Words, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::Params,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "AddUserCloud",
    dialect: Dialect::Seed,
    effect: Effect::Staged,
    unfit: WRONG_TYPE,
    event: "vpn.user.create",
    kind: "account",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

const NAME_WRONG: Refusal = refusal(-9, text::NAME_WRONG);
const TAKEN: Refusal = refusal(-9, text::USER_EXISTS);

const WORDS: Words = &[
    ("name", "empty", NAME_EMPTY),
    ("name", "malformed", NAME_WRONG),
    ("name", "reserved", NAME_RESERVED),
    ("group", "malformed", GROUP_WRONG),
    ("group", "unknown", GROUP_UNKNOWN),
    ("group", "anonymous", IN_ANONYMOUS_GROUP),
    ("name", "taken", TAKEN),
    ("auth_server", "unknown", SERVER_UNKNOWN),
    ("note", "malformed", WRONG_TYPE),
    ("phone", "malformed", WRONG_TYPE),
    ("password", "malformed", WRONG_TYPE),
    ("expires_on", "malformed", WRONG_TYPE),
];

/// Makes a user.
///
/// Shape: `name`, `parent_group` (full path), `note`, `passwd`, `phone`, `role_name` (list; unknown ones are ignored),
/// `b_inherit_auth` and `b_inherit_grpolicy` (1), `is_extauth` (0) with `ext_auth_name` and `auth_type` (1 LDAP, 2 RADIUS), `is_pwd`
/// (1), `is_hardid`, `is_token` with `token_svr_id`, `is_cert`, `is_sms`, `is_public` (0), `gqsj` (1: never expires) with `ex_time`
/// (`YYYY-MM-DD` in `vpn.time_zone`, where access ends) → no `result`.
/// Units: name, note and password at most 48 bytes, phone 30.
/// Errors, the first of: -2 用户名不能为空; -9 name参数错误; -2 用户名保留; -13 `parent_group`参数错误; -13 该用户组不存在;
/// -2 用户存在于匿名用户组; -9 用户已存在; -13 没有找到对应的外部服务器; -2 参数类型错误.
/// Source: seeds/001 "新建用户", specs/vpn.md §7.3.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let made = user::add(&call.ctx, &new(params)).await;
    made.map_err(|error| params.blamed(told(WORDS)(error), &[(NAME_EMPTY, "name"), (GROUP_WRONG, "parent_group")]))?;
    Ok(Success::new(text::USER_ADDED))
}

fn new(params: &Params) -> NewUser {
    let text = |name| params.get(name).unwrap_or_default().to_owned();
    let is_on = |name| params.flag(name).unwrap_or(false);
    NewUser {
        name: text("name"),
        group: text("parent_group"),
        note: text("note"),
        phone: text("phone"),
        password: params.filled("passwd").map(Secret::new),
        roles: params.list("role_name").unwrap_or_default(),
        inherits_auth: params.inherits("b_inherit_auth").unwrap_or(true),
        inherits_policy: params.inherits("b_inherit_grpolicy").unwrap_or(true),
        methods: params.methods(),
        server: is_on("is_extauth").then(|| server(params, params.get("ext_auth_name").unwrap_or_default())),
        token_server_id: params.number("token_svr_id").filter(|_| params.methods() & method::TOKEN != 0).unwrap_or(0),
        is_public: is_on("is_public"),
        expires_on: match expiry(params) {
            Expiry::Keep | Expiry::Never => None,
            Expiry::On(day) => Some(day),
        },
    }
}
