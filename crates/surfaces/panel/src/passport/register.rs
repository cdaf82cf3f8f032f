//! `POST passport/auth/register`, `comm/pv`.

use gatehouse_domain::panel::{
    captcha::Given,
    invite,
    register::{self, Registration},
};

use super::{login::credentials, opened};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    input::Input,
};

/// Makes an account and logs it in. Shape: `email`, `password`, `invite_code?`, `email_code?`, a captcha by its type → as a login.
/// Errors: specs/panel.md §2.1.
pub(super) async fn register(call: &Call) -> Outcome {
    let (email, password) = credentials(&call.input)?;
    let text = |name| call.input.text(name);
    let new = Registration {
        email,
        password,
        invite_code: text("invite_code"),
        email_code: text("email_code"),
        captcha: captcha(&call.input),
    };
    let session = register::register(&call.ctx, &new, call.user_agent()).await?;
    Ok(Answer::Data(opened(call, &session).await?))
}

/// What shows that the caller is a person.
pub(super) fn captcha(input: &Input) -> Given {
    Given {
        recaptcha: input.text("recaptcha_data"),
        recaptcha_v3: input.text("recaptcha_v3_token"),
        turnstile: input.text("turnstile_token"),
    }
}

/// Counts a view of the page of an invitation. Shape: `invite_code`.
pub(super) async fn seen(call: &Call) -> Outcome {
    if let Some(code) = call.input.text("invite_code") {
        invite::seen(&call.ctx, &code).await?;
    }
    Ok(Answer::done())
}
