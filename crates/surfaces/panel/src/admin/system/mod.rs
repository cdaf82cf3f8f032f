//! Staff's `system/*`, `plugin/*` and `theme/*` (specs/panel.md §4.2).

mod plugin;
mod status;

use crate::endpoint::{Endpoint, For, endpoint};

const STAFF: For = For::Staff("panel.plugin");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v2/{sp}/system/getSystemStatus", For::Staff("panel.stat"), status::get),
    endpoint!(Get "v2/{sp}/plugin/getPlugins", STAFF, plugin::list),
    endpoint!(Get "v2/{sp}/plugin/types", STAFF, plugin::types),
    endpoint!(Get "v2/{sp}/plugin/integration-status", STAFF, plugin::integration),
    endpoint!(Post "v2/{sp}/plugin/enable", STAFF, plugin::enable),
    endpoint!(Post "v2/{sp}/plugin/disable", STAFF, plugin::disable),
    endpoint!(Get "v2/{sp}/plugin/config", STAFF, plugin::config),
    endpoint!(Post "v2/{sp}/plugin/config", STAFF, plugin::save_config),
    endpoint!(Post "v2/{sp}/plugin/install", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/plugin/uninstall", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/plugin/upgrade", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/plugin/upload", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/plugin/delete", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/theme/upload", STAFF, plugin::unsupported),
    endpoint!(Post "v2/{sp}/theme/delete", STAFF, plugin::unsupported),
];
