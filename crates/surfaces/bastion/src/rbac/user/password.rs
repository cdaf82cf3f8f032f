//! Passwords that are set.

use gatehouse_domain::{Ctx, password::MAX_LENGTH};
use gatehouse_model::Secret;

use crate::{body::Fields, text};

/// Reads a password that is to be set: `bastion.auth.password_min` to 128 characters, any from 1 with `compat.short_passwords`.
pub(crate) fn read(fields: &mut Fields, field: &'static str, ctx: &Ctx) -> Secret {
    let settings = &ctx.app.settings().bastion;
    let shortest = if settings.compat.short_passwords { 1 } else { settings.auth.password_min };
    let password = Secret::new(fields.exact_text(field, MAX_LENGTH, text::too_long));
    if !fields.is_faulty(field) && password.expose().chars().count() < shortest {
        fields.fault(field, format!("密码长度不得少于{shortest}字符"));
    }
    password
}
