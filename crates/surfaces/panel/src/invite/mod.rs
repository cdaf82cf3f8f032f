//! Invitations (specs/panel.md §2.4).

mod code;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v1/user/invite/save", For::User, code::save),
    endpoint!(Get "v1/user/invite/fetch", For::User, code::fetch),
    endpoint!(Get "v1/user/invite/details", For::User, code::details),
];
