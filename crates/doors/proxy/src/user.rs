//! A proxy user as the door holds it: keys, limits, counters, and the flag that cuts every flow.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicI64, AtomicU32, Ordering::Relaxed},
};

use aws_lc_rs::digest;
use gatehouse_domain::proxy::{credential, user::ProxyUser};
use gatehouse_model::{AccountId, EndedWhy, Millis, NodeGroupId, SsCipher};
use md5::{Digest, Md5};
use uuid::Uuid;

use crate::{limit::Bucket, visit::Visit};

/// What stays of a person when the credential changes: limits, counters and open visits.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// Login and name, as visits that begin now will be recorded under.
    names: Mutex<(Box<str>, Option<Box<str>>)>,
    /// Charged traffic, hundredths of a byte, the not yet recorded part included.
    used: AtomicI64,
    /// The part of `used` that no recorded batch holds yet.
    unrecorded: AtomicI64,
    /// Hundredths of a byte; `i64::MAX`: no limit.
    quota: AtomicI64,
    /// Mbit/s, 0: none.
    speed: AtomicU32,
    device_limit: AtomicU32,
    up: Bucket,
    down: Bucket,
    pub(crate) tcp_flows: AtomicU32,
    pub(crate) udp_sessions: AtomicU32,
    visits: Mutex<Vec<Arc<Visit>>>,
    /// When a denied target was logged last, milliseconds.
    logged_at: AtomicI64,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Client to target.
    Up,
    /// Target to client.
    Down,
}

impl Account {
    pub(crate) fn new(row: &ProxyUser) -> Self {
        let account = Self {
            id: row.account_id,
            names: Mutex::default(),
            used: AtomicI64::new(row.used),
            unrecorded: AtomicI64::new(0),
            quota: AtomicI64::new(0),
            speed: AtomicU32::new(0),
            device_limit: AtomicU32::new(0),
            up: Bucket::default(),
            down: Bucket::default(),
            tcp_flows: AtomicU32::new(0),
            udp_sessions: AtomicU32::new(0),
            visits: Mutex::default(),
            logged_at: AtomicI64::new(0),
        };
        account.take_over(row);
        account
    }

    /// Takes over names, quota, speed and device limit; running flows feel them at once.
    pub(crate) fn take_over(&self, row: &ProxyUser) {
        let names = (row.login.as_str().into(), row.name.as_deref().map(Into::into));
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        self.quota.store(row.quota.map_or(i64::MAX, |bytes| bytes.saturating_mul(100)), Relaxed);
        self.speed.store(row.speed_limit, Relaxed);
        self.device_limit.store(row.device_limit, Relaxed);
    }

    /// Login and name.
    pub(crate) fn names(&self) -> (String, Option<String>) {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        (names.0.to_string(), names.1.as_ref().map(ToString::to_string))
    }

    /// Takes over the traffic the database knows of. Only right while no batch is under way.
    pub(crate) fn set_used(&self, recorded: i64) {
        self.used.store(recorded.saturating_add(self.unrecorded.load(Relaxed)), Relaxed);
    }

    /// Adds charged traffic in hundredths of a byte. Returns whether the quota is reached.
    pub(crate) fn charge(&self, hundredths: i64) -> bool {
        self.unrecorded.fetch_add(hundredths, Relaxed);
        self.used.fetch_add(hundredths, Relaxed).saturating_add(hundredths) >= self.quota.load(Relaxed)
    }

    /// A batch holding this much charged traffic is in the database.
    pub(crate) fn recorded(&self, hundredths: i64) {
        self.unrecorded.fetch_sub(hundredths, Relaxed);
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.used.load(Relaxed) >= self.quota.load(Relaxed)
    }

    /// Whether a denied target may be logged again; once a second.
    pub(crate) fn may_log(&self, now: Millis) -> bool {
        let last = self.logged_at.load(Relaxed);
        now.0 >= last.saturating_add(1_000) && self.logged_at.compare_exchange(last, now.0, Relaxed, Relaxed).is_ok()
    }

    /// Whether the database should be asked now and then what other processes have counted.
    pub(crate) fn is_active_with_quota(&self) -> bool {
        self.quota.load(Relaxed) != i64::MAX && !self.visits().is_empty()
    }

    pub(crate) fn device_limit(&self) -> usize {
        self.device_limit.load(Relaxed) as usize
    }

