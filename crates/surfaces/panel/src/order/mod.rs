//! Orders and coupons of users (specs/panel.md §2.5).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
