//! Texts of the area `client`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