    /// The bucket of a direction and its rate in Mbit/s.
    pub(crate) fn bucket(&self, direction: Direction) -> (&Bucket, u32) {
        let bucket = match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        };
        (bucket, self.speed.load(Relaxed))
    }

    /// The open visits. Locked for a moment only, never across an await.
    pub(crate) fn visits(&self) -> MutexGuard<'_, Vec<Arc<Visit>>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One credential of a person. A changed credential or group is a new `User` with the same [`Account`].
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) account: Arc<Account>,
    pub(crate) uuid: Uuid,
    pub(crate) group: NodeGroupId,
    cut: OnceLock<EndedWhy>,
    classic_key: OnceLock<Box<[u8; 32]>>,
}

impl User {
    pub(crate) fn new(account: Arc<Account>, uuid: Uuid, group: NodeGroupId) -> Self {
        Self { account, uuid, group, cut: OnceLock::new(), classic_key: OnceLock::new() }
    }

    /// Whether nothing has cut this credential.
    pub(crate) fn is_live(&self) -> bool {
        self.cut.get().is_none()
    }

    /// Ends every flow of this credential and refuses new ones.
    pub(crate) fn cut(self: &Arc<Self>, why: EndedWhy) {
        if self.cut.set(why).is_err() {
            return;
        }
        for visit in self.account.visits().iter().filter(|visit| Arc::ptr_eq(&visit.user, self)) {
            visit.end(why);
        }
    }

    /// What Trojan clients send the hexadecimal form of.
    pub(crate) fn trojan_hash(&self) -> [u8; 28] {
        trojan_hash(self.uuid.hyphenated().to_string().as_bytes())
    }

    /// The Shadowsocks 2022 key for a cipher's key length.
    pub(crate) fn ss2022_key(&self, cipher: SsCipher) -> Vec<u8> {
        credential::ss2022_user_key(self.uuid, cipher)
    }

    /// What names the user in a Shadowsocks 2022 request.
    pub(crate) fn identity(&self, cipher: SsCipher) -> [u8; 16] {
        identity(&self.ss2022_key(cipher))
    }

    /// The classic Shadowsocks key; the first half is the key of aes-128.
    pub(crate) fn classic_key(&self) -> &[u8; 32] {
        self.classic_key.get_or_init(|| Box::new(bytes_to_key(self.uuid.hyphenated().to_string().as_bytes())))
    }
}

/// SHA-224 of a Trojan password.
pub(crate) fn trojan_hash(password: &[u8]) -> [u8; 28] {
    let mut hash = [0; 28];
    hash.copy_from_slice(digest::digest(&digest::SHA224, password).as_ref());
    hash
}

/// The first 16 bytes of BLAKE3(`user_key`).
pub(crate) fn identity(user_key: &[u8]) -> [u8; 16] {
    let mut identity = [0; 16];
    identity.copy_from_slice(blake3::hash(user_key).as_bytes().split_at(16).0);
    identity
}

/// `EVP_BytesToKey` of OpenSSL: MD5, no salt, one round.
fn bytes_to_key(password: &[u8]) -> [u8; 32] {
    let first = Md5::digest(password);
    let second = Md5::new().chain_update(first).chain_update(password).finalize();
    let mut key = [0; 32];
    let (low, high) = key.split_at_mut(16);
    low.copy_from_slice(&first);
    high.copy_from_slice(&second);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_the_vectors_of_the_specification() {
        let uuid: Uuid = "11111111-2222-4333-8444-555555555555".parse().unwrap();
        let row = crate::testing::row(1, uuid);
        let user = User::new(Arc::new(Account::new(&row)), uuid, NodeGroupId(1));
        assert_eq!(hex::encode(user.identity(SsCipher::Blake3Aes256Gcm)), "a01e7f1357469165c792c09dedb4ca3c");
        assert_eq!(hex::encode(user.identity(SsCipher::Blake3Aes128Gcm)), "729a261d0dde0d9aa83865839bbbbbba");
        assert_eq!(hex::encode(user.trojan_hash()), "7825a55f4cde3bcfbbd8c7b2360907e23d59f83462438fb96cec140d");
        assert_eq!(hex::encode(user.classic_key()), "26ba38211165f94678008565888189fd7b7a6414626650375d8f618b426d98b1");
        assert_eq!(hex::encode(uuid.as_bytes()), "11111111222243338444555555555555");
    }

    #[test]
    fn traffic_the_database_does_not_know_yet_survives_a_refresh() {
        let mut row = crate::testing::row(1, Uuid::from_u128(1));
        row.quota = Some(10);
        let account = Account::new(&row);
        assert!(!account.charge(600));
        account.set_used(0);
        assert!(account.charge(400));
        account.recorded(1_000);
        account.set_used(0);
        assert!(!account.is_exhausted(), "traffic was reset");
        account.set_used(1_000);
        assert!(account.is_exhausted());
    }
}
