//! A new password by a mailbox (specs/panel.md §2.1 forget).

use std::time::Duration;

use gatehouse_model::{Secret, email_key};
use gatehouse_store::{Aspect, account as accounts, login_session};

use super::{
    code::{self, Checked, Purpose},
    limit::{self, Limit},
    login,
    refusal::{Outcome, Refusal},
};
use crate::{
    Ctx,
    audit::{self, Object},
    throttle,
};

const WRONG_CODE: Refusal = Refusal::rule("Incorrect email verification code");
const UNKNOWN: Refusal = Refusal::rule("This email is not registered in the system");
/// Wrong codes for an address.
const WRONG: Limit = Limit { scope: "panel.forget", most: 3, window: Duration::from_mins(5) };

/// Sets a password by a code that was mailed; all sessions end.
///
/// Shape: address, code and a password of 8 to 128 characters. Errors: texts of specs/panel.md §2.1 forget; who does not read the
/// mailbox learns nothing of whose it is.
pub async fn forget(ctx: &Ctx, email: &str, code: &str, password: &Secret) -> Outcome<()> {
    let key = email_key(email.trim());
    if limit::is_used_up(ctx, WRONG, &key).await? {
        return Err(Refusal::often("Reset failed, Please try again later").into());
    }
    let code = match code::check(ctx, email, Purpose::Reset, code).await? {
        Checked::Right(id) => id,
        Checked::Other => return Err(UNKNOWN.into()),
        Checked::Wrong => {
            let mut tx = ctx.begin().await?;
            limit::take(ctx, &mut tx, WRONG, &key).await?;
            tx.commit().await?;
            return Err(WRONG_CODE.into());
        }
    };
    let (scheme, hash) = ctx.app.passwords().hash(ctx.app.random(), password).await?;
    let mut tx = ctx.begin().await?;
    let account = code::find_by_mail(ctx, &mut tx, &key).await?.ok_or(UNKNOWN)?;
    if !code::use_up(&mut tx, code).await? {
        return Err(WRONG_CODE.into());
    }
    accounts::update_password(&mut tx, account.id, scheme, &hash, ctx.now()).await?;
    crate::account::vpn::repassworded(ctx, &mut tx, &account, password).await?;
    login_session::revoke_others(&mut tx, account.id, None, "credentials_changed", ctx.now()).await?;
    // Who reads the mailbox is no guesser.
    login::clear_failures(ctx, &mut tx, &key).await?;
    throttle::clear(ctx, &mut tx, &key).await?;
    limit::forget(ctx, &mut tx, WRONG, &key).await?;
    tx.touch(Aspect::Access, Some(account.id.0));
    audit::changed(&mut tx, ctx, "panel.password.reset", Object::new("account", account.id.0, &account.login)).await?;
    Ok(tx.commit().await?)
}
