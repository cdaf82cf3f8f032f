//! Texts of invitations (specs/panel.md §2.4).

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[english(
    "The maximum number of creations has been reached",
    "已达到创建数量上限",
    "已達到建立數量上限",
    "Достигнут предел числа кодов",
)];
