//! Texts of the area `invite`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
