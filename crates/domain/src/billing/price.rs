//! What a period costs (specs/billing.md §8.1).

use gatehouse_model::Money;
use gatehouse_store::subscriber::TermsRow;

use super::{period::Period, service::Service};

/// What a period of a service costs a subscriber: price × part × discount, rounded once, half up.
///
/// Shape: the price of a whole period, the part in hundredths, the discount in percent → hundredths of the currency's unit.
/// Source: specs/billing.md §8.1.
pub fn of(price: Money, part: i64, discount: i64) -> Money {
    price.part(part * (100 - discount.clamp(0, 100)), 10_000)
}

/// What a period costs a subscriber with these terms.
pub(super) fn of_period(service: &Service, period: &Period, terms: &TermsRow) -> Money {
    of(service.price, period.part, discount(service, terms))
}

/// The discount that counts for a service, percent.
pub(super) fn discount(service: &Service, terms: &TermsRow) -> i64 {
    if service.is_discountable { terms.discount.clamp(0, 100) } else { 0 }
}

/// Whether a subscriber who holds this much can pay a price. What costs nothing needs nothing, whatever he owes.
///
/// Source: specs/billing.md §5.6, §8.2.
pub(super) fn is_affordable(terms: &TermsRow, balance: Money, price: Money) -> bool {
    price <= Money::ZERO || !terms.block_if_limit || balance.minus(price) >= terms.limit_balance
}

/// What a period that ends early costs after all: the part that was used, four decimals, at least the smallest; of what was charged,
/// at least a hundredth either way. None: nothing changes.
///
/// Shape: what was charged, what is left and what the whole was, milliseconds. Source: specs/billing.md §8.4.
pub fn of_used(charged: Money, left: i64, whole: i64) -> Option<Money> {
    const EXACT: i128 = 10_000;
    let whole = i128::from(whole.max(1));
    let used = whole - i128::from(left).clamp(0, whole);
    let part = i64::try_from(((used * 2 * EXACT + whole) / (whole * 2)).max(1)).unwrap_or(10_000);
    if part >= 10_000 || charged == Money::ZERO {
        return None;
    }
    let due = charged.part(part, 10_000);
    Some(if due == Money::ZERO { Money(charged.0.signum()) } else { due })
}

#[cfg(test)]
mod tests {
    use super::{of, of_used};
    use gatehouse_model::Money;

    #[test]
    fn a_price_is_rounded_once() {
        for (price, part, discount, cost) in [
            (999, 100, 15, 849),
            (999, 50, 15, 425),
            (10_000, 50, 0, 5_000),
            (10_000, 1, 0, 100),
            (1, 50, 0, 1),
            (1_000, 100, 100, 0),
            (1_000, 100, 250, 0),
            (1_000, 100, -5, 1_000),
            (-1_000, 50, 0, -500),
        ] {
            assert_eq!(of(Money(price), part, discount), Money(cost), "{price} {part} {discount}");
        }
    }

    #[test]
    fn of_an_early_end_the_used_part_is_charged() {
        const DAY: i64 = 86_400_000;
        let thirty = |charged, used| of_used(Money(charged), 30 * DAY - used, 30 * DAY);
        assert_eq!(thirty(10_000, 10 * DAY), Some(Money(3_333)));
        assert_eq!(thirty(10_000, 10_000), Some(Money(1)), "after ten seconds");
        assert_eq!(thirty(10_000, 30 * DAY - 10_000), None, "ten seconds before the end");
        assert_eq!(thirty(10_000, 0), Some(Money(1)));
        assert_eq!(thirty(10, 10_000), Some(Money(1)), "at least a hundredth");
        assert_eq!(thirty(-10_000, 10 * DAY), Some(Money(-3_333)));
        assert_eq!(thirty(-10, 10_000), Some(Money(-1)));
        assert_eq!((thirty(0, DAY), of_used(Money(100), 5, 0)), (None, Some(Money(1))));
    }
}
