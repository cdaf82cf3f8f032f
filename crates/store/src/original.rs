//! Reads the PostgreSQL database of the original django-sspanel-api, for `gatehouse oa import` (specs/oa.md §9).
//!
//! Its statements are no `sql!`: those are checked against our own schema, and this one is somebody else's.

use std::panic::Location;

use sqlx::{Connection, Executor, PgConnection};

use crate::{Error, Result};

/// What is taken over.
#[derive(Debug, Clone, Default)]
pub struct Original {
    /// Tokens as they stand there; the table has no unique index.
    pub tokens: Vec<String>,
    /// Users.
    pub users: Vec<OriginalUser>,
}

/// A row of `vpnhelper` without its passwords.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OriginalUser {
    /// Name, unique there.
    pub username: String,
    /// `submit`, `processing`, `exists`, `markRemove`.
    pub status: String,
    /// 102, 200, 202, 500 or nothing.
    pub statuscode: Option<i32>,
    /// Time of the last request: Go's RFC 822, local time with minute precision.
    pub requesttime: Option<String>,
}

/// Reads everything as of one moment; nothing is written. `url` is `postgres://…`.
pub async fn read(url: &str) -> Result<Original> {
    let here = Location::caller();
    read_all(url).await.map_err(|error| Error::new(here, error))
}

#[expect(clippy::disallowed_methods, reason = "statements for a schema that is not ours")]
async fn read_all(url: &str) -> sqlx::Result<Original> {
    let mut source = PgConnection::connect(url).await?;
    source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let tokens: Vec<(String,)> = sqlx::query_as("SELECT token FROM token").fetch_all(&mut source).await?;
    let users = sqlx::query_as("SELECT username, status, statuscode, requesttime FROM vpnhelper ORDER BY username")
        .fetch_all(&mut source)
        .await?;
    source.close().await?;
    Ok(Original { tokens: tokens.into_iter().map(|(token,)| token).collect(), users })
}
