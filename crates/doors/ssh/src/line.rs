//! Who is to be asked next: several at the same time, nobody twice at the same time.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
};

/// A line of those who wait for a question. One who is being asked may wait for the next one: what he was asked with may be
/// older than what he waits for.
#[derive(Debug)]
pub(crate) struct Line<K> {
    at_once: usize,
    order: VecDeque<K>,
    waiting: HashSet<K>,
    asked: HashSet<K>,
}

impl<K: Hash + Eq + Copy> Line<K> {
    /// So many are asked at the same time.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, order: VecDeque::new(), waiting: HashSet::new(), asked: HashSet::new() }
    }

    /// Lines them up; who waits already keeps his place.
    pub(crate) fn add(&mut self, keys: impl IntoIterator<Item = K>) {
        for key in keys {
            if self.waiting.insert(key) {
                self.order.push_back(key);
            }
        }
    }

    /// Who is asked now; none while enough are.
    pub(crate) fn next(&mut self) -> Option<K> {
        if self.asked.len() >= self.at_once {
            return None;
        }
        let at = self.order.iter().position(|key| !self.asked.contains(key))?;
        let key = self.order.remove(at)?;
        self.waiting.remove(&key);
        self.asked.insert(key);
        Some(key)
    }

    /// The answer of one came.
    pub(crate) fn answered(&mut self, key: K) {
        self.asked.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &mut Line<u32>) -> Vec<u32> {
        std::iter::from_fn(|| line.next()).collect()
    }

    #[test]
    fn so_many_are_asked_at_once_in_their_order_and_an_answer_makes_room() {
        let mut line = Line::new(3);
        line.add([1, 2, 3, 4, 5]);
        line.add([4, 2]);
        assert_eq!(all(&mut line), [1, 2, 3]);
        line.answered(2);
        assert_eq!(all(&mut line), [4]);
        // One who does not answer takes one place, not the others'.
        for key in [4, 5, 3] {
            line.answered(key);
            line.add([key]);
        }
        assert_eq!(all(&mut line), [5, 4]);
    }

    #[test]
    fn one_who_is_being_asked_is_asked_again_afterwards_and_not_meanwhile() {
        let mut line = Line::new(3);
        line.add([1, 2]);
        assert_eq!(all(&mut line), [1, 2]);
        line.add([1, 3]);
        assert_eq!(all(&mut line), [3]);
        line.answered(3);
        assert!(all(&mut line).is_empty(), "1 is being asked");
        line.answered(1);
        assert_eq!(all(&mut line), [1]);
        line.answered(1);
        assert!(all(&mut line).is_empty());
    }
}
