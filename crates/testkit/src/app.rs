//! The real application in a test: a database of its own, a clock and randomness the test owns, no background tasks.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use gatehouse_domain::{
    Actor, App, Clock, Ctx, Open, OpenOptions, Random, Settings, job, seal::KeyRing, settings::LoginSettings,
};
use gatehouse_model::{Millis, Origin, Secret};
use gatehouse_store::Db;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::postgres;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// A database in the test process's own cluster.
    Postgres,
}

/// The moment every test begins at: 2026-01-01T00:00:00Z.
pub const START: Millis = Millis(1_767_225_600_000);

/// An application of one test. Dropping it removes its database.
pub struct TestApp {
    /// The application itself.
    pub app: App,
    now: Arc<AtomicI64>,
    dir: TempDir,
    database: Option<postgres::Database>,
}

impl TestApp {
    /// Starts one with default settings.
    pub async fn new(engine: Engine) -> Result<Self> {
        Box::pin(Self::made(engine, Box::default())).await
    }

    /// Starts one with the given settings; passwords are always hashed at minimum cost.
    pub async fn with(engine: Engine, settings: Settings) -> Result<Self> {
        // Large things that every test's future would hold.
        Box::pin(Self::made(engine, Box::new(settings))).await
    }

    async fn made(engine: Engine, mut settings: Box<Settings>) -> Result<Self> {
        settings.login = LoginSettings { argon2_memory: 64, argon2_passes: 1, ..settings.login };
        let dir = tempfile::Builder::new().prefix("gatehouse-test-").tempdir()?;
        settings.recordings.dir.get_or_insert_with(|| dir.path().join("recordings"));
        let database = match engine {
            Engine::Sqlite => {
                std::fs::write(dir.path().join("gatehouse.db"), sqlite_template().await?)?;
                None
            }
            Engine::Postgres => Some(postgres::database().await?),
        };
        let now = Arc::new(AtomicI64::new(START.0));
        let url = database_url(dir.path(), database.as_ref());
        let app = open(&url, dir.path(), *settings, Clock::Manual(now.clone())).await?;
        Ok(Self { app, now, dir, database })
    }

    /// The same database opened by another process, as it were.
    pub async fn again(&self) -> Result<App> {
        self.again_with(self.app.settings().clone()).await
    }

    /// The same under other settings.
    pub async fn again_with(&self, settings: Settings) -> Result<App> {
        open(&self.url(), self.dir.path(), settings, Clock::Manual(self.now.clone())).await
    }

    /// What `Db::open` takes for this test's database.
    pub fn url(&self) -> String {
        database_url(self.dir.path(), self.database.as_ref())
    }

    /// Folder of this test.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Moves the clock.
    pub fn advance(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Works off every due job and lets the live snapshot follow.
    pub async fn run_due_jobs(&self) -> Result<usize> {
        let ran = job::run_due(&self.app).await?;
        self.app.live().refresh(&self.app).await?;
        Ok(ran)
    }

    /// Runs every periodic task that is due.
    pub async fn run_due_periodic(&self) -> Result<()> {
        Ok(job::run_due_periodic(&self.app).await?)
    }

    /// Runs SQL behind the application's back, as somebody with the database's password could.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        if let Some(database) = &self.database {
            database.execute(sql)
        } else {
            let path = self.dir.path().join("gatehouse.db");
            let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
            let done = tokio::process::Command::new("python3").args(["-c", script]).arg(path).arg(sql).output().await?;
            anyhow::ensure!(done.status.success(), "python3: {}", String::from_utf8_lossy(&done.stderr));
            Ok(())
        }
    }

    /// A context that may do everything, as the command line's.
    pub fn operator(&self) -> Ctx {
        self.app.ctx(Actor::Operator, Origin::Cli)
    }
}

fn database_url(dir: &Path, database: Option<&postgres::Database>) -> String {
    database.map_or_else(|| format!("sqlite://{}", dir.join("gatehouse.db").display()), postgres::Database::url)
}

async fn open(url: &str, dir: &Path, settings: Settings, clock: Clock) -> Result<App> {
    let random = Random::System;
    let keys = KeyRing::open(&dir.join("keys"), &random)?;
    let options = OpenOptions { sqlite_synchronous_full: false, ..OpenOptions::default() };
    let open = Open { database_url: Secret::new(url), options, keys, settings, clock, random };
    // Boxed, as migrating makes a large future of every test.
    let (app, _) = Box::pin(App::open(open)).await?;
    Ok(app)
}

/// The bytes of a migrated SQLite file; migrating takes longer than copying.
async fn sqlite_template() -> Result<&'static [u8]> {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let bytes = TEMPLATE
        .get_or_try_init(async || {
            let dir = tempfile::tempdir()?;
            let path = dir.path().join("template.db");
            let db = Db::open(&format!("sqlite://{}", path.display()), &OpenOptions::default()).await?;
            db.migrate().await?;
            db.close().await;
            std::fs::read(&path).context("the migrated template cannot be read")
        })
        .await?;
    Ok(bytes)
}
