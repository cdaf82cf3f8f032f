//! Publication: one user among all is changed through the WebApi, and the time of the apply is taken.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use gatehouse_domain::Clock;
use gatehouse_model::Millis;
use gatehouse_testkit::{Installation, RunningServer, server::http_client};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    load::{Numbers, login},
    median, milliseconds, ours, worst,
};

/// Publications that are timed.
const CHANGES: usize = 20;
/// Those before, which open connections and fill caches.
const WARM_UP: usize = 3;
const WEB_API: &str = "/cgi-bin/php-cgi/html/delegatemodule/WebApi.php";
/// The goal, milliseconds.
const GOAL: f64 = 10.0;

/// Who calls the WebApi.
pub(crate) struct Caller {
    url: String,
    secret: String,
    client: reqwest::Client,
}

impl Caller {
    /// The holder of the API secret of an installation.
    pub(crate) fn of(installation: &Installation, server: &RunningServer) -> Result<Self> {
        let shown = installation.run("vpn secret show --json").json();
        let secret = shown.get("secret").and_then(Value::as_str).context("no secret")?.to_owned();
        Ok(Self { url: server.url("http"), secret, client: http_client()? })
    }

    /// Calls an action, signed, and checks that it succeeded.
    pub(crate) async fn call(&self, controller: &str, action: &str, body: &[(&str, &str)]) -> Result<()> {
        let timestamp = (now().0 / 1_000).to_string();
        let query = [("controler", controller), ("action", action)];
        let mut pairs = [&query, body, &[("timestamp", timestamp.as_str())]].concat();
        pairs.sort_unstable();
        let signed = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let token = hex::encode(Sha256::digest(format!("{signed}{timestamp}{}", self.secret)));
        let form = [body, &[("timestamp", timestamp.as_str()), ("sinfor_apitoken", token.as_str())]].concat();
        let url = format!("{}{WEB_API}?controler={controller}&action={action}", self.url);
        let answer: Value = self.client.post(url).form(&form).send().await?.json().await?;
        ensure!(answer.get("code").and_then(Value::as_i64) == Some(0), "{controller}/{action}: {answer}");
        Ok(())
    }
}

/// The time of day.
pub(crate) fn now() -> Millis {
    Clock::System.now()
}

/// Measures publications of one change each.
pub(crate) async fn measure(installation: &Installation, server: &RunningServer, users: usize) -> Result<()> {
    let caller = Caller::of(installation, server)?;
    let (mut numbers, mut asked, mut nothing) = (Numbers::new(), Vec::new(), Vec::new());
    for change in 0..WARM_UP + CHANGES {
        let (name, note) = (login(numbers.below(users)), format!("change{change}"));
        let edit = [("old_name", name.as_str()), ("new_name", &name), ("parent_group", "/默认用户组"), ("note", &note)];
        caller.call("User", "UpdateUserCloud", &edit).await?;
        let started = Instant::now();
        caller.call("Updater", "UpdaterCloud", &[]).await?;
        let published = milliseconds(started);
        // Everything that the request costs but the publication.
        let started = Instant::now();
        caller.call("Updater", "UpdaterCloud", &[]).await?;
        if change >= WARM_UP {
            asked.push(published);
            nothing.push(milliseconds(started));
        }
    }
    let own = ours::publications(installation, i64::try_from(CHANGES)?).await?;
    ensure!(own.len() == CHANGES, "{} publications are known", own.len());
    let own = own.into_iter().map(|duration| duration as f64).collect();
    println!(
        "\nPublication of one changed user among {users}, milliseconds (goal: median below {GOAL}), {CHANGES} times"
    );
    for (what, spans) in [
        ("UpdaterCloud, request to reply", &asked),
        ("of it the transaction, by vpn_publication", &own),
        ("UpdaterCloud with nothing to publish", &nothing),
    ] {
        println!("  {what:44} median {:6.1}  worst {:6.1}", median(spans.clone()), worst(spans));
    }
    Ok(())
}
