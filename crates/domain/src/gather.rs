//! Gathers look-ups that arrive at the same time into one question to the database.
//!
//! A look-up of one row costs the database little and the way there much: on SQLite two thread switches. Under load,
//! what arrives while a question is under way waits for the next one and is asked with it. Every answer is from a
//! question that began after its asker came, so nobody sees anything older than what he would have seen alone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{App, Error, Result};

/// How many look-ups one question holds.
pub(crate) const MOST: usize = 16;
/// Questions under way at the same time.
const PARALLEL: usize = 2;

type Waiting<K, V> = VecDeque<(K, oneshot::Sender<Result<V>>)>;

/// A gatherer of look-ups from `K` to `V`.
#[derive(Debug)]
pub(crate) struct Gather<K, V>(Mutex<State<K, V>>);

#[derive(Debug)]
struct State<K, V> {
    waiting: Waiting<K, V>,
    under_way: usize,
}

impl<K, V> Default for Gather<K, V> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: VecDeque::new(), under_way: 0 }))
    }
}

impl<K: Send + 'static, V: Send + 'static> Gather<K, V> {
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a key. `question` answers up to [`MOST`] keys, in their order; it is run by a task of its own, so that an
    /// asker who gives up takes nobody with him.
    pub(crate) async fn ask<Q, F>(self: &Arc<Self>, app: &App, key: K, question: Q) -> Result<V>
    where
        Q: Fn(App, Vec<K>) -> F + Send + 'static,
        F: Future<Output = Result<Vec<V>>> + Send,
    {
        let (sender, receiver) = oneshot::channel();
        let is_idle = {
            let mut state = self.state();
            state.waiting.push_back((key, sender));
            let is_idle = state.under_way < PARALLEL;
            state.under_way += usize::from(is_idle);
            is_idle
        };
        if is_idle {
            let (gather, app) = (Arc::clone(self), app.clone());
            app.clone().spawn("gather", async move { gather.work(&app, question).await });
        }
        receiver.await.unwrap_or_else(|_| Err(Error::internal("a look-up was dropped")))
    }

    async fn work<Q, F>(&self, app: &App, question: Q)
    where
        Q: Fn(App, Vec<K>) -> F,
        F: Future<Output = Result<Vec<V>>>,
    {
        let mut turn = Turn { gather: self, is_over: false };
        loop {
            let (keys, askers): (Vec<K>, Vec<_>) = {
                let mut state = self.state();
                let count = state.waiting.len().min(MOST);
                if count == 0 {
                    // Under the lock that found nobody waiting: who comes now finds the turn free.
                    state.under_way -= 1;
                    turn.is_over = true;
                    return;
                }
                state.waiting.drain(..count).unzip()
            };
            match question(app.clone(), keys).await {
                Ok(values) => {
                    for (asker, value) in askers.into_iter().zip(values) {
                        // One who gave up needs no answer.
                        let _ = asker.send(Ok(value));
                    }
                }
                Err(error) => {
                    let why = error.chain();
                    for asker in askers {
                        let _ = asker.send(Err(Error::Unavailable(why.clone().into())));
                    }
                }
            }
        }
    }
}

/// A question's turn; given back even by one that panics, or two such faults would stop every look-up for ever.
struct Turn<'a, K: Send + 'static, V: Send + 'static> {
    gather: &'a Gather<K, V>,
    is_over: bool,
}

impl<K: Send + 'static, V: Send + 'static> Drop for Turn<'_, K, V> {
    fn drop(&mut self) {
        if !self.is_over {
            self.gather.state().under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_model::Secret;

    use super::*;
    use crate::{Clock, Open, OpenOptions, Random, Settings, seal::KeyRing};

    async fn echo(_app: App, keys: Vec<u32>) -> Result<Vec<u32>> {
        assert!(!keys.contains(&0), "a question that panics");
        Ok(keys)
    }

    #[tokio::test]
    async fn questions_that_panic_fail_alone_and_stop_nobody_after_them() {
        let dir = tempfile::tempdir().unwrap();
        let open = Open {
            database_url: Secret::new(format!("sqlite://{}", dir.path().join("db").display())),
            options: OpenOptions::default(),
            keys: KeyRing::generate(&Random::System).0,
            settings: Settings::default(),
            clock: Clock::System,
            random: Random::System,
        };
        let (app, _) = App::open(open).await.unwrap();
        let gather = Arc::new(Gather::default());
        for _ in 0..=PARALLEL {
            assert!(gather.ask(&app, 0, echo).await.is_err());
        }
        assert_eq!(gather.ask(&app, 7, echo).await.unwrap(), 7);
    }
}
