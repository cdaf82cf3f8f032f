//! Migrations on a new, a migrated, a strange and a contested database.

use crate::fixture::Fixture;
use gatehouse_store::{Engine, args, sql};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tokio::task::JoinSet;

fn names(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files.map(|file| file.strip_suffix(".sql").expect("only .sql files").to_owned()).collect()
}

/// Edits the database behind the program's back.
async fn tamper(fixture: &Fixture, statement: gatehouse_store::Statement) {
    let mut tx = fixture.db.begin().await.unwrap();
    assert_eq!(tx.exec(statement, args![]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn refusal(fixture: &Fixture) -> String {
    let [pending, migrated] = [fixture.db.pending_migrations().await, fixture.db.migrate().await];
    let source = |error: &gatehouse_store::Error| std::error::Error::source(error).unwrap().to_string();
    let (pending, migrated) = (source(&pending.unwrap_err()), source(&migrated.unwrap_err()));
    assert_eq!(pending, migrated);
    migrated
}

async fn every_file_is_applied_once(engine: Engine) {
    let fixture = Fixture::empty(engine).await;
    let known: Vec<_> = names("sqlite").into_iter().collect();
    assert_eq!(fixture.db.pending_migrations().await.unwrap(), known);
    assert_eq!(fixture.db.migrate().await.unwrap(), known);
    assert!(fixture.db.pending_migrations().await.unwrap().is_empty());
    assert!(fixture.db.migrate().await.unwrap().is_empty());
}

async fn several_processes_may_migrate_at_once(engine: Engine) {
    let fixture = Fixture::empty(engine).await;
    let mut processes = JoinSet::new();
    for _ in 0..6 {
        let db = fixture.open_again().await;
        processes.spawn(async move { db.migrate().await.unwrap().len() });
    }
    let mut applied = processes.join_all().await;
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, 0, names("sqlite").len()]);
}

#[test]
fn both_engines_have_the_same_migrations() {
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test]
async fn every_file_is_applied_once_sqlite() {
    every_file_is_applied_once(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_file_is_applied_once_postgres() {
    every_file_is_applied_once(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_migrate_at_once_sqlite() {
    several_processes_may_migrate_at_once(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_migrate_at_once_postgres() {
    several_processes_may_migrate_at_once(Engine::Postgres).await;
}

both! {
    async fn a_newer_database_is_refused_by_name(fixture: &Fixture) {
        tamper(fixture, sql!("INSERT INTO schema_migration (version, name, sql) VALUES (9999, '9999_later', '')")).await;
        assert!(refusal(fixture).await.contains("newer than this program: it had migration 9999_later"));
    }

    async fn an_edited_migration_is_refused_by_name(fixture: &Fixture) {
        tamper(fixture, sql!("UPDATE schema_migration SET sql = sql || ' ' WHERE version = 1")).await;
        assert!(refusal(fixture).await.contains("migration 0001_spine was edited"));
    }
}
