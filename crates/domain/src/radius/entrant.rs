//! Who was let in a moment ago: some NAS send no Class back, and between an Accept and its Start the account may go.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, Millis, NasId};

/// A Start follows its Accept at once.
const LIFE: Duration = Duration::from_mins(1);
/// Remembered at most; the oldest go first.
const MAX: usize = 20_000;

type Key = (NasId, Arc<[u8]>);

/// The memory of a process.
#[derive(Debug, Default)]
pub(crate) struct Entrants(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Key, (AccountId, Millis)>,
    order: VecDeque<(Millis, Key)>,
}

impl Entrants {
    /// Remembers whom a User-Name at a NAS stands for.
    pub(crate) fn insert(&self, nas: NasId, user_name: &[u8], account: AccountId, now: Millis) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while inner.order.front().is_some_and(|(at, _)| now >= at.plus(LIFE)) || inner.order.len() >= MAX {
            let Some((at, key)) = inner.order.pop_front() else { break };
            if inner.known.get(&key).is_some_and(|(_, known)| *known == at) {
                inner.known.remove(&key);
            }
        }
        let key = (nas, Arc::from(user_name));
        if inner.known.insert(key.clone(), (account, now)).is_none_or(|(_, at)| at != now) {
            inner.order.push_back((now, key));
        }
    }

    /// Whom a User-Name at a NAS stood for a moment ago.
    pub(crate) fn find(&self, nas: NasId, user_name: &[u8], now: Millis) -> Option<AccountId> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, at) = inner.known.get(&(nas, Arc::from(user_name)))?;
        (now < at.plus(LIFE)).then_some(*account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entrant_is_known_for_a_minute() {
        let entrants = Entrants::default();
        entrants.insert(NasId(1), b"bob", AccountId(7), Millis(0));
        assert_eq!(entrants.find(NasId(1), b"bob", Millis(59_999)), Some(AccountId(7)));
        assert_eq!(entrants.find(NasId(1), b"bob", Millis(60_000)), None);
        assert_eq!(entrants.find(NasId(2), b"bob", Millis(0)), None);
        (0..MAX + 10).for_each(|n| entrants.insert(NasId(1), n.to_string().as_bytes(), AccountId(1), Millis(1)));
        let inner = entrants.0.lock().unwrap();
        assert!(inner.known.len() <= MAX && inner.order.len() <= MAX);
    }
}
