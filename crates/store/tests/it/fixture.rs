//! A migrated database of its own for each test.

use gatehouse_store::{Db, Engine, OpenOptions};
use gatehouse_testkit::postgres;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A migrated database and what keeps it alive.
pub(crate) struct Fixture {
    pub(crate) db: Db,
    pub(crate) url: String,
    _keep: Keep,
}

#[expect(dead_code, reason = "held until the test ends")]
enum Keep {
    File(TempDir),
    Database(postgres::Database),
}

impl Fixture {
    pub(crate) async fn new(engine: Engine) -> Self {
        let (url, keep) = match engine {
            Engine::Sqlite => {
                let folder = TempDir::new().unwrap();
                let file = folder.path().join("gatehouse.db");
                std::fs::write(&file, template().await).unwrap();
                (format!("sqlite://{}", file.display()), Keep::File(folder))
            }
            Engine::Postgres => {
                let database = postgres::database().await.unwrap();
                (database.url(), Keep::Database(database))
            }
        };
        Self { db: open(&url).await, url, _keep: keep }
    }

    /// A database that was never migrated.
    pub(crate) async fn empty(engine: Engine) -> Self {
        let (url, keep) = match engine {
            Engine::Sqlite => {
                let folder = TempDir::new().unwrap();
                (format!("sqlite://{}/gatehouse.db", folder.path().display()), Keep::File(folder))
            }
            Engine::Postgres => {
                let database = postgres::empty_database().unwrap();
                (database.url(), Keep::Database(database))
            }
        };
        Self { db: open(&url).await, url, _keep: keep }
    }

    /// Opens the same database once more, as another process would.
    pub(crate) async fn open_again(&self) -> Db {
        open(&self.url).await
    }
}

/// Patient and careless: nothing here is about slow disks or power cuts.
async fn open(url: &str) -> Db {
    let acquire_timeout = std::time::Duration::from_mins(1);
    let options = OpenOptions { sqlite_synchronous_full: false, acquire_timeout, ..OpenOptions::default() };
    Db::open(url, &options).await.unwrap()
}

/// The bytes of a migrated SQLite file.
async fn template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async || {
        let empty = Fixture::empty(Engine::Sqlite).await;
        empty.db.migrate().await.unwrap();
        empty.db.close().await;
        std::fs::read(empty.url.strip_prefix("sqlite://").unwrap()).unwrap()
    };
    TEMPLATE.get_or_init(make).await
}

/// Makes of each story two tests, one for each engine.
macro_rules! both {
    ($(async fn $name:ident($fixture:ident: &Fixture) $story:block)*) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every story needs all")]
            use super::*;

            async fn story($fixture: &crate::fixture::Fixture) $story

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                story(&crate::fixture::Fixture::new(gatehouse_store::Engine::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                story(&crate::fixture::Fixture::new(gatehouse_store::Engine::Postgres).await).await;
            }
        }
    )*};
}
