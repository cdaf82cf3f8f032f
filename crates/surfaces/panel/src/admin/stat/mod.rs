//! Staff's `stat/*` (specs/panel.md §4.3).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
