//! The door with the real domain, a database, and FreeRADIUS's own programs at the other end.

#[cfg(test)]
mod house;
#[cfg(test)]
mod login;
#[cfg(test)]
mod stay;
#[cfg(test)]
mod subscriber;
#[cfg(test)]
mod tunnel;

/// Expands a story to both engines.
macro_rules! both {
    ($name:ident, |$engine:ident| $story:expr) => {
        mod $name {
            use super::*;

            async fn told(engine: gatehouse_testkit::Engine) -> anyhow::Result<()> {
                let $engine = engine;
                $story.await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                told(gatehouse_testkit::Engine::Sqlite).await.unwrap();
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                told(gatehouse_testkit::Engine::Postgres).await.unwrap();
            }
        }
    };
}
use both;
