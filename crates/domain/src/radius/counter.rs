//! Counters of a session that go on counting from report to report (RFC 2866 §5.3, RFC 2869 §5.1).

use super::report::Counter;

/// How a report lies to what is known, by Acct-Session-Time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is about a later moment.
    Newer,
    /// The same moment, or nobody knows.
    Same,
    /// An earlier one.
    Older,
}

const WRAP: i64 = 1 << 32;

/// The total of one direction after a report; it never falls.
///
/// With Gigawords the report says everything. Without, it says the lower 32 bits only: if they are less than before although
/// time has passed, the counter went once around.
pub(crate) fn total(old: i64, counter: Counter, has_gigawords: bool, age: Age) -> i64 {
    let Some(octets) = counter.octets.map(i64::from) else { return old };
    if has_gigawords {
        let wraps = i64::from(counter.gigawords.unwrap_or(0));
        // A NAS that counts beyond 2^63 is wrong, not us.
        return wraps.checked_mul(WRAP).map_or(i64::MAX, |base| base.saturating_add(octets)).max(old);
    }
    let around = old - old % WRAP;
    let new = around.saturating_add(octets);
    match age {
        Age::Older => old.max(octets),
        Age::Newer if new < old => new.saturating_add(WRAP),
        Age::Newer | Age::Same => old.max(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = u32::MAX;

    fn plain(octets: u32) -> Counter {
        Counter { octets: Some(octets), ..Counter::default() }
    }

    fn giga(gigawords: u32, octets: u32) -> Counter {
        Counter { octets: Some(octets), gigawords: Some(gigawords), packets: None }
    }

    #[test]
    fn gigawords_count_from_bit_32_on() {
        assert_eq!(total(0, giga(1, MAX), true, Age::Newer), 8_589_934_591);
        assert_eq!(total(8_589_934_591, giga(2, 0), true, Age::Newer), 8_589_934_592);
        assert_eq!(total(8_589_934_591, giga(1, 7), true, Age::Older), 8_589_934_591, "never falls");
        assert_eq!(
            total(8_589_934_591, plain(7), true, Age::Newer),
            8_589_934_591,
            "a NAS that sends them left them out"
        );
        assert_eq!(total(0, giga(MAX, MAX), true, Age::Newer), i64::MAX);
    }

    #[test]
    fn without_them_a_drop_is_one_wrap_if_time_has_passed() {
        assert_eq!(total(4_000_000_000, plain(10), false, Age::Newer), WRAP + 10);
        assert_eq!(total(WRAP + 10, plain(20), false, Age::Newer), WRAP + 20);
        assert_eq!(total(WRAP + 10, plain(5), false, Age::Newer), 2 * WRAP + 5);
        assert_eq!(total(4_000_000_000, plain(10), false, Age::Same), 4_000_000_000);
        assert_eq!(total(WRAP + 10, plain(MAX), false, Age::Older), WRAP + 10, "late, from before the wrap");
        assert_eq!(total(10, giga(3, 5), false, Age::Newer), WRAP + 5, "gigawords are ignored where they are wrong");
        assert_eq!(total(10, Counter::default(), false, Age::Newer), 10);
    }

    proptest::proptest! {
        #[test]
        fn a_total_never_falls(old in 0_i64..(1 << 40), octets: u32, gigawords: Option<u32>, has: bool, age in 0_usize..3) {
            let counter = Counter { octets: Some(octets), gigawords, packets: None };
            let age = [Age::Newer, Age::Same, Age::Older][age];
            proptest::prop_assert!(total(old, counter, has, age) >= old);
        }

        #[test]
        fn a_counter_of_32_bits_is_followed_around(steps in proptest::collection::vec(0_i64..WRAP, 1..20)) {
            let (mut truth, mut known) = (0_i64, 0_i64);
            for step in steps {
                truth += step;
                let low = u32::try_from(truth % WRAP).unwrap();
                known = total(known, plain(low), false, Age::Newer);
            }
            proptest::prop_assert_eq!(known, truth);
        }
    }
}
