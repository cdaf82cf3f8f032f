//! `POST rbac/mfa/setup/`

use gatehouse_domain::factor;
use serde::Serialize;

use super::{PRESENT, named};
use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Setup<'a> {
    secret: &'a str,
    uri: &'a str,
}

/// Begins an enrolment; an older one that was not confirmed is forgotten.
///
/// Shape: none → `detail:{secret, uri}`. Errors: 400 已绑定动态验证码. Source: specs/bastion.md §5.4, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let setup = factor::setup(&ctx).await.map_err(|error| named(error, PRESENT))?;
    Ok(Reply::detail(Setup { secret: setup.secret.expose(), uri: setup.uri.expose() }))
}
