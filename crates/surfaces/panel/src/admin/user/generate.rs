//! `user/generate`.

use gatehouse_domain::panel::{
    Refusal,
    people::{self, Made, NewUsers},
};
use gatehouse_model::{Millis, PlanId};
use serde_json::{Value, json};

use super::fetch::moment;
use crate::{
    answer::{Answer, Outcome},
    csv,
    endpoint::Call,
    input::wrong,
    passport::login::is_email,
    user::account::seconds,
};

/// Users made at once at most.
const MOST: i64 = 500;

/// Makes users. Shape: `email_suffix` with `email_prefix` for one, or with `generate_count` ≤ 500; `plan_id?`, `expired_at?` (seconds),
/// `password?` → one: `true`, with its random `password` beside it; many: a file with what is shown once.
pub(super) async fn generate(call: &Call) -> Outcome {
    let input = &call.input;
    let suffix = input.text("email_suffix").ok_or_else(|| wrong("email_suffix"))?;
    let suffix = suffix.trim_start_matches('@').to_owned();
    let password = input.password("password");
    if password.as_ref().is_some_and(|password| !(8..=128).contains(&password.expose().chars().count())) {
        return Err(Refusal::input("password", "Password must be greater than 8 digits").into());
    }
    let prefix = input.text("email_prefix");
    let emails = match (&prefix, input.integer("generate_count")?) {
        (Some(prefix), _) => vec![format!("{prefix}@{suffix}")],
        (None, Some(count)) if (1..=MOST).contains(&count) => {
            (0..count).map(|_| people::random_email(&call.ctx, &suffix)).collect()
        }
        (None, _) => return Err(wrong("generate_count")),
    };
    if !emails.iter().all(|email| is_email(email) && email.len() <= 150) {
        return Err(Refusal::input("email_suffix", "Email format is incorrect").into());
    }
    let expires_at = input.integer("expired_at")?;
    if expires_at.is_some_and(|end| !(0..=9_007_199_254_740).contains(&end)) {
        return Err(wrong("expired_at"));
    }
    let is_random = password.is_none();
    let new = NewUsers {
        emails,
        plan_id: input.integer("plan_id")?.filter(|id| *id != 0).map(PlanId),
        expires_at: expires_at.map(|end| Millis(end * 1_000)),
        password,
    };
    let made = people::generate(&call.ctx, &new).await?;
    if let (Some(_), [user]) = (&prefix, made.as_slice()) {
        if is_random {
            let beside = [("password".to_owned(), json!(user.password.expose()))];
            return Ok(Answer::Beside(Value::Bool(true), beside.into_iter().collect()));
        }
        return Ok(Answer::done());
    }
    let heading = ["email", "password", "expired_at", "uuid", "created_at", "subscribe_url"].map(str::to_owned);
    let rows: Vec<Vec<String>> = std::iter::once(heading.to_vec()).chain(made.iter().map(row)).collect();
    Ok(csv::file("users.csv", &rows))
}

fn row(user: &Made) -> Vec<String> {
    vec![
        user.email.clone(),
        user.password.expose().to_owned(),
        moment(user.expires_at),
        user.uuid.expose().to_owned(),
        seconds(user.created_at).to_string(),
        user.url.clone(),
    ]
}
