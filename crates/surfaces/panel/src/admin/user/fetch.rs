//! `user/fetch`, `getUserInfoById`, `dumpCSV`.

use gatehouse_domain::panel::{
    filter::Listing,
    people::{self, FIELDS, Shown},
};
use gatehouse_model::{Millis, Money};
use serde_json::{Value, json};

use super::id;
use crate::{
    admin::list::{Asked, conditions},
    answer::{Answer, Outcome},
    csv,
    endpoint::Call,
    plan::resource::major,
    user::account::{bytes, limit, quota, seconds},
};

/// Rows of a file at most.
const MOST: i64 = 100_000;
/// Rows read at once for it.
const BATCH: i64 = 500;

/// A page of users. Money in major units here; never a password hash.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let asked = Asked::read(&call.input, FIELDS)?;
    let (users, total) = people::list(&call.ctx, &asked.listing).await?;
    Ok(asked.page(total, users.iter().map(|user| shown(user, major)).collect()))
}

/// One user. Money in hundredths here. Shape: `id`.
pub(super) async fn one(call: &Call) -> Outcome {
    let user = people::find(&call.ctx, id(call)?).await?;
    Ok(Answer::Data(shown(&user, |amount| json!(amount.0))))
}

/// All users that fulfil `filter` as a file.
pub(super) async fn dump(call: &Call) -> Outcome {
    let conditions = conditions(&call.input, FIELDS)?;
    let mut rows = vec![
        [
            "email",
            "balance",
            "commission_balance",
            "transfer_enable",
            "used",
            "device_limit",
            "expired_at",
            "plan",
            "subscribe_url",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut offset = 0;
    while offset < MOST {
        let order = FIELDS.first().map(|field| (field, false));
        let listing = Listing { conditions: conditions.clone(), order, limit: BATCH, offset };
        let (users, _) = people::list(&call.ctx, &listing).await?;
        if users.is_empty() {
            break;
        }
        offset += BATCH;
        rows.extend(users.iter().map(|shown| {
            let (staff, user) = (&shown.row, &shown.row.user);
            vec![
                user.email.clone().unwrap_or_default(),
                staff.balance.to_decimal(),
                staff.commission.to_decimal(),
                quota(user.quota).to_string(),
                bytes(user.up.saturating_add(user.down)).to_string(),
                user.device_limit.to_string(),
                moment(user.expires_at),
                staff.plan_name.clone().unwrap_or_default(),
                shown.url.clone(),
            ]
        }));
    }
    Ok(csv::file("users.csv", &rows))
}

/// Seconds; nothing: never.
pub(super) fn moment(at: Option<Millis>) -> String {
    at.map(|at| seconds(at).to_string()).unwrap_or_default()
}

/// A user as staff see him: seconds, bytes, Mbit/s.
fn shown(shown: &Shown, money: impl Fn(Money) -> Value) -> Value {
    let (staff, user) = (&shown.row, &shown.row.user);
    let named = |id: Option<i64>, key: &str, name: &Option<String>| id.map(|id| json!({"id": id, key: name}));
    json!({
        "id": user.account_id,
        "email": user.email,
        "invite_user_id": user.inviter_id,
        "telegram_id": user.telegram_id,
        "balance": money(staff.balance),
        "commission_balance": money(staff.commission),
        "discount": user.discount,
        "commission_type": user.commission_type,
        "commission_rate": user.commission_rate,
        "t": user.used_at.map_or(0, seconds),
        "u": bytes(user.up),
        "d": bytes(user.down),
        "total_used": bytes(user.up.saturating_add(user.down)),
        "transfer_enable": quota(user.quota),
        "device_limit": limit(user.device_limit),
        "speed_limit": limit(user.speed_limit),
        "online_count": staff.online,
        "last_online_at": staff.online_at.map(seconds),
        "banned": !user.is_enabled,
        "is_admin": staff.is_admin,
        "is_staff": staff.is_staff,
        "last_login_at": user.last_login_at.map(seconds),
        "last_login_ip": user.last_login_ip,
        "uuid": shown.uuid.expose(),
        "token": shown.token.expose(),
        "subscribe_url": shown.url,
        "group_id": user.node_group_id,
        "group": named(user.node_group_id.map(|id| id.0), "name", &staff.group_name),
        "plan_id": user.plan_id,
        "plan": named(user.plan_id.map(|id| id.0), "name", &staff.plan_name),
        "invite_user": named(user.inviter_id.map(|id| id.0), "email", &staff.inviter_email),
        "remind_expire": user.remind_expire,
        "remind_traffic": user.remind_traffic,
        "expired_at": user.expires_at.map(seconds),
        "next_reset_at": user.next_reset_at.map(seconds),
        "last_reset_at": user.last_reset_at.map(seconds),
        "reset_count": user.reset_count,
        "remarks": user.remark,
        "anchor_day": user.anchor_day,
        "created_at": seconds(user.created_at),
        "updated_at": seconds(staff.changed_at),
    })
}
