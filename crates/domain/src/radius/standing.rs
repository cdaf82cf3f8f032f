//! Whether somebody who is in may stay in: what accounting and the outbox ask, without any credential.

use gatehouse_model::{EndedWhy, Millis};
use gatehouse_store::visit_radius::{SessionRow, StandingRow};

/// Why the account of a stay may not be in; none: it may, or nobody knows whose stay it is.
pub(crate) fn of_session(session: &SessionRow, now: Millis) -> Option<EndedWhy> {
    session.account_id?;
    let Some(is_enabled) = session.is_enabled else { return Some(EndedWhy::Deleted) };
    refusal(is_enabled, session.is_pass_enabled, session.expires_at, session.disabled_groups, now)
}

/// Why an account may not be in.
pub(crate) fn of_account(row: &StandingRow, now: Millis) -> Option<EndedWhy> {
    refusal(row.is_enabled, row.is_pass_enabled, row.expires_at, row.disabled_groups, now)
}

fn refusal(
    is_enabled: bool,
    is_pass_enabled: Option<bool>,
    expires_at: Option<Millis>,
    disabled_groups: i64,
    now: Millis,
) -> Option<EndedWhy> {
    match is_pass_enabled {
        _ if !is_enabled => Some(EndedWhy::Disabled),
        None => Some(EndedWhy::PassRevoked),
        Some(false) => Some(EndedWhy::Disabled),
        Some(true) if disabled_groups > 0 => Some(EndedWhy::Disabled),
        Some(true) => expires_at.filter(|at| *at <= now).map(|_| EndedWhy::Expired),
    }
}

/// Whether a wish to end a stay holds only as long as its account may not be in.
pub(crate) const fn lapses(why: EndedWhy) -> bool {
    matches!(why, EndedWhy::Disabled | EndedWhy::Deleted | EndedWhy::PassRevoked | EndedWhy::Expired)
}
