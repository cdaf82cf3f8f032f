//! `config/fetch`, `config/save` (specs/panel.md §4.1).

use gatehouse_domain::panel::{setting, subscription};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Shows the settings: the seed's five flat keys, and all by group; `key`: one group; `reveal=1`: the credential of nodes in clear.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let group = call.input.text("key");
    let mut shown = setting::show(&call.ctx, group.as_deref())?;
    if call.input.flag("reveal")?.unwrap_or(false) {
        let token = setting::reveal_server_token(&call.ctx).await?;
        if let Some(server) = shown.get_mut("server").and_then(Value::as_object_mut) {
            server.insert("server_token".to_owned(), json!(token.as_ref().map(gatehouse_model::Secret::expose)));
        }
    }
    if group.is_none() {
        let settings = call.ctx.app.live().panel();
        let flat = [
            ("app_name", json!(settings.app_name)),
            ("app_url", json!(subscription::base(&call.ctx.app))),
            ("secure_path", json!(settings.secure_path)),
            ("server_pull_interval", json!(settings.server_pull_interval)),
            ("server_push_interval", json!(settings.server_push_interval)),
        ];
        shown.extend(flat.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(Answer::Data(Value::Object(shown)))
}

/// Saves any settings, all or none.
pub(super) async fn save(call: &Call) -> Outcome {
    setting::save(&call.ctx, call.input.all()).await?;
    Ok(Answer::done())
}
