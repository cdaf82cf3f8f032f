//! Texts of the area `gift`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
