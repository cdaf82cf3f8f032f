//! Texts of the area `module`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
