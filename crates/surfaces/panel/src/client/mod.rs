//! What clients fetch: subscriptions (specs/panel-nodes.md N1).

mod profile;

pub(crate) use profile::by_path;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[endpoint!(Get "v1/client/subscribe", For::Anybody, profile::subscribe)];
