//! Texts of the area `order`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
