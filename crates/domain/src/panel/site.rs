//! What the settings say of who may register.

use crate::Ctx;

/// Whether an address may register by its host, where the settings name hosts.
pub(super) fn is_welcome(ctx: &Ctx, email: &str) -> bool {
    let settings = ctx.app.live().panel();
    let host = email.rsplit('@').next().unwrap_or_default();
    let is_listed = |suffix: &String| suffix.trim_start_matches('@').eq_ignore_ascii_case(host);
    !settings.email_whitelist_enable || settings.email_whitelist_suffix.iter().any(is_listed)
}

/// Whether the part of an address before the host has what makes several addresses one mailbox.
pub(super) fn is_alias(email: &str) -> bool {
    email.rsplit_once('@').is_some_and(|(local, _)| local.contains(['.', '+']))
}
