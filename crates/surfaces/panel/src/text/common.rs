//! Texts of every area.

use super::{Text, chinese, english};

pub(super) const TEXTS: &[Text] = &[
    chinese("操作成功", "操作成功", "Success", "Успешно"),
    chinese(
        "未登录或登陆已过期",
        "未登入或登入已過期",
        "Not logged in or the login has expired",
        "Вы не вошли или вход истёк",
    ),
    english("Unauthorized", "Unauthorized", "Unauthorized", "Unauthorized"),
    english("Not Found", "Not Found", "Not Found", "Not Found"),
    english("Method Not Allowed", "不支持的请求方法", "不支援的請求方法", "Метод не поддерживается"),
    english("The request is too large", "请求内容过大", "請求內容過大", "Слишком большой запрос"),
    english("Invalid parameter", "参数错误", "參數錯誤", "Неверный параметр"),
    english("The value of :name is not valid", "参数 :name 有误", "參數 :name 有誤", "Неверное значение :name"),
    english(
        "The requested item does not exist",
        "所请求的内容不存在",
        "所請求的內容不存在",
        "Запрошенного не существует",
    ),
    english("It exists already", "已存在", "已存在", "Уже существует"),
    english("It cannot be changed now", "当前无法修改", "目前無法修改", "Сейчас это нельзя изменить"),
    english("Quota exceeded", "超出限额", "超出限額", "Лимит исчерпан"),
    english("Insufficient balance", "余额不足", "餘額不足", "Недостаточно средств"),
    english(
        "Too many requests, please try again later",
        "请求过于频繁，请稍后再试",
        "請求過於頻繁，請稍後再試",
        "Слишком много запросов, попробуйте позже",
    ),
    english(
        "Request failed, please try again later",
        "请求失败，请稍后再试",
        "請求失敗，請稍後再試",
        "Запрос не удался, попробуйте позже",
    ),
    english("The user does not exist", "该用户不存在", "該用戶不存在", "Пользователь не существует"),
    english(
        "This account cannot do that",
        "该账号不支持此操作",
        "該帳號不支援此操作",
        "Эта учётная запись не может этого",
    ),
];
