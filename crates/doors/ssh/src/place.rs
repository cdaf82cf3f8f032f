//! Counted places: so many in all, and so many of one.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// How many have a place, by what they have in common.
#[derive(Debug)]
pub(crate) struct Places<K: Hash + Eq> {
    taken: Mutex<HashMap<K, u32>>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Hash + Eq> {
    places: Arc<Places<K>>,
    of: K,
}

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) in_all: u32,
    pub(crate) of_one: u32,
}

impl<K: Hash + Eq> Default for Places<K> {
    fn default() -> Self {
        Self { taken: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone> Places<K> {
    /// A place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, of: K, limits: Limits) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = taken.get(&of).copied().unwrap_or_default();
        if taken.values().sum::<u32>() >= limits.in_all || of_one >= limits.of_one {
            return None;
        }
        taken.insert(of.clone(), of_one + 1);
        drop(taken);
        Some(Place { places: self.clone(), of })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = taken.get_mut(&self.of) {
            *of_one = of_one.saturating_sub(1);
        }
        if taken.get(&self.of) == Some(&0) {
            taken.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_of_one_and_given_back() {
        let places = Arc::new(Places::default());
        let at = |name: &'static str| places.enter(name, Limits { in_all: 3, of_one: 2 });
        let first = at("a");
        let second = at("a");
        assert!(first.is_some() && second.is_some());
        assert!(at("a").is_none(), "two of one");
        let third = at("b");
        assert!(third.is_some() && at("c").is_none(), "three in all");
        drop(second);
        assert!(at("c").is_some());
        drop((first, third));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
