//! A caller of the WebApi.

use gatehouse_domain::Clock;
use gatehouse_testkit::Installation;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    oa::system::FORM,
    wire::{Answer, Wire, encode, request},
};

pub(crate) const WEB_API: &str = "/cgi-bin/php-cgi/html/delegatemodule/WebApi.php";

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    u64::try_from(Clock::System.now().0 / 1_000).unwrap()
}

/// Who knows an address and a secret.
pub(crate) struct Caller {
    pub(crate) base: String,
    pub(crate) secret: String,
}

impl Caller {
    /// One who got the secret from the operator.
    pub(crate) fn of(house: &Installation, base: &str) -> Self {
        let secret = house.run("vpn secret show --json").json()["secret"].as_str().unwrap().to_owned();
        Self { base: base.to_owned(), secret }
    }

    /// Calls an action now.
    pub(crate) async fn call(&self, controller: &str, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.call_at(now(), controller, action, parameters).await;
        assert_eq!(answer.status, 200, "{action} {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Calls an action with the token of a moment.
    pub(crate) async fn call_at(&self, at: u64, controller: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let at = at.to_string();
        let own = [("controler", controller), ("action", action), ("timestamp", at.as_str())];
        let mut pairs = [&own, parameters].concat();
        pairs.sort_unstable();
        let signed = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let token = hex::encode(Sha256::digest(format!("{signed}{at}{}", self.secret)));
        let mut body = format!("timestamp={at}&sinfor_apitoken={token}");
        for (name, value) in parameters {
            body += &format!("&{}={}", encode(name), encode(value));
        }
        post(&self.base, controller, action, body).await
    }
}

/// Posts a body to an action.
pub(crate) async fn post(base: &str, controller: &str, action: &str, body: String) -> Answer {
    let line = format!("POST {WEB_API}?controler={controller}&action={action}");
    Wire::connect(base).await.unwrap().exchange(request(&line, Some(FORM), body)).await.unwrap()
}
