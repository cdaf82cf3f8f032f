//! Databases that are busy, full or gone: `Unavailable`, and well again afterwards.

use crate::fixture::Fixture;
use gatehouse_store::{Db, Engine, Error, OpenOptions, Query, Result, args, sql};
use std::time::Duration;

fn is_unavailable<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn a_file_that_another_process_writes_for_too_long_is_unavailable() {
    let fixture = Fixture::new(Engine::Sqlite).await;
    let impatient = OpenOptions { acquire_timeout: Duration::from_millis(20), ..OpenOptions::default() };
    let impatient = Db::open(&fixture.url, &impatient).await.unwrap();
    let writing = fixture.db.begin().await.unwrap();
    assert!(is_unavailable(&impatient.begin().await));
    impatient.ping().await.expect("reading goes on");
    drop(writing);
    // The rollback is on its way; the second process waits for it no longer than it says.
    let again = async { while is_unavailable(&impatient.begin().await) {} };
    tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let fixture = Fixture::new(Engine::Sqlite).await;
    let fill =
        sql!("INSERT INTO audit_chain (stream, seq, audit_id, hash) VALUES ('login', $1, $1, zeroblob(1000000))");
    let mut tx = fixture.db.begin().await.unwrap();
    // Of this connection only, which the failure ends.
    tx.one::<(i64,)>(sql!("PRAGMA max_page_count = 200"), args![]).await.unwrap();
    assert!(is_unavailable(&tx.exec(fill, args![1]).await));
    drop(tx);
    let mut tx = fixture.db.begin().await.unwrap();
    tx.exec(fill, args![1]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_unavailable_once_and_then_replaced() {
    let fixture = Fixture::new(Engine::Postgres).await;
    let other = fixture.open_again().await;
    let end = async || {
        let end = sql!("SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
        let ended = other.read().all::<(bool,)>(end, args![]).await.unwrap();
        assert_eq!(ended, [(true,)]);
    };
    end().await;
    assert!(is_unavailable(&fixture.db.ping().await));
    fixture.db.ping().await.unwrap();

    let mut tx = fixture.db.begin().await.unwrap();
    end().await;
    assert!(is_unavailable(&tx.one::<(i64,)>(sql!("SELECT CAST(1 AS BIGINT) AS one"), args![]).await));
    drop(tx);
    fixture.db.begin().await.unwrap().commit().await.unwrap();
}
