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
    english(
        "The last administrator must stay",
        "必须保留最后一位管理员",
        "必須保留最後一位管理員",
        "Последний администратор должен остаться",
    ),
    english("The inviter does not exist", "邀请人不存在", "邀請人不存在", "Пригласивший не найден"),
    english(
        "Another role of this account allows it",
        "该账户的其他角色仍有此权限",
        "該帳戶的其他角色仍有此權限",
        "Это разрешает другая роль учётной записи",
    ),
    english(
        "Say whom: selected, filtered or all",
        "请指定范围：selected、filtered 或 all",
        "請指定範圍：selected、filtered 或 all",
        "Укажите, кого: selected, filtered или all",
    ),
    english("The template is broken", "模板有误", "模板有誤", "Шаблон повреждён"),
];
