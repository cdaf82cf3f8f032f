//! `POST passport/comm/sendEmailVerify`, `auth/forget`, `auth/loginWithMailLink`: what goes through a mailbox.

use gatehouse_domain::panel::{Refusal, code, entrance, forget as forgotten};
use serde_json::{Value, json};

use super::{
    login::{credentials, email},
    register::captcha,
};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Mails a code. Shape: `email`, a captcha where the settings ask for one → `true`, in development with `debug_code` beside it.
pub(super) async fn send_code(call: &Call) -> Outcome {
    let email = email(&call.input)?;
    let code = code::send(&call.ctx, &email, &captcha(&call.input)).await?;
    Ok(match code {
        Some(code) => Answer::Beside(Value::Bool(true), [("debug_code".to_owned(), json!(code))].into_iter().collect()),
        None => Answer::done(),
    })
}

/// Sets a password by a code. Shape: `email`, `email_code`, `password`.
pub(super) async fn forget(call: &Call) -> Outcome {
    let (email, password) = credentials(&call.input)?;
    let missing = Refusal::input("email_code", "Email verification code cannot be empty");
    let code = call.input.text("email_code").ok_or(missing)?;
    forgotten::forget(&call.ctx, &email, &code, &password).await?;
    Ok(Answer::done())
}

/// Mails a link that logs in. Shape: `email`, `redirect?` → always `true`; never the link.
pub(super) async fn login_link(call: &Call) -> Outcome {
    let email = email(&call.input)?;
    entrance::mail_link(&call.ctx, &email, call.input.text("redirect").as_deref()).await?;
    Ok(Answer::done())
}
