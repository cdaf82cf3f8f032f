//! Group commit on SQLite: transactions that end while others wait for the one writer reach the disk together.
//!
//! A commit that waits for the disk takes about 1.7 ms, the statements of one about 0.1 ms, so one writer that commits
//! each transaction alone spends its life waiting. Instead, when somebody waits for the writer, a finished transaction
//! leaves the database's transaction open; the next one runs in it as a savepoint; and a driver, which queues for the
//! writer behind those that waited, commits for all. Nobody's commit returns before the disk has it. If the shared commit
//! fails, every member hears so; a member that fails alone is rolled back to its savepoint alone.

use std::{
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{Db, Error, Result, args, sql};

/// The members of one shared commit hear its end here; `None` while it is open.
type Outcome = Option<std::result::Result<(), String>>;

/// The shared commit that is open, if one is.
#[derive(Debug, Default)]
pub(crate) struct Group(Mutex<Option<Arc<watch::Sender<Outcome>>>>);

impl Group {
    fn open(&self) -> MutexGuard<'_, Option<Arc<watch::Sender<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a transaction that begins now runs inside an open one. The caller holds the writer.
    pub(crate) fn is_open(&self) -> bool {
        self.open().is_some()
    }

    /// Joins the open shared commit or opens one. True: opened, so that somebody must drive it. The caller holds the writer.
    pub(crate) fn join(&self) -> (watch::Receiver<Outcome>, bool) {
        let mut open = self.open();
        let is_new = open.is_none();
        (open.get_or_insert_with(Arc::default).subscribe(), is_new)
    }

    /// Ends the shared commit and tells its members. The caller holds the writer.
    pub(crate) fn close(&self, result: &Result<()>) {
        if let Some(members) = self.open().take() {
            members.send_replace(Some(result.as_ref().copied().map_err(ToString::to_string)));
        }
    }
}

/// Waits for the shared commit.
pub(crate) async fn outcome(mut members: watch::Receiver<Outcome>) -> Result<()> {
    let outcome = match members.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone(),
        Err(_driver_gone) => None,
    };
    match outcome {
        Some(Ok(())) => Ok(()),
        Some(Err(why)) => Err(lost(&why)),
        None => Err(lost("the process is stopping")),
    }
}

/// A commit of which nobody knows whether it happened.
pub(crate) fn lost(why: &str) -> Error {
    Error::Unavailable(sqlx::Error::Io(std::io::Error::other(format!("the commit failed: {why}"))))
}

/// Commits the open group once the writer comes free. Its own task, so that no caller who gives up leaves the writer's
/// transaction open.
pub(crate) fn drive(db: Db) {
    #[expect(clippy::disallowed_methods, reason = "ends by itself as soon as the writer is free")]
    tokio::spawn(async move {
        loop {
            match db.writer(Location::caller()).await {
                // Somebody whom nobody waited behind has committed for all meanwhile.
                Ok(_) if !db.group().is_open() => return,
                Ok(mut link) => {
                    link.enter_transaction();
                    let result = link.exec(sql!("COMMIT"), args![]).await.map(drop);
                    if result.is_ok() {
                        link.leave_transaction();
                    }
                    return db.group().close(&result);
                }
                // The queue is longer than anybody's patience; the members still wait.
                Err(Error::Unavailable(sqlx::Error::PoolTimedOut)) => {}
                Err(error) => return db.group().close(&Err(error)),
            }
        }
    });
}
