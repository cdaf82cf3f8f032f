//! Migrations: forward only, the same numbers and names for both engines, all pending ones in one transaction.

use crate::db::{Link, Pools};
use crate::pool::Pool;
use crate::{Db, Engine, Error, Query, Result, Tx, args, sql};
use std::panic::Location;
use std::time::Duration;

/// One step of the schema, as written for either engine.
struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// Embeds `migrations/{sqlite,postgres}/<name>.sql`. Naming them here makes the compiler insist on both files and rebuild
/// when one changes.
macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// In order. Released ones are never edited.
const MIGRATIONS: &[Migration] =
    migrations!["0001_spine", "0002_oa", "0003_bastion", "0004_vpn", "0005_billing", "0006_panel"];

/// How long to wait for another process that migrates the same SQLite file.
const PATIENCE: Duration = Duration::from_mins(1);

impl Migration {
    const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// The tables that get their first rows from a migration.
pub(crate) fn seeded_tables() -> impl Iterator<Item = &'static str> {
    let scripts = MIGRATIONS.iter().map(|migration| migration.sqlite);
    scripts.flat_map(|script| script.split("INSERT INTO ").skip(1)).filter_map(|rest| rest.split_whitespace().next())
}

impl Db {
    /// Brings the schema up to date and returns the names of the migrations it applied. Several processes may try at once.
    ///
    /// `Other` if the database was migrated by a newer program or a migration was edited after it was applied.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let here = Location::caller();
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                // Its own connection: tables are rebuilt with foreign keys off, which cannot be switched in a transaction.
                let own = Pool::new(write.options().clone().foreign_keys(false).busy_timeout(PATIENCE), 1, PATIENCE);
                let applied = self.migrate_on(Link::Sqlite(own.lease(here).await?)).await;
                own.close().await;
                applied
            }
            Pools::Postgres(pool) => self.migrate_on(Link::Postgres(pool.lease(here).await?)).await,
        }
    }

    async fn migrate_on(&self, link: Link) -> Result<Vec<String>> {
        let mut tx = Tx::begin_on(self.clone(), link).await?;
        // Any number will do, as long as it is always the same.
        let lock = sql! { sqlite: "SELECT $1 IS NULL AS locked", postgres: "SELECT pg_advisory_xact_lock($1) IS NULL AS locked" };
        tx.one::<(bool,)>(lock, args![0x6761_7465_i64]).await?;
        let applied = applied(&mut tx).await?;
        if applied.is_none() {
            let create = sql! {
                sqlite: "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sql TEXT NOT NULL) STRICT",
                postgres: "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, sql TEXT NOT NULL)"
            };
            tx.exec(create, args![]).await?;
        }
        let pending = pending(self.engine(), applied.unwrap_or_default())?;
        for (version, migration) in &pending {
            let text = migration.text(self.engine());
            tx.batch(Location::caller(), text).await?;
            let record = sql!("INSERT INTO schema_migration (version, name, sql) VALUES ($1, $2, $3)");
            tx.exec(record, args![*version, migration.name, text]).await?;
        }
        // PostgreSQL never stopped checking.
        let orphan = sql! {
            sqlite: "SELECT \"table\" AS name FROM pragma_foreign_key_check",
            postgres: "SELECT CAST(NULL AS TEXT) AS name WHERE FALSE"
        };
        if let Some((table,)) = tx.one::<(String,)>(orphan, args![]).await? {
            return Err(Error::other(
                orphan.at(),
                format!("the migration would leave rows of {table} without what they refer to"),
            ));
        }
        tx.commit().await?;
        Ok(names(&pending))
    }

    /// The names of the migrations that [`Db::migrate`] would apply. Errors as there.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let applied = applied(&mut self.read()).await?;
        Ok(names(&pending(self.engine(), applied.unwrap_or_default())?))
    }
}

fn names(migrations: &[(i64, &Migration)]) -> Vec<String> {
    migrations.iter().map(|(_, migration)| migration.name.to_owned()).collect()
}

/// A migration the database has had.
#[derive(sqlx::FromRow)]
struct Applied {
    name: String,
    sql: String,
}

/// What the database has had, in order; None if it was never migrated.
async fn applied(query: &mut impl Query) -> Result<Option<Vec<Applied>>> {
    let exists = sql! {
        sqlite: "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_migration') AS migrated",
        postgres: "SELECT to_regclass('schema_migration') IS NOT NULL AS migrated"
    };
    let Some((true,)) = query.one::<(bool,)>(exists, args![]).await? else { return Ok(None) };
    query.all(sql!("SELECT name, sql FROM schema_migration ORDER BY version"), args![]).await.map(Some)
}

/// What is left to apply, with versions; the applied ones must be the beginning of our list.
fn pending(engine: Engine, applied: Vec<Applied>) -> Result<Vec<(i64, &'static Migration)>> {
    let mut known = (1..).zip(MIGRATIONS);
    for Applied { name, sql } in applied {
        let what = match known.next() {
            None => format!("the database is newer than this program: it had migration {name}"),
            Some((_, migration)) if migration.name != name || migration.text(engine) != sql => {
                format!("migration {name} was edited after the database had it")
            }
            Some(_) => continue,
        };
        return Err(Error::other(Location::caller(), what));
    }
    Ok(known.collect())
}
