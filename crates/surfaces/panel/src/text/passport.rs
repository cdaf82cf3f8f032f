//! Texts of logins and registrations (specs/panel.md §2.1).

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("Incorrect email or password", "邮箱或密码错误", "電子郵件或密碼錯誤", "Неверный адрес или пароль"),
    english(
        "Your account has been suspended",
        "该账户已被停止使用",
        "該帳戶已被停止使用",
        "Учётная запись заблокирована",
    ),
    english(
        "There are too many password errors, please try again after :minute minutes.",
        "密码错误次数过多，请 :minute 分钟后再试",
        "密碼錯誤次數過多，請 :minute 分鐘後再試",
        "Слишком много неверных паролей, попробуйте через :minute мин.",
    ),
    english("Email can not be empty", "邮箱不能为空", "電子郵件不能為空", "Укажите адрес почты"),
    english("Email format is incorrect", "邮箱格式不正确", "電子郵件格式不正確", "Неверный адрес почты"),
    english("Password can not be empty", "密码不能为空", "密碼不能為空", "Укажите пароль"),
    english(
        "Password must be greater than 8 digits",
        "密码必须大于 8 位",
        "密碼必須大於 8 位",
        "Пароль должен быть не короче 8 знаков",
    ),
    english("The old password is wrong", "旧密码有误", "舊密碼有誤", "Старый пароль неверен"),
    english("Old password cannot be empty", "旧密码不能为空", "舊密碼不能為空", "Укажите старый пароль"),
    english("New password cannot be empty", "新密码不能为空", "新密碼不能為空", "Укажите новый пароль"),
];
