//! `user/info`, `checkLogin`, `resetSecurity`, `changePassword`, `update` (specs/panel.md §2.3).

use gatehouse_domain::panel::{Refusal, user};
use gatehouse_model::{Millis, Secret};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
};

/// Seconds of the wire.
pub(crate) fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1_000)
}

/// Bytes of the wire: what no limit is shown as (specs/panel.md §3.8).
pub(crate) fn quota(quota: Option<i64>) -> i64 {
    quota.unwrap_or(9_007_199_254_740_991)
}

/// Charged bytes from hundredths of a byte, rounded half up.
pub(crate) fn bytes(hundredths: i64) -> i64 {
    hundredths.saturating_add(50).div_euclid(100)
}

/// What a limit of 0 is on the wire.
pub(crate) fn limit(number: i64) -> Value {
    if number == 0 { Value::Null } else { json!(number) }
}

/// Shows the caller. Money in hundredths, times in seconds.
pub(super) async fn info(call: &Call) -> Outcome {
    let info = user::info(call.who()?).await?;
    let row = &info.row;
    let avatar = user::avatar(&call.ctx.app, row);
    Ok(Answer::Data(json!({
        "email": row.email,
        "transfer_enable": quota(row.quota),
        "last_login_at": row.last_login_at.map(seconds),
        "created_at": seconds(row.created_at),
        "banned": !row.is_enabled,
        "remind_expire": row.remind_expire,
        "remind_traffic": row.remind_traffic,
        "expired_at": row.expires_at.map(seconds),
        "balance": info.balance.0,
        "commission_balance": info.commission.0,
        "plan_id": row.plan_id,
        "discount": row.discount,
        "commission_rate": row.commission_rate,
        "telegram_id": row.telegram_id,
        "uuid": info.uuid.expose(),
        "avatar_url": avatar,
    })))
}

/// Tells that the caller is logged in, and whether as staff that may do everything.
pub(super) async fn check_login(call: &Call) -> Outcome {
    Ok(Answer::Data(json!({"is_login": true, "is_admin": call.who()?.is_admin()})))
}

/// Replaces uuid and token. Gives the new link.
pub(super) async fn reset_security(call: &Call) -> Outcome {
    Ok(Answer::Data(Value::from(user::reset_security(call.who()?).await?)))
}

/// Changes the password. Shape: `old_password`, `new_password`.
pub(super) async fn change_password(call: &Call) -> Outcome {
    let password = |name| call.input.password(name);
    let old = password("old_password").ok_or(Refusal::input("old_password", "Old password cannot be empty"))?;
    let new = password("new_password").ok_or(Refusal::input("new_password", "New password cannot be empty"))?;
    let is_long_enough = |password: &Secret| (8..=128).contains(&password.expose().chars().count());
    if !is_long_enough(&new) {
        return Err(Refusal::input("new_password", "Password must be greater than 8 digits").into());
    }
    user::change_password(call.who()?, &old, &new).await?;
    Ok(Answer::done())
}

/// Writes `remind_expire` and `remind_traffic`, and nothing else whatever is sent.
pub(super) async fn update(call: &Call) -> Outcome {
    let flag = |name: &'static str| -> Result<Option<bool>, Failure> { call.input.flag(name) };
    user::update(call.who()?, flag("remind_expire")?, flag("remind_traffic")?).await?;
    Ok(Answer::done())
}
