//! Plans as users see them (specs/panel.md §2.5).

pub(crate) mod list;
pub(crate) mod resource;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[endpoint!(Get "v1/user/plan/fetch", For::User, list::fetch)];
