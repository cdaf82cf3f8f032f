//! What a user's fields must be like (specs/bastion.md §3, §4.3).

use std::borrow::Cow;

use gatehouse_domain::{Edit, error::Fault, settings::BastionSettings};
use gatehouse_model::Secret;

use crate::{
    body::{Blank, Fields},
    text,
};

/// Longest note, characters.
pub(super) const REMARK_MAX: usize = 10_000;
const NAME_MAX: usize = 50;
const EMAIL_MAX: usize = 100;
const PHONE_MAX: usize = 11;
const PASSWORD_MAX: usize = 128;

/// A required password that may be set. Empty when it has a fault.
pub(super) fn password(fields: &mut Fields, field: &'static str, settings: &BastionSettings) -> Secret {
    let min = if settings.compat.short_passwords { 1 } else { settings.auth.password_min };
    let password = fields.text(field, PASSWORD_MAX);
    if !fields.is_faulty(field) && password.chars().count() < min {
        fields.fault(field, Cow::Owned(format!("密码长度不得少于{min}字符")));
    }
    Secret::new(password)
}

/// A required display name.
pub(super) fn name(fields: &mut Fields) -> String {
    fields.text("name", NAME_MAX)
}

/// A display name that may be changed.
pub(super) fn changed_name(fields: &mut Fields) -> Option<String> {
    fields.changed_text("name", NAME_MAX)
}

/// E-mail and phone number as an edit; both may be cleared.
pub(super) fn contact(fields: &mut Fields) -> (Edit<String>, Edit<String>) {
    let email = fields.edit_text("email", EMAIL_MAX, Blank::Null);
    let phone = fields.edit_text("phone_number", PHONE_MAX, Blank::Null);
    (checked(fields, "email", email, is_email), checked(fields, "phone_number", phone, is_phone))
}

fn checked(fields: &mut Fields, field: &'static str, edit: Edit<String>, is_right: fn(&str) -> bool) -> Edit<String> {
    match edit {
        Edit::Set(text) if !is_right(&text) => {
            let (_, wrong) = text::fault(field, "malformed");
            fields.fault(field, wrong);
            Edit::Keep
        }
        other => other,
    }
}

/// Adds the texts of what a form clashes with.
pub(super) fn clashes(fields: &mut Fields, faults: Vec<Fault>) {
    for Fault { field, rule } in faults {
        let (_, text) = text::fault(field, rule);
        fields.fault(field, text);
    }
}

/// `local@domain.tld`, as the original's form takes it.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let is_local = !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
    is_local && (domain == "localhost" || (domain.contains('.') && domain.split('.').all(is_label)))
}

/// `^1[3-9]\d{9}$`
fn is_phone(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 11
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes.starts_with(b"1")
        && bytes.get(1).is_some_and(|second| (b'3'..=b'9').contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_and_phone_numbers_are_told_from_other_texts() {
        for right in ["a@example.com", "first.last+tag@mail.example.org", "用户@例子.中国", "root@localhost"] {
            assert!(is_email(right), "{right}");
        }
        for wrong in
            ["", "a", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", "a@-b.c", "a..b@c.d", ".a@c.d", "a@b.c\n", "a@b@"]
        {
            assert!(!is_email(wrong), "{wrong}");
        }
        assert!(is_phone("13800000000") && is_phone("19999999999"));
        for wrong in
            ["", "12800000000", "1380000000", "138000000000", "1380000000a", "１３８００００００００", "03800000000"]
        {
            assert!(!is_phone(wrong), "{wrong}");
        }
    }
}
