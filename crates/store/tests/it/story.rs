//! What a database promises, told once and true on both engines.

use gatehouse_model::Millis;
use gatehouse_store::{Aspect, Db, Error, Query, Result, Statement, Value, args, sql};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinSet;

const ADD: Statement = sql!("INSERT INTO node_group (name, created_at, updated_at) VALUES ($1, $2, $2)");
const NAMES: Statement = sql!("SELECT name FROM node_group ORDER BY name");

async fn names(query: &mut impl Query) -> Vec<String> {
    query.all::<(String,)>(NAMES, args![]).await.unwrap().into_iter().map(|(name,)| name).collect()
}

async fn add(db: &Db, name: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.exec(ADD, args![name, Millis(1)]).await?;
    tx.commit().await
}

/// Every announced change, as (aspect, revision, object), in the order of writing.
async fn changes(db: &Db) -> Vec<(String, i64, Option<i64>)> {
    let list = sql!("SELECT aspect, revision, object_id FROM live_change ORDER BY id");
    db.read().all(list, args![]).await.unwrap()
}

both! {
    async fn a_commit_is_seen_by_every_reader(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        assert_eq!(tx.exec(ADD, args!["a", Millis(1)]).await.unwrap(), 1);
        assert_eq!(names(&mut tx).await, ["a"], "a transaction sees its own rows");
        assert!(names(&mut fixture.db.read()).await.is_empty(), "nobody else does");
        tx.commit().await.unwrap();
        assert_eq!(names(&mut fixture.db.read()).await, ["a"]);
        assert_eq!(names(&mut fixture.open_again().await.read()).await, ["a"], "another process too");
    }

    async fn a_dropped_transaction_leaves_nothing(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        tx.exec(ADD, args!["a", Millis(1)]).await.unwrap();
        drop(tx);
        add(&fixture.db, "b").await.unwrap();
        assert_eq!(names(&mut fixture.db.read()).await, ["b"]);
    }

    async fn a_transaction_abandoned_in_a_statement_leaves_nothing_and_blocks_nobody(fixture: &Fixture) {
        for round in 0..40_u32 {
            let work = async {
                let mut tx = fixture.db.begin().await?;
                tx.exec(ADD, args!["abandoned", Millis(1)]).await?;
                tx.exec(ADD, args!["abandoned too", Millis(1)]).await?;
                std::future::pending::<Result<()>>().await
            };
            // Gives up after ever more polls, so somewhere in each of begin, first and second statement.
            let mut work = std::pin::pin!(work);
            for _ in 0..round {
                let waited = tokio::time::timeout(Duration::from_micros(200), &mut work).await;
                assert!(waited.is_err());
            }
        }
        add(&fixture.db, "b").await.unwrap();
        assert_eq!(names(&mut fixture.db.read()).await, ["b"]);
    }

    async fn a_taken_value_is_a_conflict_with_the_same_key_everywhere(fixture: &Fixture) {
        async fn conflict(db: &Db, statement: Statement, args: Vec<Value>) -> String {
            let mut tx = db.begin().await.unwrap();
            tx.exec(statement, args.clone()).await.unwrap();
            match tx.exec(statement, args).await {
                Err(Error::Conflict { key }) => key,
                other => panic!("{other:?}"),
            }
        }
        let job = sql!("INSERT INTO job (kind, key, run_at, attempts, created_at) VALUES ($1, $2, 0, 0, 0)");
        let source = sql!("INSERT INTO usage_source (source, last_sequence, last_at) VALUES ($1, $2, $2)");
        let counter = sql!("INSERT INTO rate_counter (scope, key_hash, window_at, count) VALUES ($1, $2, 0, 0)");
        let db = &fixture.db;
        assert_eq!(conflict(db, ADD, args!["a", Millis(1)]).await, "node_group_name_key");
        assert_eq!(conflict(db, job, args!["kind", "key"]).await, "job_kind_key_key");
        assert_eq!(conflict(db, source, args!["source", 1]).await, "usage_source_pkey");
        assert_eq!(conflict(db, counter, args!["scope", "key"]).await, "rate_counter_pkey");
    }

    async fn after_a_failed_statement_nothing_but_the_end_is_possible(fixture: &Fixture) {
        add(&fixture.db, "a").await.unwrap();
        let mut tx = fixture.db.begin().await.unwrap();
        tx.exec(ADD, args!["b", Millis(1)]).await.unwrap();
        tx.exec(ADD, args!["a", Millis(1)]).await.unwrap_err();
        assert!(matches!(tx.exec(ADD, args!["c", Millis(1)]).await, Err(Error::Other { .. })));
        assert!(matches!(tx.commit().await, Err(Error::Other { .. })));
        assert_eq!(names(&mut fixture.db.read()).await, ["a"]);
    }

    async fn a_wrong_number_of_arguments_is_an_error(fixture: &Fixture) {
        let error = fixture.db.read().all::<(String,)>(NAMES, args![1]).await.unwrap_err();
        assert!(error.to_string().contains("tests/it/story.rs"), "{error}");
        let mut tx = fixture.db.begin().await.unwrap();
        assert!(matches!(tx.exec(ADD, args!["a"]).await, Err(Error::Other { .. })));
    }

    async fn every_type_comes_back_as_it_went(fixture: &Fixture) {
        #[derive(Debug, PartialEq, sqlx::FromRow)]
        struct Everything {
            int: Millis,
            text: String,
            blob: Vec<u8>,
            flag: bool,
            no_int: Option<i64>,
            no_text: Option<String>,
            no_blob: Option<Vec<u8>>,
            no_flag: Option<bool>,
        }
        let mut tx = fixture.db.begin().await.unwrap();
        let account = sql!(
            "INSERT INTO account (login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref,
               created_at, updated_at)
             VALUES ('zoë', $1, $2, 'cli', $2, $3, 'r', 0, 0)"
        );
        let chain = sql!("INSERT INTO audit_chain (stream, seq, audit_id, hash) VALUES ('login', 1, 1, $1)");
        tx.exec(account, args![true, false, i64::MAX]).await.unwrap();
        tx.exec(chain, args![vec![0_u8, 255]]).await.unwrap();
        let read = sql!(
            "SELECT epoch AS int, login AS text, hash AS blob, is_enabled AS flag, password_scheme AS no_int,
               name AS no_text, CASE WHEN seq = 2 THEN hash END AS no_blob, CASE WHEN seq = 2 THEN is_enabled END AS no_flag
             FROM account, audit_chain WHERE is_enabled AND is_protected = $1"
        );
        let everything = Everything {
            int: Millis(i64::MAX),
            text: "zoë".to_owned(),
            blob: vec![0, 255],
            flag: true,
            no_int: None,
            no_text: None,
            no_blob: None,
            no_flag: None,
        };
        assert_eq!(tx.one::<Everything>(read, args![false]).await.unwrap(), Some(everything));
        let reals = sql!("SELECT CAST($1 AS DOUBLE PRECISION) AS a, CAST($2 AS DOUBLE PRECISION) AS b");
        let reals = tx.one::<(f64, Option<f64>)>(reals, args![0.1, Option::<f64>::None]).await.unwrap();
        assert_eq!(reals, Some((0.1, None)));
        let nulls = sql!("UPDATE account SET epoch = COALESCE($1, 7), name = $2, password_scheme = $3 WHERE $4 IS NULL");
        let none = args![Option::<i64>::None, Option::<&str>::None, Option::<i64>::None, Option::<bool>::None];
        assert_eq!(tx.exec(nulls, none).await.unwrap(), 1);
    }

    async fn an_absent_row_is_none_and_the_first_of_many_is_one(fixture: &Fixture) {
        assert_eq!(fixture.db.read().one::<(String,)>(NAMES, args![]).await.unwrap(), None);
        add(&fixture.db, "b").await.unwrap();
        add(&fixture.db, "a").await.unwrap();
        assert_eq!(fixture.db.read().one::<(String,)>(NAMES, args![]).await.unwrap(), Some(("a".to_owned(),)));
    }

    async fn readers_cannot_write_on_sqlite_and_see_every_row_of_a_long_list(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        for i in 0..3000_i64 {
            tx.exec(ADD, args![format!("{i:04}"), Millis(i)]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let read = names(&mut fixture.db.read()).await;
        assert_eq!((read.len(), &*read[0], &*read[2999]), (3000, "0000", "2999"));
        if fixture.db.engine() == gatehouse_store::Engine::Sqlite {
            let delete = sql!("DELETE FROM node_group RETURNING name");
            fixture.db.read().all::<(String,)>(delete, args![]).await.unwrap_err();
        }
    }

    async fn a_touch_counts_the_aspect_up_and_lists_the_object(fixture: &Fixture) {
        let mut tx = fixture.db.begin().await.unwrap();
        tx.touch(Aspect::ProxyUser, Some(7));
        tx.touch(Aspect::Node, Some(5));
        tx.touch(Aspect::Node, Some(-4));
        tx.touch(Aspect::Node, Some(5));
        tx.commit().await.unwrap();
        let mut tx = fixture.db.begin().await.unwrap();
        tx.touch(Aspect::Node, Some(5));
        tx.touch(Aspect::Node, None);
        (0..1000).for_each(|object| tx.touch(Aspect::Permission, Some(object)));
        tx.commit().await.unwrap();
        let expected = [
            ("node", 1, Some(-4)),
            ("node", 1, Some(5)),
            ("proxy_user", 1, Some(7)),
            ("node", 2, None),
            ("permission", 1, None),
        ];
        assert_eq!(changes(&fixture.db).await, expected.map(|(aspect, at, object)| (aspect.to_owned(), at, object)));
    }

    async fn revisions_rise_in_the_order_of_commits(fixture: &Fixture) {
        let commits = (0..60_i64).map(|object| {
            let db = fixture.db.clone();
            async move {
                let mut tx = db.begin().await.unwrap();
                // Against the order of locking: the commit sorts it out.
                tx.touch(Aspect::Setting, Some(object));
                tx.touch(Aspect::Node, Some(object));
                tx.commit().await.unwrap();
                changes(&db).await
            }
        });
        let followers = commits.collect::<JoinSet<_>>().join_all().await;
        // Whoever looks at any moment finds each aspect's revisions without a gap: nothing appears behind its back.
        for seen in &followers {
            for aspect in ["node", "setting"] {
                let mut revisions: Vec<_> = seen.iter().filter(|row| row.0 == aspect).map(|row| row.1).collect();
                revisions.sort_unstable();
                assert!(revisions.iter().copied().eq((1..).take(revisions.len())), "{aspect}: {revisions:?}");
            }
        }
        assert_eq!(changes(&fixture.db).await.len(), 120);
    }

    async fn signals_follow_the_commit_and_only_the_commit(fixture: &Fixture) {
        let db = &fixture.db;
        let (live, jobs) = (db.signals().live(), db.signals().jobs());
        let mut dropped = db.begin().await.unwrap();
        dropped.touch(Aspect::Node, None);
        dropped.wake_jobs();
        drop(dropped);
        add(db, "untouched").await.unwrap();
        assert_eq!((*live.borrow(), *jobs.borrow()), (0, 0));

        let mut tx = db.begin().await.unwrap();
        tx.touch(Aspect::Node, None);
        tx.wake_jobs();
        tx.commit().await.unwrap();
        assert_eq!((*live.borrow(), *jobs.borrow()), (1, 1));
    }

    async fn a_commit_whose_caller_gives_up_happens_and_signals_all_the_same(fixture: &Fixture) {
        let db = &fixture.db;
        let (mut live, mut jobs) = (db.signals().live(), db.signals().jobs());
        for is_shared in [false, true] {
            let mut tx = db.begin().await.unwrap();
            tx.exec(ADD, args![format!("shared: {is_shared}"), Millis(1)]).await.unwrap();
            tx.touch(Aspect::Node, None);
            tx.wake_jobs();
            // On SQLite it waits for the writer, so that the commit before it is a shared one.
            let mut next = std::pin::pin!(db.begin());
            let begun = if is_shared { poll_once(next.as_mut()).await } else { None };
            assert!(poll_once(std::pin::pin!(tx.commit())).await.is_none());
            if is_shared {
                drop(match begun {
                    Some(next) => next,
                    None => next.await,
                });
            }
            let told = async { tokio::join!(live.changed(), jobs.changed()) };
            let (live, jobs) = tokio::time::timeout(Duration::from_secs(10), told).await.expect("signals");
            live.and(jobs).unwrap();
        }
        assert_eq!(names(&mut db.read()).await, ["shared: false", "shared: true"]);
    }

    async fn transactions_that_commit_together_fail_alone(fixture: &Fixture) {
        let mut tasks = JoinSet::new();
        for n in 0..200_u32 {
            let db = fixture.db.clone();
            tasks.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                tx.exec(ADD, args![format!("{n}"), Millis(1)]).await.unwrap();
                match n % 5 {
                    // Somebody else's name: only this transaction is undone.
                    0 => assert!(tx.exec(ADD, args![format!("{n}"), Millis(1)]).await.is_err()),
                    1 => drop(tx),
                    // Gives up while it waits for the disk: its rows are there, sooner or later.
                    2 => drop(tokio::time::timeout(Duration::from_micros(50), tx.commit()).await),
                    _ => {
                        tx.commit().await.unwrap();
                        let seen = names(&mut db.read()).await;
                        assert!(seen.contains(&format!("{n}")), "what was acknowledged is there");
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // Nothing is left open: the next transaction begins at once, and another process can write.
        add(&fixture.db, "last").await.unwrap();
        add(&fixture.open_again().await, "very last").await.unwrap();
        let seen = names(&mut fixture.db.read()).await;
        for n in 0..200_u32 {
            let is_there = seen.contains(&format!("{n}"));
            match n % 5 {
                0 | 1 => assert!(!is_there, "{n}"),
                2 => {}
                _ => assert!(is_there, "{n}"),
            }
        }
    }

    async fn concurrent_read_then_write_transactions_lose_nothing(fixture: &Fixture) {
        let source = sql!("INSERT INTO usage_source (source, last_sequence, last_at) VALUES ('s', 0, 0)");
        let mut tx = fixture.db.begin().await.unwrap();
        tx.exec(source, args![]).await.unwrap();
        tx.commit().await.unwrap();
        // A second process takes part.
        let databases = [fixture.db.clone(), fixture.open_again().await];
        let raises: JoinSet<_> = (0..400).map(|i| raise(databases[i % 2].clone())).collect();
        let repeats: u32 = raises.join_all().await.into_iter().map(Result::unwrap).sum();
        let read = sql!("SELECT last_sequence FROM usage_source");
        assert_eq!(fixture.db.read().one::<(i64,)>(read, args![]).await.unwrap(), Some((400,)));
        if fixture.db.engine() == gatehouse_store::Engine::Sqlite {
            assert_eq!(repeats, 0, "an immediate transaction is alone from its first read");
        }
    }

    async fn a_closed_database_is_unavailable(fixture: &Fixture) {
        let running = fixture.db.begin().await.unwrap();
        let closing = fixture.db.close();
        let (closed, ()) = tokio::join!(closing, async {
            tokio::task::yield_now().await;
            drop(running);
        });
        assert_eq!(closed, ());
        assert!(matches!(fixture.db.ping().await, Err(Error::Unavailable(_))));
        assert!(matches!(fixture.db.begin().await, Err(Error::Unavailable(_))));
    }
}

/// Polls a future once.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Adds one by reading and writing, again if somebody else was in between; returns how often that was.
async fn raise(db: Db) -> Result<u32> {
    let read = sql!("SELECT last_sequence FROM usage_source WHERE source = 's'");
    let write = sql!("UPDATE usage_source SET last_sequence = $1 WHERE source = 's' AND last_sequence = $2");
    for repeats in 0.. {
        let mut tx = db.begin().await?;
        let (before,) = tx.one::<(i64,)>(read, args![]).await?.unwrap();
        if tx.exec(write, args![before + 1, before]).await? == 1 {
            tx.commit().await?;
            return Ok(repeats);
        }
    }
    unreachable!("400 rounds suffice")
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_and_a_strange_url_is_refused_without_its_password() {
    let options = gatehouse_store::OpenOptions { acquire_timeout: Duration::from_millis(50), ..Default::default() };
    let absent = Db::open("postgres://nobody:secret@localhost/none?host=/nonexistent", &options).await;
    assert!(matches!(absent, Err(Error::Unavailable(_))));
    let Err(error) = Db::open("mysql://nobody:secret@localhost/none", &options).await else { panic!("opened") };
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_new_sqlite_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = crate::fixture::Fixture::empty(gatehouse_store::Engine::Sqlite).await;
    fixture.db.migrate().await.unwrap();
    let folder = std::path::Path::new(fixture.url.strip_prefix("sqlite://").unwrap()).parent().unwrap();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}
