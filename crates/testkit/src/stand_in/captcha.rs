//! The services that tell people from programs: one answer is right for each secret.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::{Router, body::Bytes, extract::State, routing::post};

use super::{Served, form_fields, lock};

/// A service until it is dropped.
#[derive(Debug)]
pub struct CaptchaService {
    served: Served,
    score: Arc<Mutex<f64>>,
}

impl CaptchaService {
    /// The secret it knows.
    pub const SECRET: &str = "site-secret";
    /// The answer that is right.
    pub const RIGHT: &str = "a-person";

    /// Listens on a free port of the loopback interface.
    pub async fn start() -> Result<Self> {
        let score = Arc::new(Mutex::new(0.9));
        let router = Router::new().route("/siteverify", post(verify)).with_state(Arc::clone(&score));
        Ok(Self { served: Served::start(router).await?, score })
    }

    /// Where answers are verified.
    pub fn url(&self) -> String {
        format!("{}/siteverify", self.served.base())
    }

    /// How human visitors look from now on.
    pub fn score(&self, score: f64) {
        *lock(&self.score) = score;
    }
}

async fn verify(State(score): State<Arc<Mutex<f64>>>, body: Bytes) -> String {
    let fields = form_fields(&body);
    let is = |name: &str, value: &str| fields.get(name).map(String::as_str) == Some(value);
    let success = is("secret", CaptchaService::SECRET) && is("response", CaptchaService::RIGHT);
    serde_json::json!({"success": success, "score": *lock(&score)}).to_string()
}
