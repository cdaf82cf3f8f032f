//! What the radius door writes a little later than it answers: last logins, signs of life, the audit rows of logins.
//!
//! A login that is remembered costs no SQL; what it leaves behind is gathered and written in batches, at most a second later and
//! at the end of the process. Equal decisions become one row: the first at once, the others of its minute with their number.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, Millis, Origin};
use gatehouse_store::{Tx, vpn_live};

use crate::{
    Actor, App, Result,
    audit::{self, Object, Stream},
    vpn::login,
};

/// How often what waits is written.
const EVERY: Duration = Duration::from_millis(500);
/// How long equal decisions are counted into one row.
const GRAIN: Duration = Duration::from_mins(1);
/// Decisions told apart at most; beyond, those of a NAS are counted by reason alone.
const MAX: usize = 20_000;
/// Rows of one transaction: others want to write, too.
const BATCH: usize = 500;

/// A decision on a login, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Note {
    /// Whose login it was.
    pub(crate) account: Option<AccountId>,
    /// The login as it was given.
    pub(crate) login: String,
    /// The NAS.
    pub(crate) nas: String,
    /// Calling-Station-Id.
    pub(crate) station: Option<String>,
    /// Where the person comes from, else the NAS.
    pub(crate) address: IpAddr,
    /// `ok`, or the reason of the refusal.
    pub(crate) reason: &'static str,
    /// What a foreign server said.
    pub(crate) detail: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Waiting {
    active: HashMap<AccountId, Millis>,
    entered: HashMap<AccountId, Entry>,
    notes: HashMap<Note, Tally>,
}

/// The last login of an account. One that comes all the time is written once in [`GRAIN`].
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Millis,
    written_at: Option<Millis>,
    is_new: bool,
}

impl Entry {
    /// Whether it is so long ago that it was written that the next one is written at once.
    fn is_over(self, now: Millis) -> bool {
        self.written_at.is_none_or(|at| now >= at.plus(GRAIN))
    }
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    since: Millis,
    /// Not written yet.
    count: u64,
    /// Whether the first one is.
    is_told: bool,
}

/// What waits to be written in a process.
#[derive(Debug, Default)]
pub(crate) struct Behind(Mutex<Waiting>);

/// What one flush writes.
#[derive(Debug, Default)]
struct Batch {
    active: Vec<(AccountId, Millis)>,
    entered: Vec<(AccountId, Millis)>,
    notes: Vec<(Note, Tally)>,
}

impl Behind {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a sign of life of an account.
    pub(crate) fn active(&self, account: AccountId, at: Millis) {
        self.lock().active.insert(account, at);
    }

    /// Notes a decision; `entered`: whom it let in.
    pub(crate) fn decided(&self, note: Note, entered: Option<AccountId>, at: Millis) {
        let mut waiting = self.lock();
        if let Some(account) = entered {
            let entry = waiting.entered.entry(account).or_insert(Entry { at, written_at: None, is_new: true });
            *entry = Entry { at, is_new: true, ..*entry };
        }
        let is_full = waiting.notes.len() >= MAX && !waiting.notes.contains_key(&note);
        let note = if is_full { Note { account: None, login: "*".to_owned(), station: None, ..note } } else { note };
        let tally = waiting.notes.entry(note).or_insert(Tally { since: at, count: 0, is_told: false });
        tally.count += 1;
    }

    /// Takes what is due, at most one batch; `is_end`: everything is.
    fn take(&self, now: Millis, is_end: bool) -> Batch {
        let mut waiting = self.lock();
        let mut batch = Batch { active: some(&mut waiting.active), entered: Vec::new(), notes: Vec::new() };
        waiting.entered.retain(|account, entry| {
            let is_over = is_end || entry.is_over(now);
            if batch.entered.len() < BATCH && entry.is_new && is_over {
                batch.entered.push((*account, entry.at));
                *entry = Entry { written_at: Some(now), is_new: false, ..*entry };
            }
            entry.is_new || !entry.is_over(now)
        });
        waiting.notes.retain(|note, tally| {
            let is_over = is_end || now >= tally.since.plus(GRAIN);
            if batch.notes.len() < BATCH && tally.count > 0 && (is_over || !tally.is_told) {
                batch.notes.push((note.clone(), *tally));
                *tally = Tally { count: 0, is_told: true, ..*tally };
            }
            !(is_over && tally.count == 0)
        });
        batch
    }

    /// Puts back what could not be written. What came meanwhile is newer.
    fn put_back(&self, batch: Batch) {
        let mut waiting = self.lock();
        for (account, at) in batch.active {
            waiting.active.entry(account).or_insert(at);
        }
        for (account, at) in batch.entered {
            let entry = waiting.entered.entry(account).or_insert(Entry { at, written_at: None, is_new: true });
            *entry = Entry { written_at: None, is_new: true, ..*entry };
        }
        for (note, tally) in batch.notes {
            if waiting.notes.len() < MAX || waiting.notes.contains_key(&note) {
                let back = waiting.notes.entry(note).or_insert(Tally { count: 0, ..tally });
                back.count += tally.count;
                back.is_told = tally.is_told;
            }
        }
    }
}

