//! An OA system as the server sees it: a token, a connection, forms.

use std::io::Result;

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use gatehouse_testkit::{Installation, PATIENCE};

use crate::wire::{Wire, encode, request};

/// The endpoints as specs/oa.md calls them.
pub(crate) const G: &str = "/v1/generateUserProfile";
pub(crate) const C: &str = "/v1/getConnInfoByUser";
pub(crate) const D: &str = "/v1/delUserProfile";

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Between two looks at something that takes its time.
pub(crate) const TICK: Duration = Duration::from_millis(10);

pub(crate) struct OaSystem {
    wire: Wire,
    token: String,
}

/// A reply: HTTP 200 and one of the two shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u64,
    pub(crate) body: String,
}

impl OaSystem {
    pub(crate) async fn connect(base: &str, token: &str) -> Result<Self> {
        Ok(Self { wire: Wire::connect(base).await?, token: token.to_owned() })
    }

    /// Asks an endpoint about a name; anything but the surface's own envelope fails the test, a broken connection is
    /// an error.
    pub(crate) async fn ask(&mut self, endpoint: &str, username: &str) -> Result<Reply> {
        let body = format!("token={}&username={}", encode(&self.token), encode(username));
        let answer = self.wire.exchange(request(&format!("POST {endpoint}"), Some(FORM), body)).await?;
        let kind = answer.header("content-type");
        assert_eq!((answer.status, kind), (200, Some("application/json; charset=utf-8")), "{answer:?}");
        Ok(Reply { code: code(&answer.body), body: answer.body })
    }

    /// The code of an answer that must come.
    pub(crate) async fn code(&mut self, endpoint: &str, username: &str) -> u64 {
        self.ask(endpoint, username).await.unwrap().code
    }

    /// Asks until the code is the wanted one; `passing` are those that may come before it.
    pub(crate) async fn until(&mut self, endpoint: &str, username: &str, passing: &[u64], wanted: u64) -> Reply {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask(endpoint, username).await.unwrap();
            if reply.code == wanted {
                return reply;
            }
            assert!(passing.contains(&reply.code) && Instant::now() < deadline, "{username}: {reply:?}, not {wanted}");
            sleep(TICK).await;
        }
    }

    /// Makes a user and waits until it is there.
    pub(crate) async fn make(&mut self, username: &str) {
        assert_eq!(self.code(G, username).await, 200, "{username}");
        self.until(G, username, &[201, 102], 405).await;
    }
}

/// The code of a body in either shape.
pub(crate) fn code(body: &str) -> u64 {
    let json: Value = serde_json::from_str(body).unwrap();
    let code = json.get("StatusCode").unwrap_or(&json["ResultMsg"][0]["StatusCode"]);
    code.as_u64().unwrap_or_else(|| panic!("{body}"))
}

/// Makes a token through the command line.
pub(crate) fn token(house: &Installation) -> String {
    house.run("oa token generate --json").json()["token"].as_str().unwrap().to_owned()
}

/// Waits until a look succeeds.
pub(crate) async fn eventually(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(TICK).await;
    }
}
