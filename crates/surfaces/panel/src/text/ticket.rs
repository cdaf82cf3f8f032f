//! Texts of the area `ticket`.

use super::{Text, chinese, english};

pub(super) const TEXTS: &[Text] = &[
    chinese("存在未关闭的工单", "存在未關閉的工單", "There are other unresolved tickets", "Есть незакрытое обращение"),
    english("Ticket does not exist", "工单不存在", "工單不存在", "Обращение не существует"),
    english("Ticket subject cannot be empty", "工单主题不能为空", "工單主題不能為空", "Укажите тему обращения"),
    english("Ticket level cannot be empty", "工单级别不能为空", "工單級別不能為空", "Укажите важность обращения"),
    english("Incorrect ticket level format", "工单级别格式有误", "工單級別格式有誤", "Неверная важность обращения"),
    english("Message cannot be empty", "消息不能为空", "訊息不能為空", "Сообщение не может быть пустым"),
    english(
        "The ticket is closed and cannot be replied",
        "工单已关闭，无法回复",
        "工單已關閉，無法回覆",
        "Обращение закрыто, ответить нельзя",
    ),
    english(
        "Please wait for the technical enginneer to reply",
        "请等待技术支持回复",
        "請等待技術支援回覆",
        "Дождитесь ответа специалиста",
    ),
    english("Unsupported withdraw", "不支持提现", "不支援提現", "Вывод средств не поддерживается"),
    english(
        "Unsupported withdrawal method",
        "不支持的提现方式",
        "不支援的提現方式",
        "Такой способ вывода не поддерживается",
    ),
    english(
        "The current required minimum withdrawal commission is :limit",
        "当前系统要求的最少提现佣金为 :limit",
        "目前系統要求的最少提現佣金為 :limit",
        "Наименьшая сумма вывода комиссии: :limit",
    ),
    english("The withdrawal method cannot be empty", "提现方式不能为空", "提現方式不能為空", "Укажите способ вывода"),
    english(
        "The withdrawal account cannot be empty",
        "提现账号不能为空",
        "提現帳號不能為空",
        "Укажите счёт для вывода",
    ),
    english(
        "[Commission Withdrawal Request] This ticket is opened by the system",
        "[提现申请] 本工单由系统发出",
        "[提現申請] 本工單由系統發出",
        "[Вывод комиссии] Обращение создано системой",
    ),
    english(
        "Method: :method\nAmount: :amount\nAccount: :account",
        "提现方式：:method\n提现金额：:amount\n提现账号：:account",
        "提現方式：:method\n提現金額：:amount\n提現帳號：:account",
        "Способ: :method\nСумма: :amount\nСчёт: :account",
    ),
];
