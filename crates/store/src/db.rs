//! The database: one of two engines behind the same verbs.

use crate::group::Group;
use crate::pool::{Lease, Pool};
use crate::row::encode;
use crate::{Args, Error, Result, Row, Signals, Statement, Tx, args, sql};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Executor as _, Postgres, Sqlite, query_as_with, query_with};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::Location;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

/// Which database engine is behind a [`Db`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in the data directory.
    Sqlite,
    /// A server, for scale.
    Postgres,
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Whether a SQLite commit waits for the disk. Without, a power cut may lose the last commits but never mixes them up.
    pub sqlite_synchronous_full: bool,
    /// How many SQLite connections read; one more writes.
    pub max_readers: u32,
    /// How many PostgreSQL connections this process may hold.
    pub pg_max_connections: u32,
    /// How long to wait for a connection, and on SQLite for another process's transaction.
    pub acquire_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            sqlite_synchronous_full: true,
            max_readers: 4,
            pg_max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
        }
    }
}

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    signals: Arc<Signals>,
    group: Arc<Group>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the address: it may hold a password.
        f.debug_tuple("Db").field(&self.engine()).finish()
    }
}

#[derive(Clone)]
pub(crate) enum Pools {
    Sqlite { read: Pool<SqliteConnection>, write: Pool<SqliteConnection> },
    Postgres(Pool<PgConnection>),
}

/// Statements kept prepared per connection: more than the program has, so that none is ever parsed twice.
const STATEMENTS: usize = 1000;

impl Db {
    /// Opens `sqlite:///path/to/file`, made with mode 0600 if missing, or `postgres://user:password@host/database`, and
    /// tries a connection. Does not migrate.
    pub async fn open(url: &str, options: &OpenOptions) -> Result<Self> {
        let invalid = |error| Error::new(Location::caller(), error);
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(SqliteConnectOptions::from_str(url).map_err(invalid)?, options)?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let connect = PgConnectOptions::from_str(url).map_err(invalid)?.statement_cache_capacity(STATEMENTS);
            Pools::Postgres(Pool::new(connect, options.pg_max_connections, options.acquire_timeout))
        } else {
            return Err(Error::other(Location::caller(), "a database URL begins with sqlite:// or postgres://"));
        };
        let db = Self { pools, signals: Arc::default(), group: Arc::default() };
        // The writer goes first: it turns write-ahead logging on, and readers find its files.
        db.writer(Location::caller()).await?;
        db.ping().await?;
        Ok(db)
    }

    /// Reads outside of any transaction: each statement sees the latest commit.
    pub fn read(&self) -> Reader {
        Reader(self.clone())
    }

    /// Reads that all see the same moment, on a connection of their own: take as few at a time as answers take long.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let begin = sql! { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        let mut link = self.reader(begin.at()).await?;
        link.enter_transaction();
        link.exec(begin, args![]).await?;
        Ok(Snapshot(link))
    }

    /// Begins a write transaction: alone on SQLite, read committed on PostgreSQL. Await nothing but the database inside.
    pub async fn begin(&self) -> Result<Tx> {
        Tx::begin(self.clone()).await
    }

    /// The shared commit of waiting transactions; used on SQLite only.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Whether somebody waits for the one writer of SQLite.
    pub(crate) fn is_writer_wanted(&self) -> bool {
        matches!(&self.pools, Pools::Sqlite { write, .. } if write.is_wanted())
    }

    /// Which engine this is, for diagnostics.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// What this process's commits tell.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        self.read().one::<(i64,)>(sql!("SELECT CAST(1 AS BIGINT) AS one"), args![]).await.map(drop)
    }

    /// Waits for what runs, then closes every connection; later calls are `Unavailable`.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) async fn reader(&self, at: &'static Location<'static>) -> Result<Link> {
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => Link::Sqlite(read.lease(at).await?),
            Pools::Postgres(pool) => Link::Postgres(pool.lease(at).await?),
        })
    }

    pub(crate) async fn writer(&self, at: &'static Location<'static>) -> Result<Link> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => Link::Sqlite(write.lease(at).await?),
            Pools::Postgres(pool) => Link::Postgres(pool.lease(at).await?),
        })
    }
}

fn open_sqlite(connect: SqliteConnectOptions, options: &OpenOptions) -> Result<Pools> {
    // Only if missing: to open and close a database that this process has open already drops the locks it holds, and another
    // process would take it for closed.
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(connect.get_filename());
    if let Err(error) = file
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(Error::new(Location::caller(), error.into()));
    }
    let synchronous = if options.sqlite_synchronous_full { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    let connect = connect
        .busy_timeout(options.acquire_timeout)
        .statement_cache_capacity(STATEMENTS)
        // Rows cross from the connection's thread without either side waiting for the other.
        .row_buffer_size(1024)
        // KiB when negative. Pages of the file itself are mapped, so the cache holds mostly those of the log.
        .pragma("cache_size", "-8192")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "MEMORY");
    let write = connect
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        // Pages: 16 MiB of log between check points; after a huge transaction the log file shrinks back to 64 MiB.
        .pragma("wal_autocheckpoint", "4096")
        .pragma("journal_size_limit", "67108864");
    // Not opened read-only: whichever connection closes last moves the log into the file.
    let read = connect.pragma("query_only", "ON");
    Ok(Pools::Sqlite {
        read: Pool::new(read, options.max_readers, options.acquire_timeout),
        write: Pool::new(write, 1, options.acquire_timeout),
    })
}

