//! `POST rbac/token/add/`

use std::time::Duration;

use gatehouse_domain::api_token::{self, NewToken};
use serde::Serialize;

use crate::{
    body::{Blank, Fields},
    call::Call,
    envelope::Outcome,
    reply::Reply,
    text, time,
};

/// Life of a token that does not say its end.
const DEFAULT_LIFE: Duration = Duration::from_hours(90 * 24);

#[derive(Serialize)]
struct Added<'a> {
    id: i64,
    token: &'a str,
}

/// Makes an API token of the caller, sent like an access token.
///
/// Shape: `{name, scopes[, expires_at][, cidrs]}` → `detail:{id, token}`, shown once; scopes are codes that the caller holds.
/// Units: `expires_at` a time, at most a year ahead, 90 days unless given. Errors: 400 fields. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut fields = call.fields()?;
    let label = fields.text("name", 50);
    if !fields.has("scopes") {
        fields.fault("scopes", text::required("scopes"));
    }
    let scopes = fields.optional_texts("scopes", 64).unwrap_or_default().into_iter().collect();
    let cidrs = cidrs(&mut fields);
    let end = fields.optional_text("expires_at", 64, Blank::Null);
    let until = end.map(|end| time::parse(&end, call.bastion.zone()).map(|(_, until)| until));
    if until == Some(None) {
        fields.fault("expires_at", text::NOT_TIME);
    }
    let expires_at = until.flatten().unwrap_or_else(|| ctx.now().plus(DEFAULT_LIFE));
    let new = NewToken { label, scopes, cidrs, expires_at };
    if fields.has_faults() {
        fields.note_found(api_token::faults(&ctx, &new).await)?;
    }
    fields.finish()?;
    let (id, token) = api_token::add(&ctx, &new).await?;
    Ok(Reply::detail(Added { id: id.0, token: token.expose() }))
}

fn cidrs(fields: &mut Fields) -> Vec<ipnet::IpNet> {
    let texts = fields.optional_texts("cidrs", 64).unwrap_or_default();
    let one =
        |text: &String| text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from));
    let nets: Option<Vec<ipnet::IpNet>> = texts.iter().map(one).collect();
    if nets.is_none() {
        fields.fault("cidrs", "无效的地址范围");
    }
    nets.unwrap_or_default()
}
