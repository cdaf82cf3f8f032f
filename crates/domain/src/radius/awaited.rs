//! Places of those who were let in under a limit of sessions and whose Start has not arrived: without them, two who knock at the
//! same moment would both find the same place free.
//!
//! In memory, and a process's own: a place is kept for seconds. One more login from the same station takes the place that is kept
//! for it: its first try came to nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, Millis};

/// How long a place is kept; a Start follows its Accept at once.
const LIFE: Duration = Duration::from_secs(10);
/// Accounts with places at most; beyond, none is kept for further ones.
const MAX: usize = 20_000;

/// The places of a process.
#[derive(Debug, Default)]
pub(crate) struct Awaited(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<AccountId, Vec<Kept>>,
    next: u64,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    station: Option<String>,
    until: Millis,
}

/// A place that is given back when dropped, unless it is [kept](Place::keep).
#[derive(Debug)]
pub(crate) struct Place<'a> {
    awaited: &'a Awaited,
    account: AccountId,
    number: u64,
    /// Others of the account who came first.
    pub(crate) others: i64,
}

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are awaited.
    pub(crate) fn count(&self, account: AccountId, now: Millis) -> i64 {
        self.lock().of(account, now).map_or(0, |kept| count(kept.len()))
    }

    /// Takes a place for who comes from a station, before its sessions are counted; none: too many are awaited altogether.
    pub(crate) fn take(&self, account: AccountId, station: Option<&str>, now: Millis) -> Option<Place<'_>> {
        let mut inner = self.lock();
        if inner.places.len() >= MAX && !inner.places.contains_key(&account) {
            inner.places.retain(|_, kept| kept.iter().any(|kept| now < kept.until));
            if inner.places.len() >= MAX {
                return None;
            }
        }
        inner.next += 1;
        let (number, until) = (inner.next, now.plus(LIFE));
        let kept = inner.places.entry(account).or_default();
        kept.retain(|kept| now < kept.until);
        let own = kept.iter().position(|kept| station.is_some() && kept.station.as_deref() == station);
        let others = own.unwrap_or(kept.len());
        match own.and_then(|own| kept.get_mut(own)) {
            Some(own) => (own.number, own.until) = (number, until),
            None => kept.push(Kept { number, station: station.map(str::to_owned), until }),
        }
        Some(Place { awaited: self, account, number, others: count(others) })
    }

    /// The Start has arrived, and its session is one that is counted.
    pub(crate) fn arrived(&self, account: AccountId, station: Option<&str>) {
        let mut inner = self.lock();
        let Some(kept) = inner.places.get_mut(&account) else { return };
        let own = kept.iter().position(|kept| kept.station.as_deref() == station).unwrap_or(0);
        if own < kept.len() {
            kept.remove(own);
        }
        if kept.is_empty() {
            inner.places.remove(&account);
        }
    }
}

impl Inner {
    fn of(&mut self, account: AccountId, now: Millis) -> Option<&Vec<Kept>> {
        let kept = self.places.get_mut(&account)?;
        kept.retain(|kept| now < kept.until);
        Some(kept)
    }
}

impl Place<'_> {
    /// Leaves it to the Start, or to time.
    pub(crate) fn keep(mut self) {
        self.number = 0;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.number == 0 {
            return;
        }
        let mut inner = self.awaited.lock();
        if let Some(kept) = inner.places.get_mut(&self.account) {
            kept.retain(|kept| kept.number != self.number);
            if kept.is_empty() {
                inner.places.remove(&self.account);
            }
        }
    }
}

fn count(places: usize) -> i64 {
    i64::try_from(places).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: AccountId = AccountId(7);

    #[test]
    fn a_place_is_kept_until_the_start_or_ten_seconds() {
        let awaited = Awaited::default();
        let first = awaited.take(ME, Some("a"), Millis(0)).unwrap();
        let second = awaited.take(ME, Some("b"), Millis(0)).unwrap();
        assert_eq!((first.others, second.others), (0, 1), "one of them is first");
        drop(second);
        first.keep();
        assert_eq!(awaited.count(ME, Millis(9_999)), 1);
        let again = awaited.take(ME, Some("a"), Millis(5_000)).unwrap();
        assert_eq!(again.others, 0, "the same one once more");
        again.keep();
        assert_eq!((awaited.count(ME, Millis(14_999)), awaited.count(ME, Millis(15_000))), (1, 0));
        for _ in 0..2 {
            awaited.take(ME, None, Millis(20_000)).unwrap().keep();
        }
        assert_eq!(awaited.count(ME, Millis(20_000)), 2, "who says nothing of his station is another one each time");
        awaited.arrived(ME, Some("c"));
        awaited.arrived(ME, None);
        awaited.arrived(ME, None);
        assert!(awaited.lock().places.is_empty(), "nothing is left");
    }

    #[test]
    fn memory_is_bounded() {
        let awaited = Awaited::default();
        let take = |n: usize, at| awaited.take(AccountId(count(n)), None, Millis(at)).map(Place::keep).is_some();
        assert!((0..MAX).all(|n| take(n, 0)));
        assert!(!take(MAX, 0) && take(0, 0));
        assert!(take(MAX, 10_000));
        assert_eq!(awaited.lock().places.len(), 1);
    }
}
