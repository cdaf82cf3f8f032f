//! `POST rbac/refresh/`

use gatehouse_domain::{Error, session::staff};

use super::cookie;
use crate::{
    call::Call,
    cors,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
    token::{self, Kind},
};

/// Exchanges a refresh token for a new pair; each is used once.
///
/// Shape: cookie `refresh`, or `{refresh}` → as login. Within `bastion.auth.refresh_grace` the same token gets the same pair.
/// Errors: every refusal 400 参数错误, detail 未登录或Token过期; a foreign `Origin` too. A token used twice ends its session.
/// Source: seeds/003 operation 3, specs/bastion.md §5.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let refused = || Refusal::text(text::UNAUTHENTICATED);
    if !cors::is_own_or_listed(&call.bastion, call.headers()) {
        return Err(refused());
    }
    let given = call.fields().ok().and_then(|fields| fields.value("refresh")?.as_str().map(str::to_owned));
    let given = given.or_else(|| cookie::get(call.headers()).map(str::to_owned)).ok_or_else(refused)?;
    let ctx = call.anonymous();
    let pair = async {
        let claims = token::verify(&call.bastion, Kind::Refresh, &given).await?;
        staff::refresh(&ctx, &claims.proof()).await
    };
    let pair = pair.await.map_err(|error| match error {
        Error::Unauthenticated { .. } => refused(),
        other => Refusal::Error(other),
    })?;
    let tokens = token::sign(&call.bastion, &pair).await?;
    let cookie = cookie::set(&call, &tokens.refresh, &pair)?;
    Ok(Reply::tokens(tokens).with(http::header::SET_COOKIE, cookie))
}
