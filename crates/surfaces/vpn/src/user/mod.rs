//! VPN users.

pub(crate) mod add_user_cloud;
pub(crate) mod del_user_by_name_cloud;
pub(crate) mod ex_get_user_info;
pub(crate) mod ext_set_user_enable;
pub(crate) mod get_search_data;
pub(crate) mod update_user_cloud;

use gatehouse_domain::vpn::user::{Expiry, ServerName};

use crate::{
    answer::{Refusal, refusal},
    params::Params,
    text,
};

const NAME_EMPTY: Refusal = refusal(-2, text::NAME_EMPTY);
const NAME_RESERVED: Refusal = refusal(-2, text::NAME_RESERVED);
const IN_ANONYMOUS_GROUP: Refusal = refusal(-2, text::IN_ANONYMOUS_GROUP);
const WRONG_TYPE: Refusal = refusal(-2, text::PARAMETER_TYPE);
const WRONG: Refusal = refusal(-2, text::PARAMETER);
const DISABLED_BY_STAFF: Refusal = refusal(-2, text::DISABLED_BY_STAFF);
const GROUP_WRONG: Refusal = refusal(-13, text::PARENT_GROUP_WRONG);
const GROUP_UNKNOWN: Refusal = refusal(-13, text::PARENT_GROUP_UNKNOWN);
const SERVER_UNKNOWN: Refusal = refusal(-13, text::SERVER_UNKNOWN);

/// The external server that `ext_auth_name` means; `auth_type` narrows the search to LDAP (1) or RADIUS (2).
fn server(params: &Params, name: &str) -> ServerName {
    let kind = match params.get("auth_type") {
        Some("1") => Some("ldap"),
        Some("2") => Some("radius"),
        _ => None,
    };
    ServerName { name: name.to_owned(), kind }
}

/// `gqsj` and `ex_time`. The first is inverted: 1 means that there is no end.
fn expiry(params: &Params) -> Expiry {
    match params.filled("gqsj") {
        None => Expiry::Keep,
        Some("1") => Expiry::Never,
        Some(_) => Expiry::On(params.get("ex_time").unwrap_or_default().to_owned()),
    }
}
