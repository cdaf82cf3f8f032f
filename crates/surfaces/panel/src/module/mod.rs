//! The built-in modules: real names, online devices, IPv6 subscriptions (specs/panel.md §5).

mod device;
mod identity;
mod shadow;

use crate::endpoint::{Endpoint, For, endpoint};

const REVIEWER: For = For::Staff("panel.realname");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/user/real-name-verification/status", For::User, identity::status),
    endpoint!(Post "v1/user/real-name-verification/submit", For::User, identity::submit),
    endpoint!(Get "v1/{sp}/realname/records", REVIEWER, identity::records),
    endpoint!(Post "v1/{sp}/realname/review/{userId}", REVIEWER, identity::review),
    endpoint!(Post "v1/{sp}/realname/reset/{userId}", REVIEWER, identity::reset),
    endpoint!(Post "v1/{sp}/realname/sync-all", REVIEWER, identity::sync_all),
    endpoint!(Post "v1/{sp}/realname/approve-all", REVIEWER, identity::approve_all),
    endpoint!(Post "v1/{sp}/realname/clear-cache", REVIEWER, identity::clear_cache),
    endpoint!(Get "v1/user/user-online-devices/get-ip", For::User, device::get_ip),
    endpoint!(Get "v1/{sp}/user-online-devices/users", For::Staff("panel.user"), device::users),
    endpoint!(Get "v1/user/user-add-ipv6-subscription/check", For::User, shadow::check),
    endpoint!(Post "v1/user/user-add-ipv6-subscription/enable", For::User, shadow::enable),
    endpoint!(Post "v1/user/user-add-ipv6-subscription/sync-password", For::User, shadow::sync_password),
];
