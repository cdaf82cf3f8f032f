//! The texts of this surface in its three languages (specs/billing.md §2, §5.2). Every byte is contract.

use gatehouse_domain::settings::Language;

/// One text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    ru: &'static str,
    ua: &'static str,
    en: &'static str,
}

impl Text {
    /// The text in a language.
    pub(crate) const fn shown(self, language: Language) -> &'static str {
        match language {
            Language::Ru => self.ru,
            Language::Ua => self.ua,
            Language::En => self.en,
        }
    }
}

const fn text(ru: &'static str, ua: &'static str, en: &'static str) -> Text {
    Text { ru, ua, en }
}

/// End of a service that has none.
pub(crate) const ENDLESS: Text = text("без ограничения", "без обмеження", "unlimited");

/// A field that is set, and one that is not.
pub(crate) const YES: Text = text("да", "так", "yes");
pub(crate) const NO: Text = text("нет", "ні", "no");

const TEMPORARY: Text = text(
    "Временная ошибка. Попробуйте повторить запрос.",
    "Тимчасова помилка. Спробуйте повторити запит.",
    "Temporary error, try again",
);
const PRIVILEGES: Text = text("Недостаточно привилегий.", "Недостатньо привілеїв.", "Not enough privileges");

/// Every `err_cod`.
pub(crate) const CODES: [&str; 27] = [
    "unauthorized",
    "wrong_password",
    "temporary",
    "unknown_action",
    "bad_request",
    "no_uid",
    "no_privilege",
    "forbidden",
    "group_denied",
    "not_found",
    "srv_unavailable",
    "srv_already",
    "srv_analog",
    "srv_broken",
    "srv_module",
    "srv_no_renew",
    "no_money",
    "ordering_blocked",
    "bad_amount",
    "msg_empty",
    "msg_long",
    "msg_blocked",
    "too_many",
    "post_required",
    "gateway_unavailable",
    "idempotency_conflict",
    "repeat",
];

/// What is said with an `err_cod`.
pub(crate) fn of(code: &str) -> Text {
    match code {
        "unauthorized" => text("Вы не авторизованы", "Ви не авторизовані", "You are not authorized"),
        "wrong_password" => text("Неверный логин или пароль", "Невірний логін або пароль", "Wrong login or password"),
        "unknown_action" => text("Неверная операция", "Невірна операція", "Unknown action"),
        "bad_request" => text("Неверные параметры запроса", "Невірні параметри запиту", "Bad request parameters"),
        "no_uid" => text("Не выбран клиент", "Не вибрано клієнта", "No subscriber selected"),
        "no_privilege" | "forbidden" => PRIVILEGES,
        "group_denied" => text(
            "Вам не разрешено просматривать статистику записей в этой группе.",
            "Вам не дозволено переглядати статистику записів у цій групі.",
            "No access to this group",
        ),
        "not_found" => text("Запись не найдена", "Запис не знайдено", "Not found"),
        "srv_unavailable" => text(
            "вам недоступна запрошенная услуга",
            "вам недоступна запитана послуга",
            "this service is not available to you",
        ),
        "srv_already" => {
            text("данная услуга уже подключена", "ця послуга вже підключена", "this service is already connected")
        }
        "srv_analog" => text(
            "у вас уже подключена аналогичная услуга",
            "у вас вже підключена аналогічна послуга",
            "a similar service is already connected",
        ),
        "srv_broken" => text(
            "данная услуга временно недоступна",
            "ця послуга тимчасово недоступна",
            "service temporarily unavailable",
        ),
        "srv_module" => text(
            "данную услугу нельзя назначить следующей",
            "цю послугу не можна призначити наступною",
            "this service cannot follow the current one",
        ),
        "srv_no_renew" => text(
            "услуга не продлевается абонентом",
            "послуга не продовжується абонентом",
            "this service cannot be renewed by the subscriber",
        ),
        "no_money" => text("Недостаточно средств", "Недостатньо коштів", "Not enough money"),
        "ordering_blocked" => text("Заказ услуг заблокирован", "Замовлення послуг заблоковано", "Ordering is blocked"),
        "bad_amount" => text("Неверная сумма", "Невірна сума", "Wrong amount"),
        "msg_empty" => text("Пустое сообщение", "Порожнє повідомлення", "Empty message"),
        "msg_long" => text("Сообщение слишком длинное", "Повідомлення задовге", "Message too long"),
        "msg_blocked" => {
            text("Отправка сообщений заблокирована", "Надсилання повідомлень заблоковано", "Messaging is blocked")
        }
        "too_many" => text(
            "Слишком много запросов, попробуйте позже",
            "Забагато запитів, спробуйте пізніше",
            "Too many requests, try later",
        ),
        "post_required" => text("Требуется POST-запрос", "Потрібен POST-запит", "POST required"),
        "gateway_unavailable" => text(
            "Платежная система недоступна, попробуйте позже",
            "Платіжна система недоступна, спробуйте пізніше",
            "Payment system unavailable, try later",
        ),
        "idempotency_conflict" => text(
            "Ключ уже использован с другими параметрами",
            "Ключ вже використано з іншими параметрами",
            "Key already used with other parameters",
        ),
        "repeat" => text("Запрос уже выполнен", "Запит вже виконано", "Request already done"),
        _ => TEMPORARY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_of_its_own_in_three_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for code in CODES.iter().filter(|code| **code != "forbidden") {
            for language in [Language::Ru, Language::Ua, Language::En] {
                assert!(seen.insert(of(code).shown(language)), "{code}");
            }
        }
        assert_eq!(of("forbidden"), of("no_privilege"));
    }
}
