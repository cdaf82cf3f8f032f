//! Reading of other programs' databases, for imports.
//!
//! The one place whose statements are not `sql!`: the tables they name are not ours, so the statement test could not
//! prepare them on our schema. They are read in a read-only transaction, by stories on a real PostgreSQL that holds such
//! tables, and every column is cast to a type of ours.

use std::panic::Location;

use crate::{Db, Error, OpenOptions, Query, Result, Statement, args};

/// What the database of the original django-sspanel-api (vpnHelper) holds (specs/oa.md §9).
#[derive(Debug, Clone, Default)]
pub struct OriginalOa {
    /// Its tokens, in clear; the table knows no order and may repeat them.
    pub tokens: Vec<String>,
    /// Its users, by name.
    pub users: Vec<OriginalOaUser>,
}

/// A row of its table `vpnhelper`, without the passwords of logins and connections: nothing here can use them.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct OriginalOaUser {
    /// Name, unique.
    pub username: String,
    /// `submit`, `processing`, `exists`, `markRemove`.
    pub status: String,
    /// 102, 200, 202, 500 or nothing.
    pub statuscode: Option<i64>,
    /// When its status was last asked to change: RFC 822 as Go writes it, local time, to the minute.
    pub requesttime: Option<String>,
}

const READ_ONLY: Statement = same("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
const TOKENS: Statement = same("SELECT token FROM token");
const USERS: Statement = same(
    "SELECT username, status, CAST(statuscode AS BIGINT) AS statuscode, requesttime FROM vpnhelper ORDER BY username",
);

#[track_caller]
const fn same(text: &'static str) -> Statement {
    Statement::new(text, text)
}

/// Reads the original's database, `postgres://…`. Nothing is written there.
pub async fn read_original_oa(url: &str) -> Result<OriginalOa> {
    if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
        return Err(Error::other(Location::caller(), "the original's database is a postgres:// URL"));
    }
    let db = Db::open(url, &OpenOptions { pg_max_connections: 1, ..OpenOptions::default() }).await?;
    let mut tx = db.begin().await?;
    tx.exec(READ_ONLY, args![]).await?;
    let tokens: Vec<(String,)> = tx.all(TOKENS, args![]).await?;
    let users = tx.all(USERS, args![]).await?;
    drop(tx);
    db.close().await;
    Ok(OriginalOa { tokens: tokens.into_iter().map(|(token,)| token).collect(), users })
}
