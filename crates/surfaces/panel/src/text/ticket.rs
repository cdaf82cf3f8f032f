//! Texts of the area `ticket`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
