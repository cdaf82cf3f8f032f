//! Write transactions and what their commits announce.

use crate::db::Link;
use crate::{Args, Aspect, Db, Error, Query, Result, Row, Statement, args, group, list, sql};
use std::collections::BTreeSet;
use std::panic::Location;
use tracing::Instrument as _;

/// More changed objects of one aspect than this are announced as "reload the whole aspect": it is cheaper to follow.
const MAX_OBJECTS: usize = 256;

/// A write transaction. Dropping it rolls back. After a failed statement it can only be dropped, on SQLite as on
/// PostgreSQL, which would otherwise answer the commit with a silent rollback.
pub struct Tx {
    db: Db,
    link: Link,
    /// Runs as a savepoint inside the transaction of an open group commit.
    is_member: bool,
    failed: bool,
    touched: BTreeSet<(Aspect, Option<i64>)>,
    wakes_jobs: bool,
}

impl Tx {
    pub(crate) async fn begin(db: Db) -> Result<Self> {
        let mut link = db.writer(Location::caller()).await?;
        if !db.group().is_open() {
            return Self::begin_on(db, link).await;
        }
        link.enter_savepoint();
        link.exec(sql!("SAVEPOINT member"), args![]).await?;
        Ok(Self { db, link, is_member: true, failed: false, touched: BTreeSet::new(), wakes_jobs: false })
    }

    pub(crate) async fn begin_on(db: Db, mut link: Link) -> Result<Self> {
        // Immediate: a transaction that reads before it writes must not find out at the write that it cannot have the lock.
        let begin = sql! { sqlite: "BEGIN IMMEDIATE", postgres: "BEGIN ISOLATION LEVEL READ COMMITTED" };
        link.enter_transaction();
        link.exec(begin, args![]).await?;
        Ok(Self { db, link, is_member: false, failed: false, touched: BTreeSet::new(), wakes_jobs: false })
    }

    /// Runs a statement and tells how many rows it changed.
    pub async fn exec(&mut self, statement: Statement, args: Args) -> Result<u64> {
        self.usable(statement.at())?;
        let result = self.link.exec(statement, args).await;
        self.note(result)
    }

    /// Runs a script of several statements without parameters.
    pub(crate) async fn batch(&mut self, at: &'static Location<'static>, script: &'static str) -> Result<()> {
        self.usable(at)?;
        let result = self.link.batch(at, script).await;
        self.note(result)
    }

    /// Announces at commit that this object of the aspect changed; None: reload the whole aspect.
    pub fn touch(&mut self, aspect: Aspect, object: Option<i64>) {
        self.touched.insert((aspect, object));
    }

    /// Wakes the job runner after the commit.
    pub fn wake_jobs(&mut self) {
        self.wakes_jobs = true;
    }

    /// Makes the changes permanent, together with their announcements, then signals this process.
    ///
    /// Runs in a task of its own: a caller who gives up in the middle would leave a commit that happens all the same, but
    /// that followers hear of at their next look only, and on SQLite a shared transaction in an unknown state.
    /// `Unavailable` leaves open whether it happened, as the connection may have been lost in the middle.
    pub async fn commit(self) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "ends by itself as soon as the database has answered")]
        let end = tokio::spawn(self.end().in_current_span());
        end.await.unwrap_or_else(|_| Err(group::lost("its task ended early")))
    }

    async fn end(mut self) -> Result<()> {
        self.announce().await?;
        if self.is_member {
            self.exec(sql!("RELEASE member"), args![]).await?;
        }
        let shared = self.db.is_writer_wanted().then(|| self.db.group().join());
        if shared.is_none() {
            let result = self.exec(sql!("COMMIT"), args![]).await.map(drop);
            self.db.group().close(&result);
            result?;
        }
        self.link.leave_transaction();
        let Self { db, link, touched, wakes_jobs, .. } = self;
        drop(link);
        if let Some((members, is_new)) = shared {
            if is_new {
                group::drive(db.clone());
            }
            group::outcome(members).await?;
        }
        if !touched.is_empty() {
            db.signals().bump_live();
        }
        if wakes_jobs {
            db.signals().wake_jobs();
        }
        Ok(())
    }

    /// Counts each touched aspect up and lists its objects. These are the last statements: on PostgreSQL the counters'
    /// row locks, taken in one fixed order, make the order of revisions the order of commits, so they must be short.
    async fn announce(&mut self) -> Result<()> {
        let raise = sql!("UPDATE live_revision SET revision = revision + 1 WHERE aspect = $1 RETURNING revision");
        let all = sql!("INSERT INTO live_change (aspect, revision, object_id) VALUES ($1, $2, NULL)");
        let some = sql! {
            sqlite: "INSERT INTO live_change (aspect, revision, object_id) SELECT $1, $2, value FROM json_each($3) ORDER BY value",
            postgres: "INSERT INTO live_change (aspect, revision, object_id) SELECT $1, $2, CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($3 AS TEXT) AS JSON)) AS listed (value) ORDER BY CAST(value AS BIGINT)"
        };
        for aspect in Aspect::ALL {
            let objects: Vec<_> =
                self.touched.range((aspect, None)..=(aspect, Some(i64::MAX))).map(|&(_, id)| id).collect();
            // None sorts first.
            let Some(first) = objects.first() else { continue };
            let is_wide = first.is_none() || objects.len() > MAX_OBJECTS;
            let Some((revision,)) = self.one::<(i64,)>(raise, args![aspect.as_str()]).await? else {
                return Err(Error::other(raise.at(), format!("live_revision lacks the aspect {}", aspect.as_str())));
            };
            if is_wide {
                self.exec(all, args![aspect.as_str(), revision]).await?;
            } else {
                let objects = list::json(objects.into_iter().flatten());
                self.exec(some, args![aspect.as_str(), revision, objects]).await?;
            }
        }
        Ok(())
    }

    fn usable(&self, at: &'static Location<'static>) -> Result<()> {
        if self.failed { Err(Error::other(at, "an earlier statement of this transaction failed")) } else { Ok(()) }
    }

    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        self.failed |= result.is_err();
        result
    }
}

impl Query for Tx {
    async fn all<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Vec<R>> {
        self.usable(statement.at())?;
        let result = self.link.all(statement, args).await;
        self.note(result)
    }

    async fn one<R: Row>(&mut self, statement: Statement, args: Args) -> Result<Option<R>> {
        self.usable(statement.at())?;
        let result = self.link.one(statement, args).await;
        self.note(result)
    }
}
