//! Repeats of a request (RFC 5080 §2.2.2): one request has one effect, however often it arrives.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Requests that are remembered.
pub(crate) const BOUND: usize = 65_536;

/// What makes two packets the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) source: SocketAddr,
    pub(crate) id: u8,
    pub(crate) authenticator: [u8; 16],
}

/// What a packet is.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The first of its kind; it is in work now.
    First(InWork),
    /// A repeat while the first is in work.
    InWork,
    /// A repeat after this reply.
    Answered(Arc<[u8]>),
    /// Everything remembered is in work.
    Full,
}

/// The requests of the last seconds. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Duplicates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    window: Duration,
    bound: usize,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    /// A request and its reply; none while it is in work.
    replies: HashMap<Key, Option<Arc<[u8]>>>,
    /// In the order of the replies, which is the order in which they are forgotten.
    answered: VecDeque<(Instant, Key)>,
}

impl Duplicates {
    pub(crate) fn new(window: Duration, bound: usize) -> Self {
        Self(Arc::new(Inner { window, bound, requests: Mutex::default() }))
    }

    /// Looks a packet up and remembers it.
    pub(crate) fn begin(&self, key: Key, now: Instant) -> Seen {
        let mut requests = self.requests();
        requests.forget_until(now, self.0.window);
        let is_full = requests.replies.len() >= self.0.bound;
        match requests.replies.entry(key) {
            Entry::Occupied(known) => return known.get().clone().map_or(Seen::InWork, Seen::Answered),
            Entry::Vacant(place) if !is_full => drop(place.insert(None)),
            Entry::Vacant(_) => {
                if !requests.forget_oldest() {
                    return Seen::Full;
                }
                requests.replies.insert(key, None);
            }
        }
        drop(requests);
        Seen::First(InWork { duplicates: self.clone(), key, is_over: false })
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requests {
    fn forget_until(&mut self, now: Instant, window: Duration) {
        while self.answered.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= window) {
            self.forget_oldest();
        }
    }

    /// False when nothing has been answered.
    fn forget_oldest(&mut self) -> bool {
        let Some((_, key)) = self.answered.pop_front() else { return false };
        self.replies.remove(&key);
        true
    }
}

/// A request in work. Dropped without an answer it is forgotten, so that the repeat counts as new.
#[derive(Debug)]
pub(crate) struct InWork {
    duplicates: Duplicates,
    key: Key,
    is_over: bool,
}

impl InWork {
    /// Keeps the reply for repeats.
    pub(crate) fn answered(mut self, reply: Arc<[u8]>, now: Instant) {
        self.is_over = true;
        let mut requests = self.duplicates.requests();
        requests.replies.insert(self.key, Some(reply));
        requests.answered.push_back((now, self.key));
    }

    /// Where the request came from.
    pub(crate) fn source(&self) -> SocketAddr {
        self.key.source
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        if !self.is_over {
            self.duplicates.requests().replies.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn key(id: u8) -> Key {
        Key { source: "192.0.2.7:1024".parse().unwrap(), id, authenticator: [0; 16] }
    }

    fn first(duplicates: &Duplicates, key: Key) -> InWork {
        match duplicates.begin(key, Instant::now()) {
            Seen::First(work) => work,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeat_waits_for_the_first_and_then_gets_its_reply() {
        let duplicates = Duplicates::new(WINDOW, BOUND);
        let work = first(&duplicates, key(1));
        assert!(matches!(duplicates.begin(key(1), Instant::now()), Seen::InWork));
        for other in [
            Key { id: 2, ..key(1) },
            Key { authenticator: [1; 16], ..key(1) },
            Key { source: "192.0.2.7:1025".parse().unwrap(), ..key(1) },
        ] {
            assert!(matches!(duplicates.begin(other, Instant::now()), Seen::First(_)), "another request");
        }
        work.answered(Arc::from(&b"reply"[..]), Instant::now());
        assert!(matches!(duplicates.begin(key(1), Instant::now()), Seen::Answered(reply) if &*reply == b"reply"));
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(matches!(duplicates.begin(key(1), Instant::now()), Seen::Answered(_)));
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(first(&duplicates, key(1)));
        assert!(duplicates.requests().replies.is_empty(), "nothing is kept of what was not answered");
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let duplicates = Duplicates::new(WINDOW, 3);
        let works = [1, 2, 3].map(|id| first(&duplicates, key(id)));
        assert!(matches!(duplicates.begin(key(4), Instant::now()), Seen::Full));
        for work in works {
            work.answered(Arc::from(&b"reply"[..]), Instant::now());
        }
        first(&duplicates, key(4)).answered(Arc::from(&b"reply"[..]), Instant::now());
        let counted = {
            let requests = duplicates.requests();
            (requests.replies.len(), requests.answered.len())
        };
        assert_eq!(counted, (3, 3));
        drop(first(&duplicates, key(1)));
        assert!(matches!(duplicates.begin(key(3), Instant::now()), Seen::Answered(_)), "the oldest is forgotten first");
    }
}
