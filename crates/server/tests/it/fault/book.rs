//! What an OA system was told about each of its users, held against what the database says in the end.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use gatehouse_store::{Db, Query, args, sql};
use tokio::time::{Instant, sleep};

use gatehouse_testkit::Installation;

use crate::oa::system::{D, G, OaSystem, TICK};

/// On PostgreSQL the claims of a dead process hold for 30 s, because it might be alive elsewhere.
pub(crate) const LEASES: Duration = Duration::from_secs(75);

/// What was acknowledged last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Made,
    Deleted,
}

/// The users of one story; every name is made at most once and deleted at most once.
#[derive(Default)]
pub(crate) struct Book(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    told: Told,
    /// A request went out and no answer came back: both ends are right.
    is_in_doubt: bool,
}

impl Book {
    /// Asks for a user; an error means that no answer came.
    pub(crate) async fn make(&self, oa: &mut OaSystem, name: &str) -> std::io::Result<u64> {
        self.ask(oa, G, name, Told::Made).await
    }

    /// Asks for a user's deletion.
    pub(crate) async fn delete(&self, oa: &mut OaSystem, name: &str) -> std::io::Result<u64> {
        self.ask(oa, D, name, Told::Deleted).await
    }

    async fn ask(&self, oa: &mut OaSystem, endpoint: &str, name: &str, wish: Told) -> std::io::Result<u64> {
        self.note(name, |entry| entry.is_in_doubt = true);
        let code = oa.ask(endpoint, name).await?.code;
        self.note(name, |entry| {
            entry.is_in_doubt = false;
            if code == 200 {
                entry.told = wish;
            }
        });
        Ok(code)
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.0.lock().unwrap();
        change(entries.entry(name.to_owned()).or_insert(Entry { told: Told::Nothing, is_in_doubt: false }));
    }

    /// Notes that an answer leaves open what happened.
    pub(crate) fn doubt(&self, name: &str) {
        self.note(name, |entry| entry.is_in_doubt = true);
    }

    /// Users whose creation was acknowledged and whose deletion was never asked for, oldest first.
    pub(crate) fn made(&self, limit: usize) -> Vec<String> {
        let entries = self.0.lock().unwrap();
        let made = entries.iter().filter(|(_, entry)| entry.told == Told::Made && !entry.is_in_doubt);
        made.map(|(name, _)| name.clone()).take(limit).collect()
    }

    /// One of them, picked by a number.
    pub(crate) fn some_made(&self, n: u64) -> Option<String> {
        let mut made = self.made(usize::MAX);
        let place = usize::try_from(n).unwrap().checked_rem(made.len())?;
        Some(made.swap_remove(place))
    }

    /// Fails unless every user ended as it was told, once. The server must be at rest; `others` are users of another
    /// origin. Gives how many exist, went, and how many answers never came.
    pub(crate) async fn check(&self, house: &Installation, others: &[&str]) -> [usize; 3] {
        // The doctor walks the chain of the audit trail as well, and fails on any problem.
        let looked = house.run("doctor --json").json();
        let audit: Vec<_> = looked.as_array().unwrap().iter().filter(|finding| finding["area"] == "audit").collect();
        assert!(!audit.is_empty() && audit.iter().all(|finding| finding["level"] == "ok"), "{looked}");
        assert!(!audit[0]["message"].as_str().unwrap().starts_with("0 "), "{looked}");
        let database = house.database().await;
        let found = found(&database).await;
        let strays: Vec<_> = database.read().all::<(String,)>(STRAYS, args![]).await.unwrap();
        assert!(strays.is_empty(), "accounts without a request: {strays:?}");
        database.close().await;
        let entries = self.0.lock().unwrap();
        let unknown: Vec<_> =
            found.keys().filter(|name| !entries.contains_key(*name) && !others.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "users nobody asked for: {unknown:?}");
        for (name, entry) in entries.iter() {
            let truth = found.get(name).copied().unwrap_or_default();
            assert!(is_right(*entry, truth), "{name}: told {entry:?}, found {truth:?}");
        }
        let count = |is: fn(&Truth) -> bool| found.values().filter(|truth| is(truth)).count();
        let doubts = entries.values().filter(|entry| entry.is_in_doubt).count();
        [count(|truth| truth.rows == 1), count(|truth| truth.deleted == 1), doubts]
    }
}

/// What the database says of a name: its oa row in `exists`/200, its accounts with a pass, and how often the audit trail
/// says it was asked for, made, asked to be deleted, deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Truth {
    rows: i64,
    accounts: i64,
    asked: i64,
    made: i64,
    marked: i64,
    deleted: i64,
}

fn is_right(entry: Entry, truth: Truth) -> bool {
    let alive = Truth { rows: 1, accounts: 1, asked: 1, made: 1, ..Truth::default() };
    let gone = Truth { asked: 1, made: 1, marked: 1, deleted: 1, ..Truth::default() };
    match (entry.told, entry.is_in_doubt) {
        (Told::Nothing, false) => truth == Truth::default(),
        (Told::Nothing, true) => truth == Truth::default() || truth == alive,
        (Told::Made, false) => truth == alive,
        (Told::Made, true) => truth == alive || truth == gone,
        (Told::Deleted, _) => truth == gone,
    }
}

const STRAYS: gatehouse_store::Statement = sql!(
    "SELECT a.login FROM account a LEFT JOIN oa_user u ON u.account_id = a.id AND u.username = a.login \
     WHERE a.origin = 'oa' AND u.id IS NULL ORDER BY a.login"
);

async fn found(database: &Db) -> BTreeMap<String, Truth> {
    let rows = sql!(
        "SELECT u.username, CAST(COUNT(p.account_id) AS BIGINT) AS accounts FROM oa_user u \
         LEFT JOIN account a ON a.id = u.account_id AND a.login = u.username \
         LEFT JOIN proxy_pass p ON p.account_id = a.id \
         WHERE u.state = 'exists' AND u.code = 200 GROUP BY u.username ORDER BY u.username"
    );
    let trail = sql!(
        "SELECT object_name, action, CAST(COUNT(*) AS BIGINT) AS times FROM audit \
         WHERE object_kind = 'oa_user' GROUP BY object_name, action ORDER BY object_name, action"
    );
    let mut found: BTreeMap<String, Truth> = BTreeMap::new();
    for (name, accounts) in database.read().all::<(String, i64)>(rows, args![]).await.unwrap() {
        let truth = found.entry(name).or_default();
        (truth.rows, truth.accounts) = (1, accounts);
    }
    for (name, action, times) in database.read().all::<(String, String, i64)>(trail, args![]).await.unwrap() {
        let truth = found.entry(name.clone()).or_default();
        *match action.as_str() {
            "oa.user.create" => &mut truth.asked,
            "oa.user.made" => &mut truth.made,
            "oa.user.delete" => &mut truth.marked,
            "oa.user.deleted" => &mut truth.deleted,
            other => panic!("{name}: {other}"),
        } = times;
    }
    found
}

/// Waits until no work is under way or waiting.
pub(crate) async fn rest(house: &Installation, patience: Duration) {
    let open = sql!(
        "SELECT CAST(COUNT(*) AS BIGINT) + (SELECT CAST(COUNT(*) AS BIGINT) FROM oa_user WHERE state <> 'exists') AS n FROM job"
    );
    let database = house.database().await;
    let deadline = Instant::now() + patience;
    while database.read().one::<(i64,)>(open, args![]).await.unwrap() != Some((0,)) {
        assert!(Instant::now() < deadline, "stuck: {}", house.run("oa user list").ok());
        sleep(TICK).await;
    }
    database.close().await;
}
