//! The open stays of this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use gatehouse_domain::bastion::terminal::{Ended, LiveStay};
use gatehouse_model::EndedWhy;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Shared;

/// All open stays, by the public name of their visits.
#[derive(Default)]
pub(crate) struct Stays {
    open: Mutex<HashMap<Uuid, Arc<Shared>>>,
    /// Not yet asked about since they opened.
    fresh: Mutex<Vec<Uuid>>,
    opened: Notify,
}

impl Stays {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Uuid, Arc<Shared>>) -> T) -> T {
        let mut stays = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut stays);
        metrics::gauge!("gatehouse_terminals_open").set(u32::try_from(stays.len()).unwrap_or(u32::MAX));
        result
    }

    pub(super) fn insert(&self, stay: &Arc<Shared>) {
        let visit = stay.admitted.visit;
        self.with(|stays| stays.insert(visit, stay.clone()));
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
        self.opened.notify_one();
    }

    /// Waits for stays that opened. What was allowed when the way to the target began may have been taken away on the way,
    /// when nobody could see that the stay would come.
    pub(crate) async fn opened(&self) -> Vec<Uuid> {
        self.opened.notified().await;
        std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An open stay.
    pub(crate) fn find(&self, visit: Uuid) -> Option<Arc<Shared>> {
        self.with(|stays| stays.get(&visit).cloned())
    }

    /// All that are open.
    pub(crate) fn visits(&self) -> Vec<Uuid> {
        self.with(|stays| stays.keys().copied().collect())
    }

    pub(super) fn remove(&self, visit: Uuid) {
        self.with(|stays| stays.remove(&visit));
    }

    /// Open stays.
    pub(crate) fn len(&self) -> usize {
        self.with(|stays| stays.len())
    }

    /// Ends a stay; false: it is not open here.
    pub(crate) fn cut(&self, visit: Uuid, why: EndedWhy, by: Option<(String, String)>) -> bool {
        let Some(stay) = self.find(visit) else { return false };
        stay.end(Ended { why, by, exit_code: None, exit_signal: None });
        true
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.with(|stays| stays.values().cloned().collect())
    }

    /// Ends all.
    pub(crate) fn cut_all(&self, why: EndedWhy) {
        for stay in self.all() {
            stay.end_because(why);
        }
    }

    #[cfg(test)]
    pub(crate) fn received(&self, visit: Uuid) -> u64 {
        self.with(|stays| stays.get(&visit).map_or(0, |stay| stay.gate.received()))
    }

    /// What is open.
    pub(crate) fn list(&self) -> Vec<LiveStay> {
        let live = |stay: &Arc<Shared>| LiveStay {
            visit: stay.admitted.visit,
            account: stay.admitted.account,
            since: stay.began.elapsed(),
            idle: stay.idle(),
        };
        self.with(|stays| stays.values().map(live).collect())
    }
}
