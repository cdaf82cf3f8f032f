//! Texts of payments (specs/panel.md §2.5, §3.9).

use super::{Text, chinese, english};

pub(super) const TEXTS: &[Text] = &[
    english("Payment method does not exist", "支付方式不存在", "支付方式不存在", "Способ оплаты не существует"),
    english("Payment method is not available", "支付方式不可用", "支付方式不可用", "Способ оплаты недоступен"),
    english(
        "Open orders use this payment method",
        "仍有未完成的订单使用该支付方式",
        "仍有未完成的訂單使用該支付方式",
        "Способ оплаты используют незавершённые заказы",
    ),
    chinese(
        "请在站点配置中配置站点地址",
        "請在站點配置中配置站點地址",
        "Set the site address (app_url) in the settings first",
        "Сначала укажите адрес сайта (app_url) в настройках",
    ),
];
