//! `terminal/session/terminate/`

use gatehouse_domain::bastion::stay;
use uuid::Uuid;

use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Ends a stay of somebody, who is told by whom and why; within a second, in whatever process it is.
///
/// Shape: `{session_id, reason}` → ok; `reason` may be left out. Units: characters. Errors: E400f; E403 without 102 unless it is
/// the caller's own; E404 when it is over. Source: specs/bastion.md §10.3, §13.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut fields = call.fields()?;
    let session = fields.text("session_id", 36);
    let reason = fields.optional_text("reason", stay::REASON_MAX, Blank::Allowed);
    fields.finish()?;
    let Ok(session) = Uuid::parse_str(&session) else {
        ctx.require("audit.session.terminate")?;
        return Err(Refusal::not_found());
    };
    stay::terminate(&ctx, session, reason.as_deref().unwrap_or_default()).await?;
    Ok(Reply::ok())
}
