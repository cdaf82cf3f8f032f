//! Texts of the area `plan`.

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("Sold out", "已售罄", "已售罄", "Распродано"),
    english("No Limit", "不限制", "不限制", "Без ограничений"),
    english("First Day of Month", "每月1号", "每月1號", "Первого числа месяца"),
    english("Monthly", "按月重置", "按月重置", "Ежемесячно"),
    english("Never", "不重置", "不重置", "Никогда"),
    english("First Day of Year", "每年1月1日", "每年1月1日", "Первого января"),
    english("Yearly", "按年重置", "按年重置", "Ежегодно"),
    english("Subscription plan does not exist", "该订阅不存在", "該訂閱不存在", "Подписка не существует"),
    english(
        "The plan is in use by orders or users",
        "该订阅下存在订单或用户，无法删除",
        "該訂閱下存在訂單或用戶，無法刪除",
        "Тариф используется заказами или пользователями",
    ),
    english("The node group does not exist", "权限组不存在", "權限組不存在", "Группа узлов не существует"),
];
