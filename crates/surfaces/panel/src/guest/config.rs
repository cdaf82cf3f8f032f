//! `GET guest/comm/config` (specs/panel.md §2.2).

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// What pages need before anybody is logged in. Every key by name: nothing secret can get in by being added elsewhere.
#[expect(clippy::unused_async, reason = "endpoints are asynchronous")]
pub(super) async fn show(call: &Call) -> Outcome {
    let settings = call.ctx.app.live().panel();
    let suffixes = if settings.email_whitelist_enable { json!(settings.email_whitelist_suffix) } else { json!(0) };
    let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    Ok(Answer::Data(json!({
        "tos_url": settings.tos_url,
        "is_email_verify": u8::from(settings.email_verify),
        "is_invite_force": u8::from(settings.invite_force),
        "email_whitelist_suffix": suffixes,
        "is_captcha": u8::from(settings.captcha_enable),
        "captcha_type": settings.captcha_type,
        "recaptcha_site_key": text(&settings.recaptcha_site_key),
        "recaptcha_v3_site_key": text(&settings.recaptcha_v3_site_key),
        "recaptcha_v3_score_threshold": settings.recaptcha_v3_score_threshold,
        "turnstile_site_key": text(&settings.turnstile_site_key),
        "app_description": text(&settings.app_description),
        "app_url": settings.app_url,
        "logo": settings.logo,
        "is_recaptcha": u8::from(settings.captcha_enable),
    })))
}
