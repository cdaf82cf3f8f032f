//! `user/getActiveSession`, `removeActiveSession` (specs/panel.md §2.3).

use gatehouse_domain::panel::session;
use serde_json::{Value, json};

use super::account::seconds;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
};

/// Lists the caller's sessions. Never a token.
pub(super) async fn list(call: &Call) -> Outcome {
    Ok(Answer::Data(shown(call).await?))
}

/// The caller's sessions as they are shown.
pub(crate) async fn shown(call: &Call) -> Result<Value, Failure> {
    let who = call.who()?;
    let sessions = session::list(who).await?;
    let shown = sessions.iter().map(|session| {
        json!({
            "session_id": session.uuid,
            "id": session.uuid,
            "ip": session.address,
            "ua": session.user_agent,
            "login_at": seconds(session.created_at),
            "last_used_at": seconds(session.last_used_at),
            "expires_at": seconds(session.expires_at),
            "is_current": session.id == who.session,
        })
    });
    Ok(shown.collect())
}

/// Ends one of the caller's sessions. Shape: `session_id`; an unknown one is ended already.
pub(super) async fn remove(call: &Call) -> Outcome {
    if let Some(id) = call.input.text("session_id") {
        session::remove(call.who()?, &id).await?;
    }
    Ok(Answer::done())
}
