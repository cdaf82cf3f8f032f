//! What everybody may see (specs/panel.md §2.2).

mod avatar;
mod config;
mod notify;

use crate::{
    endpoint::{Endpoint, For, endpoint},
    plan,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/avatar/{hash}", For::Anybody, avatar::avatar),
    endpoint!(Get "v1/guest/comm/config", For::Anybody, config::show),
    endpoint!(Both "v1/guest/payment/notify/{driver}/{uuid}", For::Anybody, notify::notify),
    endpoint!(Get "v1/guest/plan/fetch", For::Anybody, plan::list::list),
];
