//! What nodes of others ask and tell (specs/panel-nodes.md N4).

use crate::endpoint::Endpoint;

pub(crate) const ENDPOINTS: &[Endpoint] = &[];