fn some(from: &mut HashMap<AccountId, Millis>) -> Vec<(AccountId, Millis)> {
    let taken: Vec<_> = from.iter().map(|(account, at)| (*account, *at)).take(BATCH).collect();
    for (account, _) in &taken {
        from.remove(account);
    }
    taken
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.active.is_empty() && self.entered.is_empty() && self.notes.is_empty()
    }

    async fn write(&self, app: &App, tx: &mut Tx) -> Result<()> {
        for (account, at) in &self.entered {
            login::note(tx, *account, *at).await?;
        }
        for (account, at) in &self.active {
            vpn_live::note_active(tx, *account, *at).await?;
        }
        for (note, tally) in &self.notes {
            // The bastion's log shows logins of its own and of the system: thousands of VPN users are neither.
            let mut ctx = app.ctx(Actor::Anonymous, Origin::Vpn);
            ctx.caller.address = Some(note.address);
            let mut detail = serde_json::json!({ "door": "radius", "nas": note.nas, "count": tally.count });
            if let Some(facts) = detail.as_object_mut() {
                facts.extend(note.station.as_deref().map(|station| ("station".to_owned(), station.into())));
                facts.extend(note.detail.map(|why| ("detail".to_owned(), why.into())));
            }
            let object = Object::new("account", note.account.map(|id| id.0), &note.login);
            let detail = Some(detail.to_string());
            audit::record(tx, &ctx, Stream::Login, "account.login", object, note.reason, detail).await?;
        }
        Ok(())
    }
}

/// Writes what is due.
pub(crate) async fn flush(app: &App, is_end: bool) -> Result<()> {
    loop {
        let batch = app.behind().take(app.now(), is_end);
        if batch.is_empty() {
            return Ok(());
        }
        if let Err(error) = write(app, &batch).await {
            app.behind().put_back(batch);
            return Err(error);
        }
    }
}

async fn write(app: &App, batch: &Batch) -> Result<()> {
    let mut tx = app.db().begin().await?;
    batch.write(app, &mut tx).await?;
    Ok(tx.commit().await?)
}

/// Writes until the shutdown.
pub(crate) async fn run(app: App) {
    let mut is_failing = false;
    loop {
        let is_end = app.pause(EVERY).await;
        let result = flush(&app, is_end).await;
        if let (Err(error), false) = (&result, is_failing) {
            tracing::warn!(
                event = "radius.write_behind_failed",
                error = error.chain(),
                "logins cannot be written down"
            );
        }
        is_failing = result.is_err();
        if is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(login: &str) -> Note {
        let address = IpAddr::from([192, 0, 2, 1]);
        Note { account: None, login: login.into(), nas: "n".into(), station: None, address, reason: "ok", detail: None }
    }

    fn counts(behind: &Behind, at: i64, is_end: bool) -> Vec<u64> {
        behind.take(Millis(at), is_end).notes.into_iter().map(|(_, tally)| tally.count).collect()
    }

    #[test]
    fn equal_decisions_are_told_at_once_and_then_with_their_number() {
        let behind = Behind::default();
        behind.decided(note("a"), None, Millis(0));
        assert_eq!(counts(&behind, 500, false), [1]);
        (0..5).for_each(|n| behind.decided(note("a"), None, Millis(1_000 + n)));
        assert_eq!(counts(&behind, 30_000, false), [0_u64; 0]);
        assert_eq!(counts(&behind, 60_000, false), [5]);
        assert!(behind.lock().notes.is_empty());
        behind.decided(note("a"), None, Millis(61_000));
        behind.decided(note("b"), None, Millis(61_000));
        assert_eq!(counts(&behind, 61_001, false), [1, 1]);
        behind.decided(note("b"), None, Millis(62_000));
        assert_eq!(counts(&behind, 62_001, true), [1], "the end of the process leaves nothing");
    }

    #[test]
    fn logins_that_come_all_the_time_are_written_once_a_minute() {
        let behind = Behind::default();
        let entered = |at: i64, is_end: bool| behind.take(Millis(at), is_end).entered;
        let me = AccountId(1);
        behind.decided(note("me"), Some(me), Millis(0));
        assert_eq!(entered(1, false), [(me, Millis(0))]);
        behind.decided(note("me"), Some(me), Millis(500));
        assert_eq!(entered(501, false), []);
        behind.decided(note("me"), Some(me), Millis(59_000));
        assert_eq!(entered(60_001, false), [(me, Millis(59_000))]);
        assert_eq!(entered(120_001, false), []);
        assert!(behind.lock().entered.is_empty());
        behind.decided(note("me"), Some(me), Millis(130_000));
        assert_eq!(entered(130_001, false), [(me, Millis(130_000))]);
        behind.decided(note("me"), Some(me), Millis(130_002));
        let batch = behind.take(Millis(130_003), true);
        assert_eq!(batch.entered, [(me, Millis(130_002))], "the end of the process leaves nothing");
        behind.put_back(batch);
        assert_eq!(entered(130_004, false), [(me, Millis(130_002))]);
    }

    #[test]
    fn what_could_not_be_written_waits_on() {
        let behind = Behind::default();
        behind.decided(note("a"), None, Millis(0));
        behind.active(AccountId(1), Millis(0));
        let batch = behind.take(Millis(1), false);
        behind.active(AccountId(1), Millis(2));
        behind.decided(note("a"), None, Millis(3));
        behind.put_back(batch);
        let batch = behind.take(Millis(4), false);
        assert_eq!(batch.active, [(AccountId(1), Millis(2))]);
        assert_eq!(batch.notes.first().map(|(_, tally)| tally.count), Some(2));
    }

    #[test]
    fn memory_is_bounded() {
        let behind = Behind::default();
        (0..MAX + 1_000).for_each(|n| behind.decided(note(&n.to_string()), None, Millis(0)));
        let waiting = behind.lock();
        assert_eq!(waiting.notes.len(), MAX + 1);
        assert_eq!(waiting.notes.values().map(|tally| tally.count).sum::<u64>(), 21_000);
    }
}
