//! Who is in.

pub(crate) mod get_online_user_cloud;
pub(crate) mod kill_online_user_cloud;

use crate::{
    answer::{Refusal, refusal},
    text,
};

/// Whatever is wrong with a parameter of these actions.
const WRONG: Refusal = refusal(-13, text::PARAMETER);
