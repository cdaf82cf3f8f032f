//! What a role's fields must be like (specs/bastion.md §3, §4.3).

/// Characters.
pub(super) const NAME_MAX: usize = 20;
/// Characters.
pub(super) const CODE_MAX: usize = 20;
/// Characters.
pub(super) const DESCRIPTION_MAX: usize = 10_000;
