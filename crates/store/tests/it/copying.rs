//! `copy_database` between the engines, in every direction.

use crate::fixture::Fixture;
use gatehouse_model::{AccountId, Millis};
use gatehouse_store::copy::copy_database;
use gatehouse_store::{Aspect, Db, Engine, Error, Query, Statement, args, sql};

const ACCOUNT: Statement = sql!(
    "INSERT INTO account (login, name, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref,
       created_at, updated_at)
     VALUES ($1, $2, $3, $4, 'cli', $4, 1, 'r', $5, $5) RETURNING id"
);
const GROUP: Statement = sql!("INSERT INTO node_group (name, created_at, updated_at) VALUES ($1, 0, 0) RETURNING id");

async fn account(db: &Db, login: &str) -> AccountId {
    let mut tx = db.begin().await.unwrap();
    let args = args![login, Option::<&str>::None, login.ends_with('0'), false, Millis(5)];
    let (id,) = tx.one(ACCOUNT, args).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn group(db: &Db, name: &str) -> i64 {
    let mut tx = db.begin().await.unwrap();
    let (id,) = tx.one::<(i64,)>(GROUP, args![name]).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

/// More rows than a batch, every column type, references, ids that were given out and taken back.
async fn fill(db: &Db) {
    let usage = sql!("INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ($1, $2, $2, 0)");
    let chain = sql!("INSERT INTO audit_chain (stream, seq, audit_id, hash) VALUES ($1, $2, $2, $3)");
    let mut tx = db.begin().await.unwrap();
    for i in 0..700_i64 {
        let args = args![format!("login {i}"), (i % 3 == 0).then_some("ünï\n'\""), i % 2 == 0, i % 5 == 0, Millis(i)];
        let (id,) = tx.one::<(AccountId,)>(ACCOUNT, args).await.unwrap().unwrap();
        tx.exec(usage, args![id, i64::MAX - i]).await.unwrap();
        tx.exec(chain, args![if i % 2 == 0 { "login" } else { "change" }, i, vec![0, 0xff, 7]]).await.unwrap();
    }
    tx.exec(sql!("DELETE FROM account WHERE id > 690"), args![]).await.unwrap();
    tx.touch(Aspect::Node, Some(3));
    tx.commit().await.unwrap();
    group(db, "taken back").await;
    let mut tx = db.begin().await.unwrap();
    tx.exec(sql!("DELETE FROM node_group"), args![]).await.unwrap();
    tx.commit().await.unwrap();
}

/// All that `fill` made, in order.
async fn everything(db: &Db) -> impl PartialEq + std::fmt::Debug {
    let accounts = sql!("SELECT id, login, name, is_enabled, is_protected, created_at FROM account ORDER BY id");
    let usage = sql!("SELECT account_id, up, down FROM proxy_usage ORDER BY account_id");
    let chain = sql!("SELECT stream, seq, hash FROM audit_chain ORDER BY stream, seq");
    let live = sql!(
        "SELECT r.aspect, r.revision, c.object_id FROM live_revision r LEFT JOIN live_change c
                     ON c.aspect = r.aspect ORDER BY r.aspect"
    );
    let mut read = db.read();
    (
        read.all::<(AccountId, String, Option<String>, bool, bool, Millis)>(accounts, args![]).await.unwrap(),
        read.all::<(AccountId, i64, i64)>(usage, args![]).await.unwrap(),
        read.all::<(String, i64, Vec<u8>)>(chain, args![]).await.unwrap(),
        read.all::<(String, i64, Option<i64>)>(live, args![]).await.unwrap(),
    )
}

async fn arrives_whole(from: Engine, to: Engine) {
    let (from, to) = (Fixture::new(from).await, Fixture::new(to).await);
    fill(&from.db).await;
    let mut told = Vec::new();
    let report = copy_database(&from.db, &to.db, &mut |table, rows| told.push((table.to_owned(), rows))).await.unwrap();

    let copied = |name: &str| report.tables.iter().find(|(table, _)| table == name).unwrap().1;
    assert_eq!(
        (copied("account"), copied("proxy_usage"), copied("live_revision"), copied("node_group")),
        (690, 690, 10, 0)
    );
    let accounts: Vec<_> = told.iter().filter(|(table, _)| table == "account").map(|(_, rows)| *rows).collect();
    assert_eq!(accounts, [256, 512, 690]);
    assert_eq!(format!("{:?}", everything(&to.db).await), format!("{:?}", everything(&from.db).await));

    assert_eq!(account(&to.db, "new").await, AccountId(701), "ids of deleted rows stay unused");
    assert_eq!(group(&to.db, "new").await, 2, "also where no row was left");
    let mut tx = to.db.begin().await.unwrap();
    let dangling =
        tx.exec(sql!("INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES (9999, 0, 0, 0)"), args![]);
    let dangling = match dangling.await {
        Ok(_) => tx.commit().await,
        Err(error) => Err(error),
    };
    assert!(matches!(dangling, Err(Error::Other { .. })), "references are checked again");
}

#[tokio::test]
async fn an_installation_arrives_whole_from_sqlite_on_postgres() {
    arrives_whole(Engine::Sqlite, Engine::Postgres).await;
}

#[tokio::test]
async fn an_installation_arrives_whole_from_postgres_on_sqlite() {
    arrives_whole(Engine::Postgres, Engine::Sqlite).await;
}

#[tokio::test]
async fn an_installation_arrives_whole_from_sqlite_on_sqlite() {
    arrives_whole(Engine::Sqlite, Engine::Sqlite).await;
}

#[tokio::test]
async fn an_installation_arrives_whole_from_postgres_on_postgres() {
    arrives_whole(Engine::Postgres, Engine::Postgres).await;
}

both! {
    async fn a_target_in_use_is_refused_and_unchanged(fixture: &Fixture) {
        let source = Fixture::new(Engine::Sqlite).await;
        fill(&source.db).await;
        group(&fixture.db, "mine").await;
        let error = copy_database(&source.db, &fixture.db, &mut |_, _| ()).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("node_group"), "{error:?}");
        let rows = sql!("SELECT (SELECT COUNT(*) FROM account) AS accounts, (SELECT COUNT(*) FROM live_revision) AS aspects");
        assert_eq!(fixture.db.read().one::<(i64, i64)>(rows, args![]).await.unwrap(), Some((0, 10)));
    }

    async fn a_database_that_was_not_migrated_is_refused(fixture: &Fixture) {
        let empty = Fixture::empty(fixture.db.engine()).await;
        for (from, to) in [(&fixture.db, &empty.db), (&empty.db, &fixture.db)] {
            let error = copy_database(from, to, &mut |_, _| ()).await.unwrap_err();
            assert!(std::error::Error::source(&error).unwrap().to_string().contains("lacks migration"), "{error:?}");
        }
    }
}
