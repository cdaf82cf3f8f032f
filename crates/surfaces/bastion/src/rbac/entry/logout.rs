//! `POST rbac/logout/`

use gatehouse_domain::{
    Error,
    session::staff::{self, Terminals},
};

use super::cookie;
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Ends the calling session with its terminals, and clears the cookie. Other devices stay.
///
/// Shape: none, or `{keep_terminals}` → ok. Errors: 401 未登录. Limited sessions may.
/// Source: seeds/003 operation 2, specs/bastion.md §5.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let nobody = |refusal| match refusal {
        Refusal::Unauthenticated(_) | Refusal::Error(Error::Unauthenticated { .. }) => {
            Refusal::Unauthenticated(text::LOGGED_OUT)
        }
        other => other,
    };
    let ctx = call.caller().await.map_err(nobody)?.ctx;
    let mut fields = call.optional_fields()?;
    let keeps = fields.optional_boolean("keep_terminals").unwrap_or_default();
    fields.finish()?;
    let terminals = if keeps { Terminals::Keep } else { Terminals::End };
    staff::logout(&ctx, terminals).await.map_err(|error| nobody(error.into()))?;
    Ok(Reply::ok().with(http::header::SET_COOKIE, cookie::clear(&call)?))
}
