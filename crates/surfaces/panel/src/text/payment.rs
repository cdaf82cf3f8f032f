//! Texts of the area `payment`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
