//! A bounded set of connections to one database. sqlx's own pool asks the server for a sign of life each time a
//! connection comes back, which doubles the round trips of a one-statement read; this one asks only when it has a reason:
//! a connection that rested for a while, or one whose user went away in the middle of something. One-row reads per second
//! by 64 tasks on two cores: SQLite 156,000 (sqlx's pool 23,000, without its test before use 99,000), PostgreSQL over a
//! socket 59,000 (28,000 and 49,000).

use crate::{Error, Result};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A connection that rested longer is asked for a sign of life before it is used: the server may have restarted.
const RESTED: Duration = Duration::from_secs(2);

/// A driver's connection, as far as the pool must know it.
pub(crate) trait Link: Connection + 'static {
    /// Ends the open transaction.
    fn roll_back(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Undoes a member of a group commit; what earlier members did stays.
    fn roll_back_member(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;
}

impl Link for SqliteConnection {
    async fn roll_back(&mut self) -> sqlx::Result<()> {
        self.execute("ROLLBACK").await.map(drop)
    }

    async fn roll_back_member(&mut self) -> sqlx::Result<()> {
        self.execute("ROLLBACK TO member; RELEASE member").await.map(drop)
    }
}

impl Link for PgConnection {
    async fn roll_back(&mut self) -> sqlx::Result<()> {
        self.execute("ROLLBACK").await.map(drop)
    }

    async fn roll_back_member(&mut self) -> sqlx::Result<()> {
        self.roll_back().await
    }
}

pub(crate) struct Pool<C: Link>(Arc<Shared<C>>);

struct Shared<C: Link> {
    options: C::Options,
    size: u32,
    patience: Duration,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// The last one returned is the first one taken: its caches are warm.
    idle: Mutex<Vec<(C, Instant)>>,
}

impl<C: Link> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Link> Pool<C> {
    /// Connects on demand, up to `size` connections; whoever waits longer than `patience` for one gets an error.
    pub(crate) fn new(options: C::Options, size: u32, patience: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(size as usize));
        Self(Arc::new(Shared {
            options,
            size,
            patience,
            permits,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
        }))
    }

    /// How its connections are made.
    pub(crate) fn options(&self) -> &C::Options {
        &self.0.options
    }

    /// Takes a connection for the statement at `at`.
    pub(crate) async fn lease(&self, at: &'static Location<'static>) -> Result<Lease<C>> {
        let lease = timeout(self.0.patience, self.take()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        lease.map_err(|error| Error::new(at, error))
    }

    /// Whether somebody waits for a connection.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    async fn take(&self) -> sqlx::Result<Lease<C>> {
        let permit = {
            let _waiting = Waiting::new(&self.0.waiting);
            Arc::clone(&self.0.permits).acquire_owned().await.map_err(|_closed| sqlx::Error::PoolClosed)?
        };
        let mut rested = self.0.idle().pop();
        if let Some((connection, since)) = &mut rested
            && since.elapsed() > RESTED
            && connection.ping().await.is_err()
        {
            rested = None;
        }
        let connection = match rested {
            Some((connection, _)) => connection,
            None => C::connect_with(&self.0.options).await?,
        };
        Ok(Lease { connection: Some((connection, permit)), shared: Arc::clone(&self.0), fate: Fate::Keep })
    }

    /// Waits for the connections in use, for as long as the patience lasts, and closes all. No more are given out.
    pub(crate) async fn close(&self) {
        // Running out of patience only means that somebody's connection closes later, when it comes back.
        let _ = timeout(self.0.patience, self.0.permits.acquire_many(self.0.size)).await;
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for (connection, _) in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "closing a database connection failed");
            }
        }
    }
}

impl<C: Link> Shared<C> {
    fn idle(&self) -> MutexGuard<'_, Vec<(C, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a healthy connection, and only then lets the next one in.
    fn put(&self, connection: C, permit: OwnedSemaphorePermit) {
        if !self.permits.is_closed() {
            self.idle().push((connection, Instant::now()));
        }
        drop(permit);
    }
}

/// Counts one who waits, for as long as he does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What happens to a connection when its lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Back to the others as it is.
    Keep,
    /// A statement was abandoned half-way: its answer must be read first.
    Settle,
    /// A transaction is open.
    RollBack,
    /// A member of a group commit is open inside a transaction that goes on.
    RollBackMember,
    /// It is broken.
    Discard,
}

/// A connection in use.
pub(crate) struct Lease<C: Link> {
    /// None only while it is being dropped.
    connection: Option<(C, OwnedSemaphorePermit)>,
    shared: Arc<Shared<C>>,
    fate: Fate,
}

impl<C: Link> Lease<C> {
    /// Hands out the connection for one statement; [`Lease::finish`] must see its result.
    pub(crate) fn start(&mut self) -> sqlx::Result<&mut C> {
        if self.fate == Fate::Keep {
            self.fate = Fate::Settle;
        }
        self.connection.as_mut().map(|(connection, _)| connection).ok_or(sqlx::Error::PoolClosed)
    }

    /// Sorts a statement's result and notes what it says about the connection.
    pub(crate) fn finish<T>(&mut self, at: &'static Location<'static>, result: sqlx::Result<T>) -> Result<T> {
        let result = result.map_err(|error| Error::new(at, error));
        if let Err(Error::Unavailable(_)) = result {
            self.fate = Fate::Discard;
        } else if self.fate == Fate::Settle {
            self.fate = Fate::Keep;
        }
        result
    }

    /// From now on the end of the lease rolls back.
    pub(crate) fn enter_transaction(&mut self) {
        self.fate = Fate::RollBack;
    }

    /// From now on the end of the lease rolls the member back.
    pub(crate) fn enter_savepoint(&mut self) {
        self.fate = Fate::RollBackMember;
    }

    /// The transaction was committed.
    pub(crate) fn leave_transaction(&mut self) {
        self.fate = Fate::Keep;
    }
}

impl<C: Link> Drop for Lease<C> {
    fn drop(&mut self) {
        let (Some((connection, permit)), fate) = (self.connection.take(), self.fate) else { return };
        match fate {
            Fate::Discard => {}
            Fate::Keep => self.shared.put(connection, permit),
            Fate::Settle | Fate::RollBack | Fate::RollBackMember => {
                // Without a runtime the process is ending, and closing the connection rolls back as well.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                runtime.spawn(settle(connection, permit, Arc::clone(&self.shared), fate));
            }
        }
    }
}

/// Brings an abandoned connection back to rest, or gives it up.
async fn settle<C: Link>(mut connection: C, permit: OwnedSemaphorePermit, shared: Arc<Shared<C>>, fate: Fate) {
    let settled = timeout(shared.patience, async {
        match fate {
            Fate::RollBack => connection.roll_back().await,
            Fate::RollBackMember => connection.roll_back_member().await,
            Fate::Keep | Fate::Settle | Fate::Discard => connection.ping().await,
        }
    });
    if let Ok(Ok(())) = settled.await {
        shared.put(connection, permit);
    }
}
