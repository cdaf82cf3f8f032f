//! Which action a call asks for: the one table (specs/billing.md §5).

use crate::{
    action::{
        api_block, api_dopdata, api_pay_add, api_pay_reverse, api_services, api_users, logout, safe_ses,
        u_aj_accept_msg, u_auth_log, u_cards, u_credit, u_fondy, u_gcm, u_lpay, u_main, u_message, u_pays, u_remitter,
        u_srv_add, u_srv_select, version,
    },
    endpoint::Endpoint,
};

/// Every action.
pub(crate) const ENDPOINTS: &[&Endpoint] = &[
    &api_block::ENDPOINT,
    &api_dopdata::ENDPOINT,
    &api_pay_add::ENDPOINT,
    &api_pay_reverse::ENDPOINT,
    &api_services::ENDPOINT,
    &api_users::ENDPOINT,
    &logout::ENDPOINT,
    &safe_ses::ENDPOINT,
    &u_aj_accept_msg::ENDPOINT,
    &u_auth_log::ENDPOINT,
    &u_cards::ENDPOINT,
    &u_credit::ENDPOINT,
    &u_fondy::ENDPOINT,
    &u_gcm::ENDPOINT,
    &u_lpay::ENDPOINT,
    &u_main::ENDPOINT,
    &u_message::ENDPOINT,
    &u_pays::ENDPOINT,
    &u_remitter::ENDPOINT,
    &u_srv_add::ENDPOINT,
    &u_srv_select::ENDPOINT,
    &version::ENDPOINT,
];

/// Finds an action by its exact name.
pub(crate) fn find(action: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().copied().find(|endpoint| endpoint.action == action)
}
