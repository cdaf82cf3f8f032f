//! The three built-in modules, for users and staff (specs/panel.md §5).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
