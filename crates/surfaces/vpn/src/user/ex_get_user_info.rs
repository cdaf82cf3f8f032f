//! `User/ExGetUserInfo`

use gatehouse_domain::{
    settings::Messages,
    vpn::user::{self, User},
};
use gatehouse_model::Millis;
use serde::Serialize;

use super::WRONG;
use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    shown::{self, bit, seconds},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "ExGetUserInfo",
    dialect: Dialect::Seed,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.user.show",
    kind: "account",
    names: &["username"],
    handle: |call| Box::pin(handle(call)),
};

const UNKNOWN: Refusal = refusal(-10, text::USER_UNKNOWN);

/// `result`, in the order of the seed.
#[derive(Serialize)]
struct Info {
    id: String,
    name: String,
    note: String,
    passwd: &'static str,
    phone: String,
    cert_sn: &'static str,
    grpid: String,
    grpname: String,
    parent_path: String,
    roleid: String,
    role_name: String,
    crypto_key: &'static str,
    allocateip: String,
    b_inherit_auth: &'static str,
    b_inherit_grpolicy: &'static str,
    auth_methods: String,
    auth_type: &'static str,
    ext_auth_id: String,
    expire: String,
    attributes: &'static str,
    is_enable: u8,
    pwd_last_change: String,
    token_svr_id: String,
    is_first_login: &'static str,
    lastlogin_time: String,
    last_active_time: String,
    grpolicy_id: String,
    caid: &'static str,
    create_time: String,
    sec_key: &'static str,
    is_bind_key: &'static str,
    ext_settings: &'static str,
}

/// Shows a user as it is staged.
///
/// Shape: `username` → the 32 keys of specs/vpn.md §7.2, all texts but `is_enable`; `passwd` is always the mask, `sec_key` empty.
/// Units: times in seconds since 1970, 0 none; `create_time` in hundredths of a second.
/// Errors: `username` absent or empty -2 参数错误; unknown -10 用户不存在.
/// Source: seeds/001 "查询用户", specs/vpn.md §7.2.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("username", WRONG)?;
    let user =
        user::show(&call.ctx, name).await.map_err(told(&[("name", "unknown", UNKNOWN), ("name", "empty", WRONG)]))?;
    Success::new(text::USER_SHOWN).with(&info(user, call.ctx.app.settings().vpn.messages))
}

fn info(user: User, messages: Messages) -> Info {
    let is_enabled = user.is_enabled();
    let (roleid, role_name) = shown::roles(&user.roles);
    let User { row, .. } = user;
    let path = shown::path(row.group_path, messages);
    Info {
        id: row.id.to_string(),
        name: row.login,
        note: row.note,
        passwd: text::PASSWORD_MASK,
        phone: row.phone,
        cert_sn: "",
        grpid: row.vpn_group_id.to_string(),
        grpname: path.clone(),
        parent_path: path,
        roleid,
        role_name,
        crypto_key: "",
        allocateip: row.fixed_ip.unwrap_or_else(|| "0".to_owned()),
        b_inherit_auth: bit(row.inherits_auth),
        b_inherit_grpolicy: bit(row.inherits_policy),
        auth_methods: row.methods.to_string(),
        auth_type: bit(row.is_any_of),
        ext_auth_id: row.auth_server_id.map_or(0, |id| id.0).to_string(),
        expire: seconds(row.expires_at),
        attributes: bit(is_enabled),
        is_enable: is_enabled.into(),
        pwd_last_change: seconds(row.password_changed_at),
        token_svr_id: row.token_server_id.to_string(),
        is_first_login: bit(row.last_login_at.is_none()),
        lastlogin_time: seconds(row.last_login_at),
        last_active_time: seconds(row.last_active_at),
        grpolicy_id: row.policy_set_id.to_string(),
        caid: "-1",
        create_time: hundredths(row.created_at),
        sec_key: "",
        is_bind_key: "0",
        ext_settings: r#"{"auth_enabled":{},"wechat_enable":1}"#,
    }
}

fn hundredths(at: Millis) -> String {
    (at.0 / 10).to_string()
}
