//! `POST passport/auth/login`.

use gatehouse_domain::panel::{Refusal, login};
use gatehouse_model::Secret;

use super::opened;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::Input,
};

/// Logs in. Shape: `email`, `password` → `{token, auth_data, is_admin}`. Errors: specs/panel.md §2.1.
pub(super) async fn login(call: &Call) -> Outcome {
    let (email, password) = credentials(&call.input)?;
    let session = login::login(&call.ctx, &email, &password, call.user_agent()).await?;
    Ok(Answer::Data(opened(call, &session).await?))
}

/// An e-mail in its strict form.
pub(super) fn email(input: &Input) -> Result<String, Refusal> {
    let email = input.text("email").ok_or(Refusal::input("email", "Email can not be empty"))?;
    if is_email(&email) { Ok(email) } else { Err(Refusal::input("email", "Email format is incorrect")) }
}

/// E-mail and password, each in its form.
pub(super) fn credentials(input: &Input) -> Result<(String, Secret), Failure> {
    let mut wrong = Vec::new();
    let email = email(input).map_err(|refusal| wrong.push(refusal)).ok();
    let password = input.password("password");
    match password.as_ref().map(|password| password.expose().chars().count()) {
        None => wrong.push(Refusal::input("password", "Password can not be empty")),
        Some(length) if !(8..=128).contains(&length) => {
            wrong.push(Refusal::input("password", "Password must be greater than 8 digits"));
        }
        Some(_) => {}
    }
    match (email, password) {
        (Some(email), Some(password)) if wrong.is_empty() => Ok((email, password)),
        _ => Err(Failure::Inputs(wrong)),
    }
}

/// `local@host.domain`, nothing that mails or pages would read as markup.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_label = |label: &str| {
        let is_inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (1..=63).contains(&label.len()) && is_inner && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses_have_their_strict_form() {
        for email in ["a@example.com", "a.b+c@sub.example.com", "o'neil@example.com"] {
            assert!(is_email(email), "{email}");
        }
        for email in [
            "",
            "a",
            "a@b",
            "@example.com",
            "a@",
            "a b@example.com",
            "a@b@example.com",
            "a@-x.com",
            "a..b@x.com",
            "a@x..com",
            "<a>@x.com",
            "a@x.com\r\nBcc: b@x.com",
        ] {
            assert!(!is_email(email), "{email}");
        }
    }
}
