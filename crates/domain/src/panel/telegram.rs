//! The bot (specs/panel.md §2.3 getBotInfo).
//!
//! Who speaks to the service is registered with [`App::serve_telegram`](crate::App::serve_telegram).

use std::{future::Future, pin::Pin, sync::Arc};

use gatehouse_model::Secret;

use super::refusal::{Outcome, Refusal};
use crate::App;

/// What a bot's service gives; an error: it could not be asked, or does not know the bot.
pub type Asking = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Speaks to the service. Every call ends within 5 s.
pub trait Bot: Send + Sync + std::fmt::Debug {
    /// The bot's user name, asked seldom.
    fn username(&self, token: Secret) -> Asking;
}

/// Who speaks in this process.
pub type BotHandle = Arc<dyn Bot>;

/// The bot's user name. Errors: a rule where it is off or cannot be reached.
pub async fn username(app: &App) -> Outcome<String> {
    let unavailable = Refusal::rule("The Telegram bot is not available");
    let settings = app.live().panel();
    let token = settings.telegram_bot_token.clone().filter(|_| settings.telegram_bot_enable);
    let (Some(token), Some(bot)) = (token, app.telegram()) else { return Err(unavailable.into()) };
    match bot.username(token).await {
        Ok(name) => Ok(name),
        Err(why) => {
            tracing::warn!(event = "telegram.unreachable", why, "the bot cannot be asked: {why}");
            Err(unavailable.into())
        }
    }
}
