//! The Telegram bot API.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_domain::{
    Clock,
    panel::telegram::{Asking, Bot, BotHandle},
};
use gatehouse_model::{Millis, Secret};
use serde_json::Value;
use tokio::time::timeout;

use crate::http::Http;

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer is believed.
const FRESH: Duration = Duration::from_mins(10);

#[derive(Debug, Clone)]
struct Telegram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    base: String,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    token: Secret,
    until: Millis,
    name: String,
}

/// Who speaks to the bot API at an address.
pub fn bot(base: &str, clock: Clock) -> BotHandle {
    let base = base.trim_end_matches('/').to_owned();
    Arc::new(Telegram(Arc::new(Inner { http: Http::default(), base, clock, known: Mutex::default() })))
}

impl Bot for Telegram {
    fn username(&self, token: Secret) -> Asking {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            timeout(PATIENCE, inner.username(token)).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        })
    }
}

impl Inner {
    async fn username(&self, token: Secret) -> Result<String, String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.token == token && known.until > self.clock.now()) {
            return Ok(known.name);
        }
        let is_token = token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
        if !is_token {
            return Err("the bot token has other characters than those of one".to_owned());
        }
        let url = format!("{}/bot{}/getMe", self.base, token.expose());
        let reply = self.http.post(&url, "application/json", None, b"{}".to_vec()).await?;
        let body: Value = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        let name = body.pointer("/result/username").and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("the service answered {}", reply.status))?.to_owned();
        let until = self.clock.now().plus(FRESH);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Known { token, until, name: name.clone() });
        Ok(name)
    }
}
