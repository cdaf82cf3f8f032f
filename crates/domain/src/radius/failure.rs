//! Failed logins of the radius door: ten in five minutes close it for a minute (specs/radius.md §4).
//!
//! In memory, and this door's alone: a router with an old password must not lock its owner out of the web.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::Millis;

/// Failures that close the door.
const LIMIT: u32 = 10;
/// Time within which they count.
const WINDOW: Duration = Duration::from_mins(5);
/// How long it stays closed.
const CLOSED: Duration = Duration::from_mins(1);
/// Pairs remembered at most; the oldest go first. Each costs a password hash to get in here.
const MAX: usize = 65_536;

/// A login and where it is tried from.
pub(crate) type Pair = [u8; 32];

/// What is known of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    Unknown,
    /// It failed, and may go on.
    Open,
    /// It failed too often.
    Closed,
}

/// The counters of a process.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pairs: HashMap<Pair, Count>,
    /// In the order of their windows; also such as are gone by a success.
    order: VecDeque<(Millis, Pair)>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Millis,
    failures: u32,
    closed_until: Millis,
}

/// The pair of a folded login and a Calling-Station-Id, or a NAS where there is none.
pub(crate) fn pair(key: &str, station: &str) -> Pair {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(station.as_bytes());
    *hasher.finalize().as_bytes()
}

impl Failures {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the door is closed to a pair.
    pub(crate) fn is_closed(&self, pair: &Pair, now: Millis) -> bool {
        self.look(pair, now) == Look::Closed
    }

    /// What is known of a pair.
    pub(crate) fn look(&self, pair: &Pair, now: Millis) -> Look {
        match self.lock().pairs.get(pair) {
            None => Look::Unknown,
            Some(count) if now < count.closed_until => Look::Closed,
            Some(_) => Look::Open,
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, pair: Pair, now: Millis) {
        let mut inner = self.lock();
        while let Some((since, oldest)) = inner.order.front().copied() {
            let is_over = now >= since.plus(WINDOW + CLOSED);
            if !is_over && inner.order.len() < MAX {
                break;
            }
            inner.order.pop_front();
            if inner.pairs.get(&oldest).is_some_and(|count| count.since == since) {
                inner.pairs.remove(&oldest);
            }
        }
        let fresh = Count { since: now, failures: 0, closed_until: Millis(0) };
        let known = inner.pairs.get(&pair).copied().filter(|count| now < count.since.plus(WINDOW));
        let mut count = known.unwrap_or(fresh);
        count.failures += 1;
        if count.failures >= LIMIT {
            // The next ten count anew.
            count = Count { since: count.since, failures: 0, closed_until: now.plus(CLOSED) };
        }
        inner.pairs.insert(pair, count);
        if known.is_none() {
            inner.order.push_back((now, pair));
        }
    }

    /// Forgets the failures of a pair that was right.
    pub(crate) fn succeeded(&self, pair: &Pair) {
        self.lock().pairs.remove(pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Millis {
        Millis(1_000_000).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn the_tenth_failure_closes_for_a_minute_and_for_that_pair_alone() {
        let failures = Failures::default();
        let mine = pair("bob", "192.0.2.1");
        for second in 0..9 {
            failures.failed(mine, at(second));
            assert!(!failures.is_closed(&mine, at(second)));
        }
        failures.failed(pair("bob", "192.0.2.1"), at(9));
        assert!(failures.is_closed(&mine, at(9)) && failures.is_closed(&mine, at(68)));
        assert!(!failures.is_closed(&mine, at(69)));
        let other = pair("bob", "192.0.2.2");
        assert_eq!([mine, other].map(|pair| failures.look(&pair, at(69))), [Look::Open, Look::Unknown]);
    }

    #[test]
    fn a_success_or_five_minutes_forget() {
        let failures = Failures::default();
        let mine = pair("eve", "nas");
        (0..9).for_each(|second| failures.failed(mine, at(second)));
        failures.succeeded(&mine);
        (0..9).for_each(|second| failures.failed(mine, at(10 + second)));
        failures.failed(mine, at(400));
        assert!(!failures.is_closed(&mine, at(400)));
    }

    #[test]
    fn memory_is_bounded() {
        let failures = Failures::default();
        for n in 0..MAX + 1_000 {
            failures.failed(pair(&n.to_string(), "nas"), at(0));
        }
        let inner = failures.lock();
        assert!(inner.pairs.len() <= MAX && inner.order.len() <= MAX);
    }
}
