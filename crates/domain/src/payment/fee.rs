//! What a payer is asked for: the ordered sum and the provider's commission (specs/billing.md §11.1).

use gatehouse_model::Money;

/// The commission of a provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fee {
    /// Hundredths of a percent.
    pub percent: i64,
    /// Added once.
    pub fixed: Money,
}

/// All of something, in hundredths of a percent.
const WHOLE: i64 = 10_000;

impl Fee {
    /// The sum to pay, rounded once. `gross_up`: the commission is a part of that sum, not of the ordered one, so that what is
    /// left after it is what was ordered; a commission of 100 % and more cannot be.
    pub fn payable(self, ordered: Money, gross_up: bool) -> Money {
        let rest = WHOLE.saturating_sub(self.percent);
        if gross_up && rest > 0 {
            return ordered.plus(self.fixed).part(WHOLE, rest);
        }
        ordered.part(WHOLE.saturating_add(self.percent), WHOLE).plus(self.fixed)
    }
}

/// The subscriber's share of what was reversed in all: as much of the ordered sum as was reversed of the payable one.
pub(crate) fn share(reversed: Money, ordered: Money, payable: Money) -> Money {
    reversed.part(ordered.0, payable.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_percent_of_a_hundred() {
        let fee = Fee { percent: 300, fixed: Money::ZERO };
        assert_eq!(fee.payable(Money(10_000), false), Money(10_300));
        assert_eq!(fee.payable(Money(10_000), true), Money(10_309));
        let fee = Fee { percent: 275, fixed: Money(50) };
        assert_eq!(fee.payable(Money(333), false), Money(392), "3.33 + 0.091575 + 0.50");
        assert_eq!(fee.payable(Money(333), true), Money(394), "3.83 / 0.9725 = 3.9383");
        assert_eq!(Fee::default().payable(Money(1), true), Money(1));
        assert_eq!(Fee { percent: 10_000, fixed: Money::ZERO }.payable(Money(100), true), Money(200));
    }

    #[test]
    fn what_is_reversed_in_all_decides_the_share() {
        let (ordered, payable) = (Money(10_000), Money(10_300));
        assert_eq!(share(Money(10_300), ordered, payable), ordered);
        assert_eq!(share(Money(2_500), ordered, payable), Money(2_427));
        assert_eq!(share(Money(0), ordered, payable), Money(0));
    }

    proptest! {
        /// However a payment is reversed in parts, the parts add up to the ordered sum and each share fits in what was reversed.
        #[test]
        fn shares_add_up(ordered in 1..5_000_000i64, percent in 0..5_000i64, parts in prop::collection::vec(1..100_000i64, 0..8)) {
            let ordered = Money(ordered);
            let payable = Fee { percent, fixed: Money::ZERO }.payable(ordered, false);
            let (mut reversed, mut taken) = (0, 0);
            for part in parts.into_iter().chain([payable.0]) {
                reversed = (reversed + part).min(payable.0);
                let share = share(Money(reversed), ordered, payable).0;
                prop_assert!(share >= taken && share <= reversed);
                taken = share;
            }
            prop_assert_eq!(taken, ordered.0);
        }
    }
}
