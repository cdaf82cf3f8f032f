//! Tickets of users (specs/panel.md §2.6).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
