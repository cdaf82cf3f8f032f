//! The cookie `refresh` (specs/bastion.md §5.3), read by `rbac/refresh/` only.

use gatehouse_domain::{Error, session::staff::Pair};
use http::{HeaderMap, HeaderValue, header};

use crate::call::Call;

const NAME: &str = "refresh";

/// Sets it for as long as the refresh token lives.
pub(super) fn set(call: &Call, token: &str, pair: &Pair) -> Result<HeaderValue, Error> {
    let life = pair.refresh_until.0.saturating_sub(call.bastion.app.now().0).max(0) / 1_000;
    value(call, token, life)
}

/// Takes it away.
pub(super) fn clear(call: &Call) -> Result<HeaderValue, Error> {
    value(call, "", 0)
}

fn value(call: &Call, token: &str, life: i64) -> Result<HeaderValue, Error> {
    let secure = if call.is_over_tls() { "; Secure" } else { "" };
    let path = call.bastion.prefix();
    let text = format!("{NAME}={token}; Path={path}rbac/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).map_err(Error::internal)
}

/// The token in a request's cookies.
pub(super) fn get(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, token)| token.trim_matches('"'))
}
