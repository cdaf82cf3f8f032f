//! Texts of the area `admin`.

use super::Text;

pub(super) const TEXTS: &[Text] = &[];
