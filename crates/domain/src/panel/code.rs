//! Codes that prove a mailbox: six digits, for one purpose, five tries, five minutes (specs/panel.md §2.1).

use std::time::Duration;

use gatehouse_model::email_key;
use gatehouse_store::{
    Query, Tx,
    account::{self as accounts, AccountRow},
    one_time::{self as rows, NewOneTime},
    pass, proxy_pass,
};

use super::{
    captcha::{self, Given},
    limit::{self, Limit},
    refusal::{Outcome, Refusal},
    site,
};
use crate::{
    Ctx, Result,
    mail::{self, Template},
};

const PURPOSE: &str = "panel.code";
/// How long a code lives.
const LIFE: Duration = Duration::from_mins(5);
/// How many tries it has.
const TRIES: i64 = 5;
/// One code for an address.
const RESEND: Limit = Limit { scope: "panel.code.resend", most: 1, window: Duration::from_mins(1) };
/// Codes and links from one address of the network.
pub(super) const SENDER: Limit = Limit { scope: "panel.mail.sender", most: 60, window: Duration::from_mins(10) };

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new account.
    Register,
    /// A new password.
    Reset,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
        }
    }
}

/// What a code that was typed is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is right; its row, which is to be used up.
    Right(i64),
    /// It is right, but it was sent for the other purpose.
    Other,
    /// It is wrong.
    Wrong,
}

/// Sends a code to an address: for a new password if it is registered, else for a new account. Gives the code, which only the
/// development switch `panel.debug_code` shows to the caller.
///
/// Errors: texts of specs/panel.md §2.1 sendEmailVerify; `RateLimited` per address of the network. Known and unknown addresses are
/// answered alike.
pub async fn send(ctx: &Ctx, email: &str, captcha: &Given) -> Outcome<Option<String>> {
    limit::take_address(ctx, SENDER).await?;
    captcha::check(ctx, captcha).await?;
    let is_debug = ctx.app.settings().panel.debug_code;
    let key = email_key(email.trim());
    let is_known = find_by_mail(ctx, &mut ctx.read(), &key).await?.is_some();
    if !is_known && !site::is_welcome(ctx, &key) {
        return Err(Refusal::rule("Email suffix is not in whitelist").into());
    }
    if !is_debug && !mail::is_configured(&ctx.app) {
        return Err(Refusal::rule("Mail is not configured").into());
    }
    let mut tx = ctx.begin().await?;
    let is_allowed = limit::take(ctx, &mut tx, RESEND, &key).await?;
    let code = (100_000 + ctx.app.random().below(900_000)).to_string();
    if is_allowed {
        let purpose = if is_known { Purpose::Reset } else { Purpose::Register };
        rows::delete_subject(&mut tx, PURPOSE, &key).await?;
        let new = NewOneTime {
            purpose: PURPOSE,
            secret_hash: &ctx.app.keys().hash(PURPOSE, &secret(&key, &code)),
            account_id: None,
            subject: Some(&key),
            payload: Some(purpose.as_str()),
            expires_at: ctx.now().plus(LIFE),
        };
        rows::insert(&mut tx, &new).await?;
        mail::queue(ctx, &mut tx, &key, Template::Verify, &[("code", &code)], LIFE).await?;
    }
    tx.commit().await?;
    if !is_allowed {
        return Err(Refusal::rule("Email verification code has been sent, please request again later").into());
    }
    Ok(is_debug.then_some(code))
}

/// The account that an address may be used for: not one of staff, unless `panel.staff_reset_by_mail`, and never a shadow.
pub(super) async fn find_by_mail(ctx: &Ctx, q: &mut impl Query, key: &str) -> Result<Option<AccountRow>> {
    let Some(account) = accounts::find_by_email_key(q, key).await? else { return Ok(None) };
    let is_staff = pass::has_staff(q, account.id).await?;
    let is_shadow = proxy_pass::find(q, account.id).await?.is_some_and(|row| row.main_account_id.is_some());
    Ok((!is_shadow && (!is_staff || ctx.app.settings().panel.staff_reset_by_mail)).then_some(account))
}

/// Judges a code, and counts the try first: of any number of tries at once five are judged, and the code is dead after them.
pub(super) async fn check(ctx: &Ctx, email: &str, purpose: Purpose, code: &str) -> Result<Checked> {
    let key = email_key(email.trim());
    let mut tx = ctx.begin().await?;
    let checked = match rows::try_subject(&mut tx, PURPOSE, &key, ctx.now()).await? {
        None => Checked::Wrong,
        Some(row) => {
            let is_right = row.tries <= TRIES
                && ctx.app.keys().hashes(PURPOSE, &secret(&key, code.trim())).any(|hash| hash == row.secret_hash);
            match (is_right, row.payload.as_deref() == Some(purpose.as_str())) {
                (true, true) => Checked::Right(row.id),
                (true, false) => Checked::Other,
                (false, _) => {
                    if row.tries >= TRIES {
                        rows::delete(&mut tx, row.id).await?;
                    }
                    Checked::Wrong
                }
            }
        }
    };
    tx.commit().await?;
    Ok(checked)
}

/// Uses a right code up in the transaction of what it allows; false: somebody else was quicker.
pub(super) async fn use_up(tx: &mut Tx, id: i64) -> Result<bool> {
    Ok(rows::delete(tx, id).await? > 0)
}

/// What is hashed: the same digits for two addresses are two secrets.
fn secret(key: &str, code: &str) -> String {
    format!("{key} {code}")
}
