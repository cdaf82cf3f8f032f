//! Who calls the panel.

use gatehouse_model::{AccountId, LoginSessionId};
use uuid::Uuid;

use super::Refusal;
use crate::Ctx;

/// A person with a session of the panel.
#[derive(Debug, Clone)]
pub struct Who {
    /// The context whose actor is this person.
    pub ctx: Ctx,
    /// The account: the user id of the wire.
    pub account: AccountId,
    /// Its session.
    pub session: LoginSessionId,
    /// The session's public name.
    pub uuid: Uuid,
    /// Whether it is the IPv6 shadow of another account.
    pub is_shadow: bool,
}

impl Who {
    /// Whether everything of staff is open to this person.
    pub fn is_admin(&self) -> bool {
        self.ctx.require("panel.admin").is_ok()
    }

    /// Refuses shadows: they cannot order, transfer, redeem, invite (specs/panel.md §5.3).
    ///
    /// Errors: a rule of the panel.
    pub fn no_shadow(&self) -> Result<(), Refusal> {
        if self.is_shadow { Err(Refusal::rule("This account cannot do that")) } else { Ok(()) }
    }
}
