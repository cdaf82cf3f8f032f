//! The two migrated schemas are one.

use crate::fixture::Fixture;
use gatehouse_store::{Db, Engine, Query, args, sql};
use std::collections::BTreeSet;

/// A column: what SQLite leaves open is told by its CHECK.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
struct Column {
    table_name: String,
    name: String,
    /// int, bool, text, blob, real, or what it was declared as.
    class: String,
    is_nullable: bool,
    has_default: bool,
    is_identity: bool,
    /// Place in the primary key from 1, or 0.
    key_position: i64,
}

/// A column of an index or of a unique constraint.
#[derive(Debug, sqlx::FromRow)]
struct IndexColumn {
    table_name: String,
    index_name: String,
    is_unique: bool,
    /// None for an expression.
    name: Option<String>,
    is_descending: bool,
    /// After WHERE.
    predicate: String,
    /// On SQLite, if a constraint of the table made it: the table's text.
    constraint_in: Option<String>,
}

/// A column that refers to another table's.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
struct Reference {
    table_name: String,
    name: String,
    to_table: String,
    to_name: String,
    on_delete: String,
}

async fn columns(db: &Db) -> Vec<Column> {
    let columns = sql! {
        sqlite: "SELECT t.name AS table_name, c.name, c.\"notnull\" = 0 AND c.pk = 0 AS is_nullable,
                   CASE WHEN c.type = 'INTEGER' AND instr(t.sql, 'CHECK (' || c.name || ' IN (0, 1))') THEN 'bool'
                     WHEN c.type = 'INTEGER' THEN 'int' ELSE lower(c.type) END AS class,
                   c.dflt_value IS NOT NULL AS has_default, c.pk AS key_position,
                   c.pk = 1 AND t.sql LIKE '%AUTOINCREMENT%' AS is_identity
                 FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT GLOB 'sqlite_*' ORDER BY t.name, c.cid",
        postgres: "SELECT CAST(t.relname AS TEXT) COLLATE \"C\" AS table_name, CAST(c.attname AS TEXT) AS name,
                     NOT c.attnotnull AS is_nullable,
                     CASE format_type(c.atttypid, c.atttypmod) WHEN 'bigint' THEN 'int' WHEN 'boolean' THEN 'bool'
                       WHEN 'bytea' THEN 'blob' WHEN 'double precision' THEN 'real'
                       ELSE format_type(c.atttypid, c.atttypmod) END AS class,
                     c.atthasdef AS has_default, c.attidentity <> '' AS is_identity,
                     CAST(COALESCE(array_position(k.conkey, c.attnum), 0) AS BIGINT) AS key_position
                   FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
                     LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
                   WHERE t.relkind = 'r' AND t.relnamespace = CAST('public' AS regnamespace) ORDER BY 1, c.attnum"
    };
    db.read().all(columns, args![]).await.unwrap()
}

/// Every index but the primary keys', its name and its text in one form.
async fn indexes(db: &Db) -> Vec<(String, String)> {
    let columns = sql! {
        sqlite: "SELECT t.name AS table_name, i.name AS index_name,
                   i.\"unique\" AS is_unique, c.name, c.\"desc\" AS is_descending, CASE i.origin WHEN 'u' THEN t.sql END AS constraint_in,
                   CASE i.partial WHEN 1 THEN substr(s.sql, instr(s.sql, ' WHERE ') + 7) ELSE '' END AS predicate
                 FROM sqlite_schema t JOIN pragma_index_list(t.name) i JOIN pragma_index_xinfo(i.name) c
                   LEFT JOIN sqlite_schema s ON s.name = i.name
                 WHERE t.type = 'table' AND i.origin <> 'pk' AND c.key = 1 ORDER BY t.name, i.name, c.seqno",
        postgres: "SELECT CAST(t.relname AS TEXT) AS table_name, CAST(x.relname AS TEXT) AS index_name,
                     i.indisunique AS is_unique, CAST(c.attname AS TEXT) AS name, i.indoption[k.n - 1] & 1 = 1 AS is_descending,
                     CAST(NULL AS TEXT) AS constraint_in, COALESCE(trim(pg_get_expr(i.indpred, t.oid), '()'), '') AS predicate
                   FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
                     CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
                     LEFT JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = k.attnum AND c.attnum > 0
                   WHERE t.relnamespace = CAST('public' AS regnamespace) AND NOT i.indisprimary
                   ORDER BY t.relname, x.relname, k.n"
    };
    let columns = db.read().all::<IndexColumn>(columns, args![]).await.unwrap();
    columns.chunk_by(|a, b| (&a.table_name, &a.index_name) == (&b.table_name, &b.index_name)).map(describe).collect()
}