/// Reads rows; outside a transaction ([`Reader`]) or inside ([`Tx`]).
pub trait Query: Send {
    /// Every row.
    fn all<R: Row>(&mut self, statement: Statement, args: Args) -> impl Future<Output = Result<Vec<R>>> + Send;

    /// The first row, if there is one.
    fn one<R: Row>(&mut self, statement: Statement, args: Args) -> impl Future<Output = Result<Option<R>>> + Send;
}

/// Reads outside of any transaction.
pub struct Reader(Db);

impl Query for Reader {
    async fn all<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Vec<R>> {
        self.0.reader(statement.at()).await?.all(statement, args).await
    }

    async fn one<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Option<R>> {
        self.0.reader(statement.at()).await?.one(statement, args).await
    }
}

/// Reads of one moment. Dropping it ends them.
pub struct Snapshot(Link);

impl Query for Snapshot {
    async fn all<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Vec<R>> {
        self.0.all(statement, args).await
    }

    async fn one<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Option<R>> {
        self.0.one(statement, args).await
    }
}

/// A leased connection of either engine.
pub(crate) enum Link {
    Sqlite(Lease<SqliteConnection>),
    Postgres(Lease<PgConnection>),
}

/// Runs the same words on whichever driver it is, with arguments encoded for it.
macro_rules! run {
    ($link:expr, $statement:expr, $args:expr, |$sql:ident, $encoded:ident, $connection:ident| $query:expr) => {{
        let (statement, args) = ($statement, $args);
        if args.len() != statement.arity() {
            let what = format!("{} arguments for {} parameters", args.len(), statement.arity());
            return Err(Error::other(statement.at(), what));
        }
        match $link {
            Link::Sqlite(lease) => run!(lease, statement, args, Sqlite, |$sql, $encoded, $connection| $query),
            Link::Postgres(lease) => run!(lease, statement, args, Postgres, |$sql, $encoded, $connection| $query),
        }
    }};
    ($lease:expr, $statement:expr, $args:expr, $db:ident, |$sql:ident, $encoded:ident, $connection:ident| $query:expr) => {{
        let failed = |error| Error::new($statement.at(), error);
        let $encoded = encode::<$db>($args).map_err(|error| failed(sqlx::Error::Encode(error)))?;
        let ($sql, $connection) = ($statement.text(Engine::$db), $lease.start().map_err(failed)?);
        let result = $query.await;
        $lease.finish($statement.at(), result)
    }};
}

impl Link {
    pub(crate) async fn all<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Vec<R>> {
        run!(self, statement, args, |sql, encoded, connection| query_as_with(sql, encoded).fetch_all(connection))
    }

    pub(crate) async fn one<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Option<R>> {
        run!(self, statement, args, |sql, encoded, connection| query_as_with(sql, encoded).fetch_optional(connection))
    }

    pub(crate) async fn exec(&mut self, statement: Statement, args: Args) -> Result<u64> {
        run!(self, statement, args, |sql, encoded, connection| async {
            query_with(sql, encoded).execute(connection).await.map(|done| done.rows_affected())
        })
    }

    pub(crate) async fn batch(&mut self, at: &'static Location<'static>, script: &'static str) -> Result<()> {
        let failed = |error| Error::new(at, error);
        match self {
            Self::Sqlite(lease) => {
                let result = lease.start().map_err(failed)?.execute(script).await.map(drop);
                lease.finish(at, result)
            }
            Self::Postgres(lease) => {
                let result = lease.start().map_err(failed)?.execute(script).await.map(drop);
                lease.finish(at, result)
            }
        }
    }

    pub(crate) fn enter_transaction(&mut self) {
        match self {
            Self::Sqlite(lease) => lease.enter_transaction(),
            Self::Postgres(lease) => lease.enter_transaction(),
        }
    }

    /// From now on the end of the lease rolls back to the savepoint `member`, and no further.
    pub(crate) fn enter_savepoint(&mut self) {
        match self {
            Self::Sqlite(lease) => lease.enter_savepoint(),
            Self::Postgres(lease) => lease.enter_transaction(),
        }
    }

    pub(crate) fn leave_transaction(&mut self) {
        match self {
            Self::Sqlite(lease) => lease.leave_transaction(),
            Self::Postgres(lease) => lease.leave_transaction(),
        }
    }
}
