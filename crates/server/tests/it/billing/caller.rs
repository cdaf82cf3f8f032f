//! Who calls the billing API over the real binary.

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

/// Password of everybody here.
pub(super) const PASSWORD: &str = "a password";

/// A session of a subscriber.
pub(super) async fn login(client: &Client, base: &str, login: &str) -> anyhow::Result<String> {
    login_as(client, base, login, "user").await
}

/// A session in a role: `user`, `admin`.
pub(super) async fn login_as(client: &Client, base: &str, login: &str, role: &str) -> anyhow::Result<String> {
    let body = format!("_uu={login}&_pp={}&_role={role}", PASSWORD.replace(' ', "+"));
    let answer: Value = post(client, format!("{base}/cgi-bin/noapi.pl"), body).send().await?.json().await?;
    Ok(answer["ses"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
}

/// What an action answers.
pub(super) async fn call(client: &Client, base: &str, query: &str, session: &str) -> anyhow::Result<Value> {
    let asked = client.get(format!("{base}/cgi-bin/noapi.pl?{query}")).header("cookie", format!("noses={session}"));
    Ok(asked.send().await?.json().await?)
}

/// A form that is sent.
pub(super) fn post(client: &Client, url: String, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body)
}
