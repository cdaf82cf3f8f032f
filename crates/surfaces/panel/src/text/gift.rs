//! Texts of gift cards.

use super::{Text, chinese, english};

pub(super) const TEXTS: &[Text] = &[
    chinese("兑换码不存在", "兌換碼不存在", "The gift card code does not exist", "Такого кода нет"),
    chinese("该礼品卡类型已停用", "該禮品卡類型已停用", "This gift card is switched off", "Эта карта отключена"),
    chinese(
        "兑换码不可用：已使用",
        "兌換碼不可用：已使用",
        "The gift card code cannot be used: used",
        "Код нельзя применить: использован",
    ),
    chinese(
        "兑换码不可用：已过期",
        "兌換碼不可用：已過期",
        "The gift card code cannot be used: expired",
        "Код нельзя применить: истёк",
    ),
    chinese(
        "兑换码不可用：已禁用",
        "兌換碼不可用：已停用",
        "The gift card code cannot be used: disabled",
        "Код нельзя применить: отключён",
    ),
    chinese(
        "您不满足此礼品卡的使用条件",
        "您不滿足此禮品卡的使用條件",
        "You do not meet the conditions of this gift card",
        "Вы не подходите под условия этой карты",
    ),
    chinese(
        "您已达到此礼品卡的使用限制",
        "您已達到此禮品卡的使用限制",
        "You have reached the limit of this gift card",
        "Вы исчерпали лимит этой карты",
    ),
    chinese("记录不存在", "紀錄不存在", "The record does not exist", "Записи нет"),
    chinese("兑换成功！", "兌換成功！", "Redeemed!", "Применено!"),
    chinese("兑换码生成成功", "兌換碼產生成功", "The codes were made", "Коды созданы"),
    chinese("通用礼品卡", "通用禮品卡", "General gift card", "Обычная карта"),
    chinese("套餐礼品卡", "套餐禮品卡", "Plan gift card", "Карта тарифа"),
    chinese("盲盒礼品卡", "盲盒禮品卡", "Mystery gift card", "Карта-сюрприз"),
    chinese("未使用", "未使用", "Unused", "Не использован"),
    chinese("已使用", "已使用", "Used", "Использован"),
    chinese("已过期", "已過期", "Expired", "Истёк"),
    chinese("已禁用", "已停用", "Disabled", "Отключён"),
    english(
        "The gift card template does not exist",
        "礼品卡模板不存在",
        "禮品卡範本不存在",
        "Шаблон карты не существует",
    ),
    english(
        "The gift card template has codes and cannot be deleted",
        "该模板下存在兑换码，无法删除",
        "該範本下存在兌換碼，無法刪除",
        "У шаблона есть коды, удалить его нельзя",
    ),
    english(
        "A gift card that was used cannot be deleted",
        "已使用的兑换码无法删除",
        "已使用的兌換碼無法刪除",
        "Использованный код удалить нельзя",
    ),
];
