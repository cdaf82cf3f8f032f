//! Texts of what users see of themselves (specs/panel.md §2.3).

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("payment is not found", "支付方式不存在", "支付方式不存在", "Способ оплаты не найден"),
    english(
        "The Telegram bot is not available",
        "Telegram 机器人不可用",
        "Telegram 機器人不可用",
        "Бот Telegram недоступен",
    ),
];
