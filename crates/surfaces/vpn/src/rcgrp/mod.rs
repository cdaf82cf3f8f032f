//! Resource groups.

pub(crate) mod add_rc_grp_cloud;
pub(crate) mod del_rc_grp_cloud;
pub(crate) mod edit_rc_grp_cloud;
pub(crate) mod get_rc_group_info_cloud;

use crate::{
    answer::{Refusal, Words, refusal},
    text,
};

/// Everything that is wrong with a parameter, an unknown group included.
const WRONG: Refusal = refusal(-2, text::PARAMETER);

/// What the use cases say, in this API's words; all else is [`WRONG`].
const WORDS: Words = &[("row", "taken", refusal(-9, text::RESOURCE_GROUP_EXISTS))];
