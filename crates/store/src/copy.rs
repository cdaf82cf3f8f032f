//! Moves an installation from one engine to the other: every table, every row, every id.
//!
//! The only file that writes SQL from the schema instead of from literals; names come from the database's own catalogue.

use crate::db::Link;
use crate::migrate::seeded_tables;
use crate::{Args, Db, Error, Query, Result, Statement, Tx, Value, args, sql};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, FromRow, Row as _, TypeInfo as _};
use std::panic::Location;

/// Rows read at a time, and written by one statement.
const BATCH: usize = 256;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyReport {
    /// Each table with its number of rows, in the order of copying.
    pub tables: Vec<(String, u64)>,
}

/// Copies everything from one database into another, migrated but unused one, in one transaction over there and from one
/// moment over here. Ids stay, and those that were given out are not given out again. `progress` is told a table and how
/// many of its rows were copied so far.
///
/// `Other` if either database is not migrated by this very program or the target is in use; the target is then unchanged.
pub async fn copy_database(from: &Db, to: &Db, progress: &mut (dyn FnMut(&str, u64) + Send)) -> Result<CopyReport> {
    for (db, which) in [(from, "source"), (to, "target")] {
        if let Some(pending) = db.pending_migrations().await?.first() {
            return Err(refused(format!("the {which} lacks migration {pending}")));
        }
    }
    let mut source = snapshot(from).await?;
    let mut target = to.begin().await?;
    let tables = tables(&mut target).await?;
    if !tables.iter().map(Table::shape).eq(self::tables(&mut from.read()).await?.iter().map(Table::shape)) {
        return Err(refused("the two schemas differ".to_owned()));
    }
    clear(&mut target, &tables).await?;
    let restore = suspend_foreign_keys(&mut target).await?;
    let mut report = CopyReport { tables: Vec::new() };
    for table in &tables {
        let rows = copy_table(&mut source, &mut target, table, progress).await?;
        let (there, here) =
            (count(source.one(table.count(), args![]).await?), count(target.one(table.count(), args![]).await?));
        if (rows, rows) != (there, here) {
            return Err(refused(format!("table {} has {there} rows, {rows} were copied, {here} arrived", table.name)));
        }
        if let Some(identity) = &table.identity {
            copy_sequence(&mut source, &mut target, table, identity).await?;
        }
        report.tables.push((table.name.clone(), rows));
    }
    for statement in restore {
        target.exec(statement, args![]).await?;
    }
    target.commit().await?;
    Ok(report)
}

fn refused(what: String) -> Error {
    Error::other(Location::caller(), what)
}

