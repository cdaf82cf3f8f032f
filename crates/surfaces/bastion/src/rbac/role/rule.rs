//! What a role's fields must be like (specs/bastion.md §3, §4.3).

use gatehouse_domain::error::Fault;

use crate::{body::Fields, text};

/// Characters.
pub(super) const NAME_MAX: usize = 20;
/// Characters.
pub(super) const CODE_MAX: usize = 20;
/// Characters.
pub(super) const DESCRIPTION_MAX: usize = 10_000;

/// Adds the texts of what a form clashes with.
pub(super) fn clashes(fields: &mut Fields, faults: Vec<Fault>) {
    for Fault { field, rule } in faults {
        let (_, text) = text::fault(field, rule);
        fields.fault(field, text);
    }
}
