//! Staff's `user/*` (specs/panel.md §4.3).

mod ban;
mod fetch;
mod generate;
mod update;

use gatehouse_model::AccountId;

use crate::{
    answer::Failure,
    endpoint::{Call, Endpoint, For, endpoint},
};

const STAFF: For = For::Staff("panel.user");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/user/fetch", STAFF, fetch::fetch),
    endpoint!(Both "v2/{sp}/user/getUserInfoById", STAFF, fetch::one),
    endpoint!(Post "v2/{sp}/user/update", STAFF, update::update),
    endpoint!(Post "v2/{sp}/user/setInviteUser", STAFF, update::set_inviter),
    endpoint!(Post "v2/{sp}/user/generate", STAFF, generate::generate),
    endpoint!(Both "v2/{sp}/user/dumpCSV", STAFF, fetch::dump),
    endpoint!(Post "v2/{sp}/user/ban", STAFF, ban::ban),
    endpoint!(Post "v2/{sp}/user/resetSecret", STAFF, ban::reset_secret),
    endpoint!(Post "v2/{sp}/user/destroy", STAFF, ban::destroy),
];

/// The user that a call names.
fn id(call: &Call) -> Result<AccountId, Failure> {
    call.input.id("id").map(AccountId)
}
