//! Captchas: whether whoever registers is a person (specs/panel.md §2.1, §2.2).
//!
//! Who asks the services is registered with [`App::serve_captcha`](crate::App::serve_captcha). A service that does not answer is a no.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use gatehouse_model::Secret;

use super::refusal::{Outcome, Refusal};
use crate::Ctx;

/// Characters of an answer: those of the services have about two thousand.
const LONGEST: usize = 8_192;

/// Which service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// reCAPTCHA, both versions.
    Recaptcha,
    /// Turnstile.
    Turnstile,
}

/// What it is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which.
    pub service: Service,
    /// The site's secret.
    pub secret: Secret,
    /// What the page got for its visitor.
    pub response: String,
    /// The visitor's address.
    pub address: Option<IpAddr>,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Whether the answer is right.
    pub is_right: bool,
    /// How human the visitor looks, 0 to 1.
    pub score: Option<f64>,
}

/// What a verifier gives, boxed because [`Captcha`] is a trait object; an error: the service could not be asked.
pub type Verifying = Pin<Box<dyn Future<Output = Result<Verdict, String>> + Send>>;

/// Asks services. Every call ends within 5 s.
pub trait Captcha: Send + Sync + std::fmt::Debug {
    /// Asks one.
    fn verify(&self, question: Question) -> Verifying;
}

/// Who asks in this process.
pub type CaptchaHandle = Arc<dyn Captcha>;

/// What a page sent, by the name of its parameter.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `recaptcha_data`
    pub recaptcha: Option<String>,
    /// `recaptcha_v3_token`
    pub recaptcha_v3: Option<String>,
    /// `turnstile_token`
    pub turnstile: Option<String>,
}

/// Refuses whoever is not shown to be a person, where the settings ask for it.
///
/// Errors: the rule "Invalid code is incorrect", also when the service cannot be asked. Source: specs/panel.md §2.1 row 2.
pub async fn check(ctx: &Ctx, given: &Given) -> Outcome<()> {
    let settings = ctx.app.live().panel();
    if !settings.captcha_enable {
        return Ok(());
    }
    let (service, secret, response, least) = match settings.captcha_type {
        "recaptcha" => (Service::Recaptcha, &settings.recaptcha_key, &given.recaptcha, None),
        "recaptcha-v3" => {
            let least = Some(settings.recaptcha_v3_score_threshold);
            (Service::Recaptcha, &settings.recaptcha_v3_secret_key, &given.recaptcha_v3, least)
        }
        "turnstile" => (Service::Turnstile, &settings.turnstile_secret_key, &given.turnstile, None),
        _ => return Err(Refusal::rule("Invalid captcha type").into()),
    };
    let wrong = || Err(Refusal::rule("Invalid code is incorrect").into());
    let (Some(secret), Some(response), Some(verifier)) = (secret, response, ctx.app.captcha()) else {
        return wrong();
    };
    if response.len() > LONGEST {
        return wrong();
    }
    let question =
        Question { service, secret: secret.clone(), response: response.clone(), address: ctx.caller.address };
    match verifier.verify(question).await {
        Ok(verdict)
            if verdict.is_right && least.is_none_or(|least| verdict.score.is_some_and(|score| score >= least)) =>
        {
            Ok(())
        }
        Ok(_) => wrong(),
        Err(why) => {
            tracing::warn!(event = "captcha.unreachable", why, "a captcha could not be verified: {why}");
            wrong()
        }
    }
}
