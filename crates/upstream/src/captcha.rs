//! Whether a person is one: reCAPTCHA and Turnstile (specs/panel.md §2.2).

use std::{sync::Arc, time::Duration};

use gatehouse_domain::{
    panel::captcha::{Captcha, CaptchaHandle, Question, Service, Verdict, Verifying},
    settings::PanelConfig,
};
use serde::Deserialize;
use tokio::time::timeout;

use crate::http::{Http, form};

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    recaptcha: String,
    turnstile: String,
}

/// What both services say.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    score: Option<f64>,
}

/// Who verifies captchas, at the addresses of the configuration.
pub fn captcha(config: &PanelConfig) -> CaptchaHandle {
    let (recaptcha, turnstile) = (config.recaptcha_verify_url.clone(), config.turnstile_verify_url.clone());
    Arc::new(Verifier(Arc::new(Inner { http: Http::default(), recaptcha, turnstile })))
}

impl Captcha for Verifier {
    fn verify(&self, question: Question) -> Verifying {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            timeout(PATIENCE, inner.ask(&question)).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        })
    }
}

impl Inner {
    async fn ask(&self, question: &Question) -> Result<Verdict, String> {
        let url = match question.service {
            Service::Recaptcha => &self.recaptcha,
            Service::Turnstile => &self.turnstile,
        };
        let address = question.address.map(|address| address.to_string());
        let mut fields = vec![("secret", question.secret.expose()), ("response", question.response.as_str())];
        fields.extend(address.as_deref().map(|address| ("remoteip", address)));
        let body = form(&fields);
        let reply = self.http.post(url, "application/x-www-form-urlencoded", None, body).await?;
        if reply.status != 200 {
            return Err(format!("the service answered {}", reply.status));
        }
        let reply: Reply = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        Ok(Verdict { is_right: reply.success, score: reply.score })
    }
}