/// The index's name and its text in one form. Unique ones must be named after table and columns, as conflicts are told so.
fn describe(columns: &[IndexColumn]) -> (String, String) {
    let first = &columns[0];
    let names: Vec<_> =
        columns.iter().map(|column| column.name.as_deref().expect("indexes are over columns")).collect();
    let proper = format!("{}_{}_key", first.table_name, names.join("_"));
    let name = match first.constraint_in.as_deref() {
        // On SQLite only the table's text knows the name.
        Some(table) if table.contains(&format!("CONSTRAINT {proper} UNIQUE")) => &proper,
        Some(_) => "unnamed constraint",
        None => &first.index_name,
    };
    let unique = if first.is_unique { "UNIQUE " } else { "" };
    assert!(!first.is_unique || name == proper, "{name} of {} must be named {proper}", first.table_name);
    assert!(name.len() < 64, "PostgreSQL cuts the name {name}");
    let ordered = columns
        .iter()
        .zip(names)
        .map(|(column, name)| format!("{name}{}", if column.is_descending { " DESC" } else { "" }));
    let ordered = ordered.collect::<Vec<_>>().join(", ");
    // PostgreSQL tells a predicate with all parentheses and types.
    let predicate = first.predicate.replace(['(', ')'], "").replace("::text", "");
    (name.to_owned(), format!("{unique}{} ({ordered}) {predicate}", first.table_name))
}

async fn references(db: &Db) -> BTreeSet<Reference> {
    let references = sql! {
        sqlite: "SELECT t.name AS table_name, f.\"from\" AS name, f.\"table\" AS to_table, f.\"to\" AS to_name, f.on_delete
                 FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
        postgres: "SELECT CAST(t.relname AS TEXT) AS table_name, CAST(a.attname AS TEXT) AS name,
                     CAST(o.relname AS TEXT) AS to_table, CAST(b.attname AS TEXT) AS to_name,
                     CASE k.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                       WHEN 'r' THEN 'RESTRICT' ELSE 'SET DEFAULT' END AS on_delete
                   FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class o ON o.oid = k.confrelid
                     CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (here, there)
                     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = pair.here
                     JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = pair.there
                   WHERE k.contype = 'f' AND t.relnamespace = CAST('public' AS regnamespace)"
    };
    db.read().all(references, args![]).await.unwrap().into_iter().collect()
}

/// Shows only what differs.
fn compare<T: Ord + std::fmt::Debug>(
    what: &str,
    sqlite: impl IntoIterator<Item = T>,
    postgres: impl IntoIterator<Item = T>,
) {
    let (sqlite, postgres): (BTreeSet<T>, BTreeSet<T>) = (sqlite.into_iter().collect(), postgres.into_iter().collect());
    assert!(!sqlite.is_empty(), "no {what} found");
    let only = (sqlite.difference(&postgres).collect::<Vec<_>>(), postgres.difference(&sqlite).collect::<Vec<_>>());
    assert!(
        only.0.is_empty() && only.1.is_empty(),
        "{what} only on SQLite: {:#?}\nonly on PostgreSQL: {:#?}",
        only.0,
        only.1
    );
}

#[tokio::test]
async fn both_schemas_are_the_same() {
    let (sqlite, postgres) = (Fixture::new(Engine::Sqlite).await, Fixture::new(Engine::Postgres).await);
    let (sqlite, postgres) = (&sqlite.db, &postgres.db);
    let columns = [columns(sqlite).await, columns(postgres).await];
    let classes: BTreeSet<_> = columns.iter().flatten().map(|column| &*column.class).collect();
    let [on_sqlite, on_postgres] = &columns;
    compare("columns", on_sqlite, on_postgres);
    assert!(on_sqlite.iter().eq(on_postgres), "the columns stand in another order");
    assert!(classes.is_subset(&["int", "bool", "text", "blob", "real"].into()), "{classes:?}");
    compare("indexes", indexes(sqlite).await, indexes(postgres).await);
    compare("references", references(sqlite).await, references(postgres).await);
}

#[tokio::test]
async fn every_sqlite_table_is_strict_and_every_generated_id_unique_for_ever() {
    let sqlite = Fixture::new(Engine::Sqlite).await;
    let loose = sql!(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*' AND NOT strict"
    );
    assert_eq!(sqlite.db.read().all::<(String,)>(loose, args![]).await.unwrap(), []);
    let reused = sql!(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '% id INTEGER PRIMARY KEY%'
                       AND sql NOT LIKE '% id INTEGER PRIMARY KEY AUTOINCREMENT%'"
    );
    assert_eq!(sqlite.db.read().all::<(String,)>(reused, args![]).await.unwrap(), []);
}

#[tokio::test]
async fn every_postgres_primary_key_is_named_as_conflicts_tell_it() {
    let postgres = Fixture::new(Engine::Postgres).await;
    let misnamed = sql!(
        "SELECT CAST(k.conname AS TEXT) AS name FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
                         WHERE k.contype = 'p' AND t.relnamespace = CAST('public' AS regnamespace)
                           AND k.conname <> t.relname || '_pkey'"
    );
    assert_eq!(postgres.db.read().all::<(String,)>(misnamed, args![]).await.unwrap(), []);
}
