//! What push messages say, in the language of the installation.

use gatehouse_model::{Millis, Money};
use jiff::{Timestamp, tz::TimeZone};

use super::{Event, Message};
use crate::settings::{BillingSettings, Language};

/// Bytes of a text: a message may have 4096 in all, and a line break is two in JSON.
const LONGEST: usize = 1_500;

/// Headline and text, with `{amount}`, `{until}`, `{title}`, `{text}` in it.
type Words = (&'static str, &'static str);

const fn words(event: &Event<'_>, language: Language) -> Words {
    let [ru, ua, en]: [Words; 3] = match event {
        Event::Message { .. } => {
            [("Новое сообщение", "{text}"), ("Нове повідомлення", "{text}"), ("New message", "{text}")]
        }
        Event::PaymentCredited { .. } => [
            ("Счёт пополнен", "Зачислено {amount}"),
            ("Рахунок поповнено", "Зараховано {amount}"),
            ("Payment received", "{amount} were added to your account"),
        ],
        Event::PaymentReversed { .. } => [
            ("Платёж отменён", "Списано {amount}"),
            ("Платіж скасовано", "Списано {amount}"),
            ("Payment reversed", "{amount} were taken from your account"),
        ],
        Event::DebtBlock { .. } => [
            ("Доступ приостановлен", "Недостаточно средств на счёте. Пополните его, чтобы продолжить."),
            ("Доступ призупинено", "Недостатньо коштів на рахунку. Поповніть його, щоб продовжити."),
            ("Access suspended", "Your account holds too little. Top it up to go on."),
        ],
        Event::CreditGiven { .. } => [
            ("Временный платёж", "Зачислено {amount} до {until}"),
            ("Тимчасовий платіж", "Зараховано {amount} до {until}"),
            ("Temporary payment", "{amount} until {until}"),
        ],
        Event::CreditExpiring { .. } => [
            ("Временный платёж заканчивается", "{until} будет списано {amount}"),
            ("Тимчасовий платіж завершується", "{until} буде списано {amount}"),
            ("Temporary payment ends soon", "{amount} will be taken back on {until}"),
        ],
        Event::CreditExpired { .. } => [
            ("Временный платёж закончился", "Списано {amount}"),
            ("Тимчасовий платіж завершився", "Списано {amount}"),
            ("Temporary payment ended", "{amount} were taken back"),
        ],
        Event::ServiceEnding { .. } => [
            ("Недостаточно средств для продления", "«{title}» заканчивается {until}"),
            ("Недостатньо коштів для продовження", "«{title}» завершується {until}"),
            ("Not enough money to renew", "“{title}” ends on {until}"),
        ],
        Event::ServiceRenewed { until: Some(_), .. } => [
            ("Услуга продлена", "«{title}» до {until}"),
            ("Послугу продовжено", "«{title}» до {until}"),
            ("Service renewed", "“{title}” until {until}"),
        ],
        Event::ServiceRenewed { until: None, .. } => {
            [("Услуга продлена", "«{title}»"), ("Послугу продовжено", "«{title}»"), ("Service renewed", "“{title}”")]
        }
    };
    match language {
        Language::Ru => ru,
        Language::Ua => ua,
        Language::En => en,
    }
}

/// The message that tells an event.
pub(super) fn message(settings: &BillingSettings, event: &Event<'_>) -> Message {
    let sum = |amount: Money| format!("{} {}", amount.to_decimal(), settings.api.currency_sign);
    let when = |at: Millis| wall_time(at, &settings.time_zone);
    let (amount, until, free) = match *event {
        Event::Message { text, .. } => (None, None, text),
        Event::PaymentCredited { amount, .. }
        | Event::PaymentReversed { amount, .. }
        | Event::CreditExpired { amount, .. } => (Some(amount), None, ""),
        Event::DebtBlock { .. } => (None, None, ""),
        Event::CreditGiven { amount, until, .. } | Event::CreditExpiring { amount, until, .. } => {
            (Some(amount), Some(until), "")
        }
        Event::ServiceEnding { title, until, .. } => (None, Some(until), title),
        Event::ServiceRenewed { title, until, .. } => (None, until, title),
    };
    let (title, body) = words(event, settings.api.language);
    // What people wrote goes in last, so that no brace in it means anything.
    let body = body.replace("{amount}", &amount.map(sum).unwrap_or_default());
    let body = body.replace("{until}", &until.map(when).unwrap_or_default());
    let body = body.replace("{text}", free).replace("{title}", free);
    let end = body.floor_char_boundary(LONGEST);
    let body = body.get(..end).unwrap_or_default().to_owned();
    Message { title: title.to_owned(), body, event: event.name().to_owned(), id: event.id().to_string() }
}

/// `dd.mm.yyyy HH:MM`
fn wall_time(at: Millis, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let time = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone);
    time.strftime("%d.%m.%Y %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use gatehouse_model::{BillingSubscriptionId, StatementId};

    use super::*;

    #[test]
    fn messages_say_sums_and_times_of_the_installation() {
        let settings = BillingSettings::default();
        let id = StatementId(4_544);
        let said = message(&settings, &Event::PaymentCredited { id, amount: Money(10_000) });
        assert_eq!((said.title.as_str(), said.body.as_str()), ("Счёт пополнен", "Зачислено 100.00 грн"));
        assert_eq!((said.event.as_str(), said.id.as_str()), ("payment_credited", "4544"));
        let renewed = Event::ServiceRenewed {
            id: BillingSubscriptionId(7),
            title: "50 Mb",
            until: Some(Millis(1_797_818_400_000)),
        };
        assert_eq!(message(&settings, &renewed).body, "«50 Mb» до 21.12.2026 04:00");
        assert_eq!(renewed.key(), "service_renewed:7:1797818400000");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let text = "Я{amount}".repeat(1_000);
        let said = message(&BillingSettings::default(), &Event::Message { id: StatementId(1), text: &text });
        assert!(said.body.len() <= LONGEST && said.body.starts_with("Я{amount}Я"));
    }
}
