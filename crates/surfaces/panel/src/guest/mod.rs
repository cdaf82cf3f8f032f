//! What everybody may see (specs/panel.md §2.2).

mod config;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[endpoint!(Get "v1/guest/comm/config", For::Anybody, config::show)];
