//! Resources.

pub(crate) mod add_resource_cloud;
pub(crate) mod delete_resource_cloud;
pub(crate) mod get_rc_data_cloud;
pub(crate) mod get_rc_list_data_cloud;
pub(crate) mod update_resource_cloud;

use gatehouse_domain::vpn::resource::{Kind, ResourceEdit};

use crate::{
    answer::{Refusal, Words, refusal},
    params::Params,
    text,
};

const WRONG: Refusal = refusal(-2, text::PARAMETER_ILLEGAL);
const UNKNOWN: Refusal = refusal(-2, text::RESOURCE_UNKNOWN);
const EXISTS: Refusal = refusal(-9, text::RESOURCE_EXISTS);

/// What the use cases say, in this API's words; all else is [`WRONG`].
const WORDS: Words = &[("resource", "unknown", UNKNOWN), ("row", "taken", EXISTS)];

/// The parameters that creating and editing have in common, but for name and kind.
fn edit(params: &Params) -> ResourceEdit {
    let text = |name| params.get(name).map(str::to_owned);
    ResourceEdit {
        name: None,
        note: text("note"),
        service: text("service"),
        main_host: text("main_host"),
        addresses: text("addr_str"),
        black_list: text("black_list_str"),
        is_web_app: params.get("isWebApp").map(|value| matches!(value, "1" | "true")),
        is_enabled: params.switch("enableSrc"),
        is_shown: params.flag("show"),
        group: text("rc_grp_name"),
    }
}

/// Reads `rctype`.
fn kind(number: &str) -> Result<Kind, Refusal> {
    number.trim().parse().ok().and_then(Kind::from_number).ok_or(WRONG)
}
