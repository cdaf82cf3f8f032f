//! Stories of the domain, each on SQLite and on PostgreSQL, through the real application.

/// Expands a story to both engines.
macro_rules! both {
    ($name:ident, |$engine:ident| $story:expr) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let $engine = gatehouse_testkit::Engine::Sqlite;
                use super::*;
                let result: anyhow::Result<()> = $story.await;
                result.unwrap();
            }

            #[tokio::test]
            async fn postgres() {
                let $engine = gatehouse_testkit::Engine::Postgres;
                use super::*;
                let result: anyhow::Result<()> = $story.await;
                result.unwrap();
            }
        }
    };
}

mod account;
mod apply;
mod apply_law;
mod apply_refusal;
mod audit;
mod doctor;
mod live;
mod oa;
mod oa_import;
mod picture;
mod session;
mod usage;
