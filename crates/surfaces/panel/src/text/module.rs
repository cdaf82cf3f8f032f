//! Texts of the modules and of staff's plugin pages.

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("There is no such plugin", "插件不存在", "外掛不存在", "Такого модуля нет"),
    english("not supported", "不支持", "不支援", "не поддерживается"),
    english(
        "There is no IPv6 subscription yet",
        "尚未启用 IPv6 订阅",
        "尚未啟用 IPv6 訂閱",
        "Подписка IPv6 ещё не включена",
    ),
    english(
        "IPv6 subscriptions are not set up",
        "IPv6 订阅尚未配置",
        "IPv6 訂閱尚未設定",
        "Подписка IPv6 не настроена",
    ),
    english("An active subscription is needed", "需要有效的订阅", "需要有效的訂閱", "Нужна действующая подписка"),
    english(
        "Your plan does not include an IPv6 subscription",
        "您的套餐不包含 IPv6 订阅",
        "您的套餐不包含 IPv6 訂閱",
        "Ваш тариф не включает подписку IPv6",
    ),
    english(
        "Your account has no e-mail address",
        "您的账号没有邮箱",
        "您的帳號沒有電子郵件",
        "У вашей учётной записи нет адреса почты",
    ),
    english(
        "The e-mail address of the IPv6 account is taken",
        "IPv6 账号的邮箱已被占用",
        "IPv6 帳號的電子郵件已被佔用",
        "Адрес почты для учётной записи IPv6 занят",
    ),
];
