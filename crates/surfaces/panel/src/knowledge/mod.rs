//! The knowledge base and notices as users see them (specs/panel.md §2.3, §2.7).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
