//! Texts of the area `knowledge`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
