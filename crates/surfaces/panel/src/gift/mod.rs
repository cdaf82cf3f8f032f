//! Gift cards of users (specs/panel.md §2.8).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
