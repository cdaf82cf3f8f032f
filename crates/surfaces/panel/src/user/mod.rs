//! What users see and do of themselves (specs/panel.md §2.3).

pub(crate) mod account;
mod config;
mod server;
pub(crate) mod session;
mod subscribe;
mod transfer;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/user/server/fetch", For::User, server::fetch),
    endpoint!(Get "v1/user/stat/getTrafficLog", For::User, server::traffic_log),
    endpoint!(Get "v1/user/info", For::User, account::info),
    endpoint!(Get "v2/user/info", For::User, account::info),
    endpoint!(Get "v1/user/checkLogin", For::User, account::check_login),
    endpoint!(Both "v1/user/resetSecurity", For::User, account::reset_security),
    endpoint!(Both "v2/user/resetSecurity", For::User, account::reset_security),
    endpoint!(Post "v1/user/changePassword", For::User, account::change_password),
    endpoint!(Post "v1/user/update", For::User, account::update),
    endpoint!(Get "v1/user/getActiveSession", For::User, session::list),
    endpoint!(Post "v1/user/removeActiveSession", For::User, session::remove),
    endpoint!(Post "v1/user/transfer", For::User, transfer::transfer),
    endpoint!(Get "v1/user/getStat", For::User, config::stat),
    endpoint!(Get "v1/user/comm/config", For::User, config::show),
    endpoint!(Post "v1/user/comm/getStripePublicKey", For::User, config::stripe_key),
    endpoint!(Get "v1/user/telegram/getBotInfo", For::User, config::bot),
    endpoint!(Get "v1/user/getSubscribe", For::User, subscribe::get),
];
