//! Plans as users see them (specs/panel.md §2.5).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
