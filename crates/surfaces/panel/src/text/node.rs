//! Texts of the area `node`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
