//! `user/update`, `user/setInviteUser`.

use gatehouse_domain::panel::{
    Refusal,
    people::{self, Edit},
};
use gatehouse_model::{Millis, Money, PlanId};

use super::id;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::{Input, wrong},
    passport::login::is_email,
};

/// What no limit is on the wire (specs/panel.md §3.8).
const UNLIMITED: i64 = 9_007_199_254_740_991;
/// The last second that a millisecond of 53 bits reaches.
const LAST_SECOND: i64 = 9_007_199_254_740;

/// Changes a user. Shape: `id` and any of the fields of specs/panel.md §4.3; money in major units, times in seconds, traffic in bytes.
pub(super) async fn update(call: &Call) -> Outcome {
    let input = &call.input;
    let id = id(call)?;
    let password = match input.password("password") {
        Some(password) if !(8..=128).contains(&password.expose().chars().count()) => {
            return Err(Refusal::input("password", "Password must be greater than 8 digits").into());
        }
        password => password,
    };
    let edit = Edit {
        email: email(input, "email")?,
        password,
        quota: bounded(input, "transfer_enable", UNLIMITED)?
            .map(|bytes| Some(bytes).filter(|bytes| *bytes < UNLIMITED)),
        up: bounded(input, "u", UNLIMITED / 1_000)?,
        down: bounded(input, "d", UNLIMITED / 1_000)?,
        expires_at: nullable(input, "expired_at", LAST_SECOND)?.map(|end| end.map(|end| Millis(end * 1_000))),
        is_banned: input.flag("banned")?,
        plan_id: nullable(input, "plan_id", i64::MAX)?.map(|id| id.filter(|id| *id != 0).map(PlanId)),
        commission_rate: nullable(input, "commission_rate", 100)?,
        discount: nullable(input, "discount", 100)?,
        commission_type: bounded(input, "commission_type", 2)?,
        is_admin: input.flag("is_admin")?,
        is_staff: input.flag("is_staff")?,
        balance: money(input, "balance")?,
        commission: money(input, "commission_balance")?,
        speed_limit: nullable(input, "speed_limit", 1_000_000)?.map(Option::unwrap_or_default),
        device_limit: nullable(input, "device_limit", 1_000_000)?.map(Option::unwrap_or_default),
        remark: text(input, "remarks")?,
        inviter: inviter(input)?,
        remind_expire: input.flag("remind_expire")?,
        remind_traffic: input.flag("remind_traffic")?,
    };
    people::update(&call.ctx, id, &edit).await?;
    Ok(Answer::done())
}

/// Sets who invited a user. Shape: `id`, `invite_user_email`; null clears it, an absent one is refused.
pub(super) async fn set_inviter(call: &Call) -> Outcome {
    let inviter = inviter(&call.input)?.ok_or_else(|| wrong("invite_user_email"))?;
    let edit = Edit { inviter: Some(inviter), ..Edit::default() };
    people::update(&call.ctx, id(call)?, &edit).await?;
    Ok(Answer::done())
}

fn email(input: &Input, name: &'static str) -> Result<Option<String>, Failure> {
    match input.text(name) {
        None if input.value(name).is_some() => Err(Refusal::input(name, "Email format is incorrect").into()),
        Some(email) if !is_email(&email) => Err(Refusal::input(name, "Email format is incorrect").into()),
        email => Ok(email),
    }
}

/// Absent leaves it; null and the empty text clear it.
fn inviter(input: &Input) -> Result<Option<Option<String>>, Failure> {
    if !input.has("invite_user_email") {
        return Ok(None);
    }
    email(input, "invite_user_email").map(Some)
}

fn text(input: &Input, name: &'static str) -> Result<Option<Option<String>>, Failure> {
    if !input.has(name) {
        return Ok(None);
    }
    let text = input.text(name);
    if text.as_ref().is_some_and(|text| text.chars().count() > 2_000) {
        return Err(wrong(name));
    }
    Ok(Some(text))
}

/// From nothing to `most`; absent and null leave it.
fn bounded(input: &Input, name: &'static str, most: i64) -> Result<Option<i64>, Failure> {
    match input.integer(name)? {
        Some(number) if !(0..=most).contains(&number) => Err(wrong(name)),
        number => Ok(number),
    }
}

/// The same; null clears it.
fn nullable(input: &Input, name: &'static str, most: i64) -> Result<Option<Option<i64>>, Failure> {
    if !input.has(name) {
        return Ok(None);
    }
    bounded(input, name, most).map(Some)
}

/// Major units with at most two decimals, read as text; no less than nothing.
fn money(input: &Input, name: &'static str) -> Result<Option<Money>, Failure> {
    if input.value(name).is_none() {
        return Ok(None);
    }
    let amount: Option<Money> = input.text(name).and_then(|text| text.parse().ok());
    amount.filter(|amount| (0..=100_000_000_000_000).contains(&amount.0)).map(Some).ok_or_else(|| wrong(name))
}
