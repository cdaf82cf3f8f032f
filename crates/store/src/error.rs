//! What can go wrong in the database, sorted by what the caller can do about it.

use std::panic::Location;

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed statement or transaction. After any of these a [`Tx`](crate::Tx) can only be dropped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with this unique value exists. `key` is `<table>_<column>_key`, several columns joined by `_`, and
    /// `<table>_pkey` for the primary key; the same text on both engines.
    #[error("{key} is taken")]
    Conflict {
        /// The name of the violated constraint or index.
        key: String,
    },
    /// The database cannot be asked now: unreachable, stopping, out of connections, locked or full. Worth another try later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A bug or a damaged database.
    #[error("the statement at {at} failed")]
    Other {
        /// Where the statement was written.
        at: &'static Location<'static>,
        /// What the driver said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// For an insert that returned no row although it must: a bug.
    #[track_caller]
    pub(crate) fn missing_row() -> Self {
        Self::other(Location::caller(), "the statement returned no row")
    }

    /// Sorts a driver's error.
    pub(crate) fn new(at: &'static Location<'static>, error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(database) if database.is_unique_violation() => {
                let key = database.constraint().map_or_else(|| sqlite_key(database.as_ref()), ToOwned::to_owned);
                Self::Conflict { key }
            }
            E::Database(database) if database.code().is_some_and(|code| is_passing(&code)) => {
                Self::Unavailable(E::Database(database))
            }
            E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Io(_) | E::Tls(_) | E::BeginFailed => {
                Self::Unavailable(error)
            }
            other => Self::Other { at, source: other.into() },
        }
    }

    /// A failure of our own making.
    pub(crate) fn other(
        at: &'static Location<'static>,
        what: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Other { at, source: what.into() }
    }
}

/// SQLite names the columns, `UNIQUE constraint failed: a.x, a.y`, or, for an index over expressions, the index:
/// `UNIQUE constraint failed: index 'a_x_key'`.
fn sqlite_key(error: &dyn sqlx::error::DatabaseError) -> String {
    const PRIMARY_KEY: &str = "1555";
    let what = error.message().rsplit_once(": ").map_or(error.message(), |(_, what)| what);
    if let Some(index) = what.strip_prefix("index ") {
        return index.trim_matches('\'').to_owned();
    }
    let table = what.split_once('.').map_or(what, |(table, _)| table);
    if error.code().as_deref() == Some(PRIMARY_KEY) {
        return format!("{table}_pkey");
    }
    let columns: Vec<_> =
        what.split(", ").map(|column| column.split_once('.').map_or(column, |(_, name)| name)).collect();
    format!("{table}_{}_key", columns.join("_"))
}

/// Whether time may heal it. PostgreSQL: SQLSTATE classes 08 connection, 53 resources, 57P stopping, and 40 deadlock or
/// serialisation. SQLite: result codes, whose low byte is the primary one: 5 busy, 6 locked, 10 I/O, 13 full, 14 cannot open.
fn is_passing(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 10 | 13 | 14),
        _ => ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class)),
    }
}
