//! Clear copies of passwords, sealed: what CHAP and MS-CHAPv2 need (DESIGN §4). Only with `login.keep_clear_password`, and only for
//! accounts with a `vpn` or `subscriber` pass.

use gatehouse_model::Secret;
use gatehouse_store::{Tx, account as rows, account::AccountRow};

use crate::{App, Result, seal::Place};

/// Where a clear copy stands. A staged one of `vpn_pass` is sealed for this place too, under the account's `seal_ref`, so that a
/// publication moves it without opening it.
pub(crate) const fn place(seal_ref: &str) -> Place<'_> {
    Place { table: "account", column: "password_clear", row: seal_ref }
}

/// Seals a copy of a password for an account that holds such a pass; none: the operator keeps none, or the password is empty.
pub(crate) fn seal(app: &App, seal_ref: &str, password: &Secret) -> Result<Option<String>> {
    if !app.settings().login.keep_clear_password || password.expose().is_empty() {
        return Ok(None);
    }
    Ok(Some(app.keys().seal(app.random(), place(seal_ref), password.expose().as_bytes())?))
}

/// Opens a copy.
pub(crate) fn open(app: &App, seal_ref: &str, sealed: &str) -> Result<Secret> {
    app.keys().open_text(place(seal_ref), sealed)
}

/// Keeps a copy of the password that was just set, where one is kept. After [`rows::update_password`], in its transaction.
pub(crate) async fn keep(app: &App, tx: &mut Tx, account: &AccountRow, password: &Secret) -> Result<()> {
    let Some(sealed) = seal(app, &account.seal_ref, password)? else { return Ok(()) };
    rows::update_clear(tx, account.id, &sealed).await?;
    Ok(())
}
