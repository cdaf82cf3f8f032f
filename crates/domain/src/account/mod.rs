//! Accounts: one person or machine, its passes, its password, its switch (DESIGN §4 "Accounts").

pub mod administrator;
pub mod change;
pub(crate) mod clear;
pub mod door;
pub mod own;
pub mod pass;
pub mod staff;
pub mod view;
pub mod vpn;

use gatehouse_model::{AccountId, Login, Secret, email_key, fold_key};
use gatehouse_store::{Query, Tx, account as rows, account::AccountRow};

use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    permission,
};

/// A new account. Passes are granted afterwards, by [`pass`].
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Login.
    pub login: Login,
    /// Display name.
    pub name: Option<String>,
    /// E-mail, at most 254 characters.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Password; without one only doors that need none let it in.
    pub password: Option<Secret>,
}

/// Makes an account. Errors: `Forbidden`; `Conflict` for a taken login, e-mail or phone; `Invalid`.
pub async fn create(ctx: &Ctx, new: &NewAccount) -> Result<AccountId> {
    ctx.require("system.user.create")?;
    let password = match &new.password {
        Some(password) => Some(ctx.app.passwords().hash(ctx.app.random(), password).await?),
        None => None,
    };
    let mut tx = ctx.begin().await?;
    let id = insert(ctx, &mut tx, new, password.as_ref(), false).await?;
    tx.commit().await?;
    Ok(id)
}

/// Inserts an account whose password is hashed already.
pub(crate) async fn insert(
    ctx: &Ctx,
    tx: &mut Tx,
    new: &NewAccount,
    password: Option<&(i64, String)>,
    is_protected: bool,
) -> Result<AccountId> {
    check_email(new.email.as_deref())?;
    let email_key = new.email.as_deref().map(email_key);
    let id = rows::insert(
        tx,
        &rows::NewAccount {
            login: new.login.as_str(),
            login_key: &new.login.key(),
            name: new.name.as_deref(),
            email: new.email.as_deref(),
            email_key: email_key.as_deref(),
            phone: new.phone.as_deref(),
            is_protected,
            origin: ctx.origin.as_str(),
            password: password.map(|(scheme, hash)| (*scheme, hash.as_str())),
            seal_ref: &ctx.app.request_id(),
            at: ctx.now(),
        },
    )
    .await
    .map_err(taken)?;
    audit::changed(tx, ctx, "account.create", Object::new("account", id.0, new.login.as_str())).await?;
    Ok(id)
}

/// Names what is taken.
pub(crate) fn taken(error: gatehouse_store::Error) -> Error {
    match Error::from(error) {
        Error::Conflict { key, .. } => {
            let what = match key.as_str() {
                "login_name_login_key_key" => "login",
                "account_email_key_key" => "e-mail address",
                "account_phone_key" => "phone number",
                _ => "account",
            };
            Error::Conflict { what, key }
        }
        other => other,
    }
}

pub(crate) fn check_email(email: Option<&str>) -> Result<()> {
    let Some(email) = email else { return Ok(()) };
    let is_plausible = email.len() <= 254
        && email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if is_plausible {
        Ok(())
    } else {
        Err(Error::invalid("email", "an address `name@domain` of at most 254 characters"))
    }
}

/// Finds an account by login, compared folded. `NotFound` when nobody has it.
pub async fn find(ctx: &Ctx, login: &str) -> Result<AccountRow> {
    find_in(&mut ctx.read(), login).await
}

pub(crate) async fn find_in(q: &mut impl Query, login: &str) -> Result<AccountRow> {
    rows::find_by_key(q, &fold_key(login)).await?.ok_or(Error::NotFound { what: "account" })
}

/// Refuses unless the actor holds all that the account holds: nobody acts on somebody mightier (DESIGN §4 "Permissions").
pub(crate) async fn guard(ctx: &Ctx, q: &mut impl Query, account: &AccountRow) -> Result<()> {
    permission::covers_account(ctx, q, account.id).await
}
