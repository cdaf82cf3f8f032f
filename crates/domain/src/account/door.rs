//! Whether the ssh door would let somebody in, for operators who look for the reason of a refusal.

use gatehouse_model::{AccountId, Secret};
use gatehouse_store::{account as rows, pass, second_factor};

use super::change;
use crate::{
    Ctx, Error, Result,
    session::staff::{self, Facts, Owed},
};

/// What the ssh door would do after a right password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whom it lets in.
    pub account: AccountId,
    /// Whether it asks for a code of the second factor first.
    pub needs_code: bool,
}

/// Verifies a login's password as the ssh door does: the login is compared exactly and needs a staff pass.
///
/// Gives the entry, or the reason of the refusal: `no_such_account`, `wrong_password`, `disabled`, `no_pass`,
/// `password_change_due`, `factor_missing`. Audited. For operators: the throttle neither counts nor refuses it.
pub async fn check_ssh(ctx: &Ctx, login: &str, password: &Secret) -> Result<std::result::Result<Entry, &'static str>> {
    let account = match change::verify_password(ctx, login, password).await? {
        Ok(account) => account,
        Err(why) => return Ok(Err(why)),
    };
    let row = rows::find(&mut ctx.read(), account).await?.ok_or(Error::NotFound { what: "account" })?;
    if row.login != login {
        return Ok(Err("no_such_account"));
    }
    if !pass::has_staff(&mut ctx.read(), account).await? {
        return Ok(Err("no_pass"));
    }
    let factor = second_factor::find(&mut ctx.read(), account).await?;
    let needs_code = factor.is_some_and(|factor| factor.confirmed_at.is_some());
    let facts = Facts { must_change_password: row.must_change_password, has_factor: needs_code, is_proved: needs_code };
    Ok(match staff::owed(ctx, &mut ctx.read(), account, facts).await? {
        Some(Owed::Password) => Err("password_change_due"),
        Some(Owed::Enrolment) => Err("factor_missing"),
        Some(Owed::Factor) | None => Ok(Entry { account, needs_code }),
    })
}
