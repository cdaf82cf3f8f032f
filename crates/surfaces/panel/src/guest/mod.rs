//! What everybody may see (specs/panel.md §2.2).

use crate::{
    endpoint::{Endpoint, For, endpoint},
    plan,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[endpoint!(Get "v1/guest/plan/fetch", For::Anybody, plan::list::list)];
