//! Texts of the area `plan`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
