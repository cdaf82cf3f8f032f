//! Texts of the area `user`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
