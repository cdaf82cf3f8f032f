//! Connections that have not logged in yet are few: in all, and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Who waits, by address.
pub(super) struct Waiting {
    most: usize,
    most_of_one: usize,
    now: Mutex<HashMap<IpAddr, usize>>,
}

/// A place among those who wait; given back when dropped.
pub(super) struct Place {
    waiting: Arc<Waiting>,
    address: IpAddr,
}

impl Waiting {
    pub(super) fn new((most, most_of_one): (u32, u32)) -> Arc<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let most_of_one = usize::try_from(most_of_one).unwrap_or(usize::MAX);
        Arc::new(Self { most, most_of_one, now: Mutex::default() })
    }

    /// A place, if there is one.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = now.get(&address).copied().unwrap_or_default();
        if now.values().sum::<usize>() >= self.most || of_one >= self.most_of_one {
            return None;
        }
        now.insert(address, of_one + 1);
        drop(now);
        Some(Place { waiting: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut now = self.waiting.now.lock().unwrap_or_else(PoisonError::into_inner);
        let left = now.get(&self.address).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            now.remove(&self.address);
        } else {
            now.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_per_address_and_given_back() {
        let waiting = Waiting::new((3, 2));
        let at = |n: u8| IpAddr::from([10, 0, 0, n]);
        let first = waiting.enter(at(1));
        let second = waiting.enter(at(1));
        assert!(first.is_some() && second.is_some());
        assert!(waiting.enter(at(1)).is_none(), "two of one address");
        let third = waiting.enter(at(2));
        assert!(third.is_some() && waiting.enter(at(3)).is_none(), "three in all");
        drop(second);
        assert!(waiting.enter(at(3)).is_some());
        drop((first, third));
        assert!(waiting.now.lock().unwrap().is_empty());
    }
}
