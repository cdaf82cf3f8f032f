//! What clients fetch: subscriptions (specs/panel-nodes.md N1).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
