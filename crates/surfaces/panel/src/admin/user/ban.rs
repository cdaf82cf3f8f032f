//! `user/ban`, `resetSecret`, `destroy`.

use gatehouse_domain::panel::{
    Refusal,
    people::{self, FIELDS, Scope},
};
use gatehouse_model::AccountId;

use super::id;
use crate::{
    admin::list::conditions,
    answer::{Answer, Outcome},
    endpoint::Call,
    input::{as_integer, wrong},
};

/// Users named at most.
const MOST: usize = 1_000;

/// Bans users. Shape: `scope`: `selected` with `user_ids`, `filtered` with `filter`, or `all`. Errors: 422 without a scope, or with one
/// that names nobody.
pub(super) async fn ban(call: &Call) -> Outcome {
    let input = &call.input;
    let scope = match input.text("scope").as_deref() {
        Some("selected") => {
            let ids = input.list("user_ids").unwrap_or_default();
            let ids: Option<Vec<AccountId>> = ids.into_iter().map(|id| as_integer(id).map(AccountId)).collect();
            let ids = ids.filter(|ids| !ids.is_empty() && ids.len() <= MOST).ok_or_else(|| wrong("user_ids"))?;
            Scope::Selected(ids)
        }
        Some("filtered") => {
            let conditions = conditions(input, FIELDS)?;
            if conditions.is_empty() {
                return Err(wrong("filter"));
            }
            Scope::Filtered(conditions)
        }
        Some("all") => Scope::All,
        _ => return Err(Refusal::input("scope", "Say whom: selected, filtered or all").into()),
    };
    people::ban(&call.ctx, &scope).await?;
    Ok(Answer::done())
}

/// Replaces uuid and subscription token. Shape: `id`.
pub(super) async fn reset_secret(call: &Call) -> Outcome {
    people::reset_secret(&call.ctx, id(call)?).await?;
    Ok(Answer::done())
}

/// Removes a user. Shape: `id`.
pub(super) async fn destroy(call: &Call) -> Outcome {
    people::destroy(&call.ctx, id(call)?).await?;
    Ok(Answer::done())
}
