//! What a user's fields must be like (specs/bastion.md §3, §4.3).

use gatehouse_domain::{Edit, account::own::malformed_contacts};

use crate::body::{Blank, Fields};

/// Longest note, characters.
pub(super) const REMARK_MAX: usize = 10_000;
const NAME_MAX: usize = 50;
const EMAIL_MAX: usize = 100;
const PHONE_MAX: usize = 11;

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
    fields.note(malformed_contacts(&email, &phone));
    (email, phone)
}
