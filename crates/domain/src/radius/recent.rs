//! Logins that were right a moment ago: who comes again with the same password is let in without hashing and without a question to
//! the database (DESIGN §4 "Doors may remember a recent success as a keyed MAC in memory").
//!
//! Nothing of the password is kept but a MAC under a key that is made anew in each process. What the decision rested on is watched:
//! a change of the account or its pass drops its entries, a change of groups, roles, resources, policy sets, servers or NAS
//! entries drops all. While the database has not answered for [`BLIND`], nothing is remembered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, Millis, NasId, Secret};
use zeroize::Zeroizing;

use super::grant::Terms;
use crate::{App, Random};

/// Longest time an entry lives.
pub(crate) const LIFE: Duration = Duration::from_mins(10);
/// How long the database may be away before nothing that is remembered counts.
const BLIND: Duration = Duration::from_secs(2);
/// Entries at most, about 100 MiB. Then all go: a process with so many users at work is warm again at once.
const MAX: usize = 100_000;

/// What an entry is found by.
pub(crate) type Key = [u8; 32];

/// A login that was right.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    /// Until when this counts.
    pub(crate) until: Millis,
    /// What it gives.
    pub(crate) terms: Arc<Terms>,
    /// What is worked out anew each time.
    pub(crate) limits: Limits,
}

/// What a grant is worked out from at its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Session-Timeout of the policy set.
    pub(crate) session_timeout: Option<Duration>,
    /// End of the pass.
    pub(crate) expires_at: Option<Millis>,
    /// Sessions at the same time, 0: no limit.
    pub(crate) max_sessions: i64,
    /// Sessions of which the newest stay, 0: no limit.
    pub(crate) newest_sessions: u32,
}

/// The memory of a process.
pub(crate) struct Recent {
    key: Zeroizing<[u8; 32]>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Counts up with each drop, so that no decision enters that began before it.
    version: u64,
    entries: HashMap<Key, Remembered>,
    by_account: HashMap<AccountId, Vec<Key>>,
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl Recent {
    pub(crate) fn new(random: &Random) -> Self {
        Self { key: Zeroizing::new(random.bytes::<32>()), inner: Mutex::default() }
    }

    /// The key of a login by a password at a NAS.
    pub(crate) fn key(&self, login_key: &str, password: &Secret, nas: Option<NasId>) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&nas.map_or(i64::MIN, |nas| nas.0).to_le_bytes());
        hasher.update(&(login_key.len() as u64).to_le_bytes()).update(login_key.as_bytes());
        hasher.update(password.expose().as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Where the memory is now; taken before a decision reads anything.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// What is remembered under a key, if it counts now.
    pub(crate) fn find(&self, app: &App, key: &Key) -> Option<Remembered> {
        let now = app.now();
        if app.live().database_age(now) > BLIND {
            return None;
        }
        let inner = self.lock();
        let entry = inner.entries.get(key)?;
        let is_over = entry.until <= now || entry.limits.expires_at.is_some_and(|at| at <= now);
        (!is_over).then(|| entry.clone())
    }

    /// Remembers a decision, unless anything was dropped since it began.
    pub(crate) fn keep(&self, version: u64, key: Key, remembered: Remembered) {
        let mut inner = self.lock();
        if inner.version != version {
            return;
        }
        if inner.entries.len() >= MAX {
            inner.clear();
        }
        let account = remembered.terms.account;
        if inner.entries.insert(key, remembered).is_none() {
            inner.by_account.entry(account).or_default().push(key);
        }
    }

    /// Forgets an account.
    pub(crate) fn forget(&self, account: AccountId) {
        let mut inner = self.lock();
        inner.version += 1;
        for key in inner.by_account.remove(&account).unwrap_or_default() {
            inner.entries.remove(&key);
        }
    }

    /// Forgets everybody.
    pub(crate) fn forget_all(&self) {
        let mut inner = self.lock();
        inner.version += 1;
        inner.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn clear(&mut self) {
        self.entries.clear();
        self.by_account.clear();
    }
}
