//! What everybody may see (specs/panel.md §2.2).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
