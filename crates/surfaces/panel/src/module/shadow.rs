//! `user-add-ipv6-subscription/*` (specs/panel.md §5.3).

use gatehouse_domain::panel::shadow::{self, Shown};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    text,
};

fn shown(call: &Call, shown: &Shown) -> Value {
    json!({
        "allowed": shown.reason.is_none(),
        "reason": shown.reason.as_ref().map(|reason| text::filled(reason, call.language)),
        "is_active": shown.email.is_some(),
        "ipv6_email": shown.email,
        "subscribe_url": shown.url,
        "plan": shown.plan,
    })
}

/// Shows whether the caller may have an IPv6 subscription, and the one he has.
pub(super) async fn check(call: &Call) -> Outcome {
    Ok(Answer::Data(shown(call, &shadow::check(call.who()?).await?)))
}

/// Makes it, or brings it to where his account is.
pub(super) async fn enable(call: &Call) -> Outcome {
    Ok(Answer::Data(shown(call, &shadow::enable(call.who()?).await?)))
}

/// Gives it his password.
pub(super) async fn sync_password(call: &Call) -> Outcome {
    shadow::sync_password(call.who()?).await?;
    Ok(Answer::done())
}
