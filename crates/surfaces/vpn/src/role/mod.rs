//! VPN roles.

pub(crate) mod add_role_cloud;
pub(crate) mod delete_roles_cloud;
pub(crate) mod get_role_data_cloud;
pub(crate) mod get_role_list_data_cloud;
pub(crate) mod update_role_cloud;

use gatehouse_domain::vpn::role::{Links, RoleEdit};

use crate::{
    answer::{Refusal, Words, refusal},
    params::Params,
    text,
};

const WRONG: Refusal = refusal(-2, text::PARAMETER);
const UNKNOWN: Refusal = refusal(-2, text::ROLE_UNKNOWN);
const EXISTS: Refusal = refusal(-9, text::ROLE_EXISTS);

/// What the use cases say, in this API's words.
const WORDS: Words =
    &[("role", "unknown", UNKNOWN), ("row", "taken", EXISTS), ("name", "", WRONG), ("note", "", WRONG)];

/// The parameters that creating and editing have in common, but for the name.
fn edit(params: &Params) -> RoleEdit {
    RoleEdit {
        name: None,
        note: params.get("note").map(str::to_owned),
        is_enabled: params.switch("enable"),
        users: params.list("userNamesStr"),
        groups: params.list("grpNamesStr"),
        resources: params.list("rcNamesStr"),
        resource_groups: params.list("rcGrpNamesStr"),
    }
}

fn ids(links: &Links) -> String {
    links.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(",")
}

fn names(links: &Links) -> String {
    links.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(",")
}
