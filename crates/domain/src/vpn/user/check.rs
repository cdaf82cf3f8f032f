//! Rules that making and editing a user share (specs/vpn.md §6, §7.3, §7.4).

use gatehouse_model::{AuthServerId, Login, PassKind, Secret, fold_key};
use gatehouse_store::{Query, account::AccountRow, auth_server, vpn_user as rows};

use super::ServerName;
use crate::{
    Ctx, Error, Result,
    account::{clear, pass},
    vpn::field::{self, MAX_NAME, MAX_PHONE, is_askable, is_text},
};

/// The fault of a login that somebody shall get: `malformed`, `reserved`.
pub(super) fn name(ctx: &Ctx, name: &str) -> Result<()> {
    if name.starts_with(',') || !is_text(name, MAX_NAME) || Login::new(name).is_err() {
        return Err(Error::field("name", "malformed"));
    }
    let key = fold_key(name);
    if ctx.app.settings().vpn.reserved_names.iter().any(|reserved| fold_key(reserved) == key) {
        return Err(Error::field("name", "reserved"));
    }
    Ok(())
}

/// Finds an external server; (`auth_server`, `unknown`).
pub(super) async fn server(q: &mut impl Query, server: &ServerName) -> Result<AuthServerId> {
    let found = if is_askable(&server.name) { auth_server::find_by_name(q, &server.name).await? } else { None };
    let found = found.filter(|row| server.kind.is_none_or(|wanted| wanted == row.kind));
    found.map(|row| row.id).ok_or_else(|| Error::field("auth_server", "unknown"))
}

/// The faults of the free texts and the password: `malformed`.
pub(super) fn texts(note: Option<&str>, phone: Option<&str>, password: Option<&Secret>) -> Result<()> {
    field::text("note", note.unwrap_or_default(), MAX_NAME)?;
    field::text("phone", phone.unwrap_or_default(), MAX_PHONE)?;
    if password.is_some_and(|password| !is_text(password.expose(), MAX_NAME) || !password.expose().is_ascii()) {
        return Err(Error::field("password", "malformed"));
    }
    Ok(())
}

/// Whether the holder of the API secret must leave login and password of an account alone: another surface made it, or it
/// opens more than the VPN (specs/vpn.md §6).
pub(super) async fn is_foreign(q: &mut impl Query, account: &AccountRow) -> Result<bool> {
    Ok(account.origin != gatehouse_model::Origin::Vpn.as_str() || has_further_pass(q, account).await?)
}

/// Whether an account holds a pass beside the VPN's.
pub(super) async fn has_further_pass(q: &mut impl Query, account: &AccountRow) -> Result<bool> {
    Ok(pass::kinds(q, account.id).await?.into_iter().any(|kind| kind != PassKind::Vpn))
}

/// A password that waits for the apply.
pub(super) struct StagedPassword {
    scheme: i64,
    hash: String,
    clear: Secret,
}

/// Hashes a password.
pub(super) async fn stage(ctx: &Ctx, password: &Secret) -> Result<StagedPassword> {
    let (scheme, hash) = ctx.app.passwords().hash(ctx.app.random(), password).await?;
    Ok(StagedPassword { scheme, hash, clear: password.clone() })
}

/// Puts a password into a staged pass, with a sealed copy if the operator keeps such; none: it has no password any more. The pass has
/// the account's `seal_ref`.
pub(super) fn put(ctx: &Ctx, pass: &mut rows::VpnPassRow, password: Option<StagedPassword>) -> Result<()> {
    pass.is_password_staged = true;
    pass.password_changed_at = password.as_ref().map(|_| ctx.now());
    (pass.password_scheme, pass.password_hash, pass.password_clear_sealed) = match password {
        Some(password) => {
            let clear = clear::seal(&ctx.app, &pass.seal_ref, &password.clear)?;
            (Some(password.scheme), Some(password.hash), clear)
        }
        None => (None, None, None),
    };
    Ok(())
}
