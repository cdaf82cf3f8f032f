//! Invitations (specs/panel.md §2.4).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