/// Begins a transaction that sees one moment of the database.
async fn snapshot(db: &Db) -> Result<Link> {
    let begin = sql! { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
    let mut link = db.reader(begin.at()).await?;
    link.enter_transaction();
    link.exec(begin, args![]).await?;
    Ok(link)
}

/// One table as the copy sees it.
struct Table {
    name: String,
    columns: Vec<String>,
    /// The columns of the primary key, in its order.
    key: Vec<String>,
    /// The column whose numbers the database gives out.
    identity: Option<String>,
    /// Which columns take true and false instead of 1 and 0.
    is_bool: Vec<bool>,
}

/// Decodes by the column's declared type, as either driver calls it.
macro_rules! any_value {
    ($row:expr, $column:expr) => {
        match $row.try_column($column)?.type_info().name() {
            "INTEGER" | "INT8" => $row.try_get($column).map(Value::Int),
            "TEXT" => $row.try_get($column).map(Value::Text),
            "BLOB" | "BYTEA" => $row.try_get($column).map(Value::Blob),
            "BOOL" => $row.try_get($column).map(Value::Bool),
            "REAL" | "FLOAT8" => $row.try_get($column).map(Value::Real),
            other => Err(sqlx::Error::Decode(format!("a column of type {other}").into())),
        }
    };
}

#[derive(FromRow)]
struct Column {
    table_name: String,
    name: String,
    /// Place in the primary key from 1, or 0.
    key_position: i64,
    is_identity: bool,
    is_bool: bool,
}

/// Every table of ours with its columns, in one order for both engines.
async fn tables(query: &mut impl Query) -> Result<Vec<Table>> {
    let columns = sql! {
        sqlite: "SELECT t.name AS table_name, c.name AS name, c.pk AS key_position,
                   c.pk = 1 AND t.sql LIKE '%AUTOINCREMENT%' AS is_identity, FALSE AS is_bool
                 FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT GLOB 'sqlite_*' AND t.name <> 'schema_migration'
                 ORDER BY t.name, c.cid",
        postgres: "SELECT CAST(t.relname AS TEXT) COLLATE \"C\" AS table_name, CAST(c.attname AS TEXT) AS name,
                     CAST(COALESCE(array_position(k.conkey, c.attnum), 0) AS BIGINT) AS key_position,
                     c.attidentity <> '' AS is_identity, c.atttypid = CAST('bool' AS regtype) AS is_bool
                   FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
                     LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
                   WHERE t.relkind = 'r' AND t.relnamespace = CAST(current_schema() AS regnamespace)
                     AND t.relname <> 'schema_migration'
                   ORDER BY 1, c.attnum"
    };
    let mut tables: Vec<Table> = Vec::new();
    let columns = query.all::<Column>(columns, args![]).await?;
    for group in columns.chunk_by(|a, b| a.table_name == b.table_name) {
        let mut key: Vec<_> = group.iter().filter(|column| column.key_position > 0).collect();
        key.sort_unstable_by_key(|column| column.key_position);
        let name = |column: &Column| column.name.clone();
        tables.push(Table {
            name: group.first().map(|column| column.table_name.clone()).unwrap_or_default(),
            columns: group.iter().map(name).collect(),
            key: key.into_iter().map(name).collect(),
            identity: group.iter().find(|column| column.is_identity).map(name),
            is_bool: group.iter().map(|column| column.is_bool).collect(),
        });
    }
    Ok(tables)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// `$first, $first+1, …`, as many as `count`.
fn parameters(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

impl Table {
    /// What both engines must agree on.
    fn shape(&self) -> (&str, &[String], &[String], Option<&String>) {
        (&self.name, &self.columns, &self.key, self.identity.as_ref())
    }

    /// Turns the 1 and 0 of a SQLite row into what this table takes.
    fn fit(&self, row: Args) -> impl Iterator<Item = Value> {
        row.into_iter().zip(&self.is_bool).map(|(value, &is_bool)| match value {
            Value::Int(flag) if is_bool => Value::Bool(flag.map(|flag| flag != 0)),
            value => value,
        })
    }

    fn count(&self) -> Statement {
        Statement::built(format!("SELECT COUNT(*) FROM \"{}\"", self.name))
    }

    /// The next rows in the order of the key; `after` tells whether a key to go on from is given.
    fn read(&self, after: bool) -> Statement {
        let (columns, key) = (quoted(&self.columns), quoted(&self.key));
        let after = if after { format!("WHERE ({key}) > ({})", parameters(1, self.key.len())) } else { String::new() };
        Statement::built(format!("SELECT {columns} FROM \"{}\" {after} ORDER BY {key} LIMIT {BATCH}", self.name))
    }

    fn write(&self, rows: usize) -> Statement {
        let width = self.columns.len();
        let rows: Vec<_> = (0..rows).map(|row| format!("({})", parameters(row * width + 1, width))).collect();
        let columns = quoted(&self.columns);
        Statement::built(format!("INSERT INTO \"{}\" ({columns}) VALUES {}", self.name, rows.join(", ")))
    }
}

fn count(row: Option<(i64,)>) -> u64 {
    row.and_then(|(rows,)| u64::try_from(rows).ok()).unwrap_or_default()
}

/// Removes the rows that the migrations made, and refuses a database with any other.
async fn clear(target: &mut Tx, tables: &[Table]) -> Result<()> {
    for Table { name, .. } in tables {
        if seeded_tables().any(|seeded| seeded == name) {
            target.exec(Statement::built(format!("DELETE FROM \"{name}\"")), args![]).await?;
        } else if target
            .one::<(i64,)>(Statement::built(format!("SELECT CAST(1 AS BIGINT) FROM \"{name}\" LIMIT 1")), args![])
            .await?
            .is_some()
        {
            return Err(refused(format!("the target is in use: its table {name} has rows")));
        }
    }
    Ok(())
}

/// Lets rows arrive before those they refer to; the returned statements check all at the end.
async fn suspend_foreign_keys(target: &mut Tx) -> Result<Vec<Statement>> {
    // SQLite puts the checks off until the commit. PostgreSQL could only with constraints declared so, and would then
    // check row by row: it drops them and makes them again, which checks each as a whole.
    let defer = sql! { sqlite: "PRAGMA defer_foreign_keys = ON", postgres: "SET CONSTRAINTS ALL DEFERRED" };
    target.exec(defer, args![]).await?;
    let foreign_keys = sql! {
        sqlite: "SELECT '' AS remove, '' AS restore WHERE FALSE",
        postgres: "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, k.conname) AS remove,
                     format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, k.conname, pg_get_constraintdef(k.oid)) AS restore
                   FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
                   WHERE k.contype = 'f' AND k.connamespace = CAST(current_schema() AS regnamespace)
                   ORDER BY t.relname, k.conname"
    };
    let mut restore = Vec::new();
    for (remove, again) in target.all::<(String, String)>(foreign_keys, args![]).await? {
        target.exec(Statement::built(remove), args![]).await?;
        restore.push(Statement::built(again));
    }
    Ok(restore)
}

/// Copies the rows of one table in the order of its key and returns how many there were.
async fn copy_table(
    source: &mut Link,
    target: &mut Tx,
    table: &Table,
    progress: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<u64> {
    let key: Vec<usize> = table.key.iter().filter_map(|name| table.columns.iter().position(|c| c == name)).collect();
    // Room for every parameter: SQLite takes 32766.
    let at_once = (30_000 / table.columns.len().max(1)).min(BATCH);
    let (first, next) = (table.read(false), table.read(true));
    let mut copied = 0;
    let mut batch = source.all::<AnyRow>(first, args![]).await?;
    while let Some(AnyRow(last)) = batch.last() {
        let after: Args = key.iter().filter_map(|&place| last.get(place).cloned()).collect();
        let full = batch.len() == BATCH;
        copied += batch.len() as u64;
        while !batch.is_empty() {
            let rest = batch.split_off(at_once.min(batch.len()));
            let values: Args = batch.into_iter().flat_map(|AnyRow(values)| table.fit(values)).collect();
            target.exec(table.write(values.len() / table.columns.len()), values).await?;
            batch = rest;
        }
        progress(&table.name, copied);
        if full {
            batch = source.all(next, after).await?;
        }
    }
    Ok(copied)
}

/// Hands on the highest number ever given out, also if its row is gone.
async fn copy_sequence(source: &mut Link, target: &mut Tx, table: &Table, identity: &str) -> Result<()> {
    let given_out = sql! {
        sqlite: "SELECT seq AS last_value FROM sqlite_sequence WHERE name = $1",
        postgres: "SELECT pg_sequence_last_value(d.objid) AS last_value FROM pg_depend d
                   WHERE d.refobjid = CAST(CAST($1 AS TEXT) AS regclass) AND d.deptype = 'i' AND d.refobjsubid > 0
                     AND d.classid = CAST('pg_class' AS regclass)"
    };
    let highest = Statement::built(format!("SELECT MAX(\"{identity}\") FROM \"{}\"", table.name));
    let mut last = None;
    // Rows that came with their id do not move PostgreSQL's sequence.
    for statement in [given_out, highest] {
        let args = if statement.arity() == 1 { args![&table.name] } else { args![] };
        last = last.max(source.one::<(Option<i64>,)>(statement, args).await?.and_then(|(last,)| last));
    }
    // Built-in rows have numbers that no sequence gives out: 0 and below.
    let Some(last) = last.filter(|last| *last > 0) else { return Ok(()) };
    let raise = sql! {
        sqlite: "UPDATE sqlite_sequence SET seq = $2 WHERE name = $1 RETURNING seq AS last_value",
        postgres: "SELECT setval(d.objid, $2) AS last_value FROM pg_depend d
                   WHERE d.refobjid = CAST(CAST($1 AS TEXT) AS regclass) AND d.deptype = 'i' AND d.refobjsubid > 0
                     AND d.classid = CAST('pg_class' AS regclass)"
    };
    if target.one::<(i64,)>(raise, args![&table.name, last]).await?.is_none() {
        // A SQLite table that never had a row.
        let begin = Statement::built("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)".to_owned());
        target.exec(begin, args![&table.name, last]).await?;
    }
    Ok(())
}

/// A row of any table.
struct AnyRow(Args);

impl FromRow<'_, SqliteRow> for AnyRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        (0..row.len()).map(|i| any_value!(row, i)).collect::<sqlx::Result<_>>().map(Self)
    }
}

impl FromRow<'_, PgRow> for AnyRow {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        (0..row.len()).map(|i| any_value!(row, i)).collect::<sqlx::Result<_>>().map(Self)
    }
}
