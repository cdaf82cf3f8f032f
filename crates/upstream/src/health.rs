//! Servers that failed lately are left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row mark a server down.
const FAILURES: u32 = 3;

/// For so long a server is not asked that was marked down.
const PAUSE: Duration = Duration::from_secs(10);

/// How a server did lately.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    failures: u32,
    down_until: Option<Instant>,
}

impl Health {
    /// Whether it is not to be asked now.
    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.lately().down_until.is_some_and(|until| now < until)
    }

    /// It answered, whatever it said.
    pub(crate) fn answered(&self) {
        *self.lately() = Lately::default();
    }

    /// It did not answer, or talked nonsense. After a pause one more failure is enough for the next.
    pub(crate) fn failed(&self, now: Instant) {
        let mut lately = self.lately();
        lately.failures = lately.failures.saturating_add(1);
        if lately.failures >= FAILURES {
            lately.down_until = Some(now + PAUSE);
        }
    }

    fn lately(&self) -> std::sync::MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_mark_a_server_down_for_ten_seconds() {
        let (health, now) = (Health::default(), Instant::now());
        health.failed(now);
        health.failed(now);
        health.answered();
        health.failed(now);
        health.failed(now);
        assert!(!health.is_down(now), "an answer in between starts the count anew");
        health.failed(now);
        assert!(health.is_down(now));
        assert!(health.is_down(now + Duration::from_millis(9_999)));
        assert!(!health.is_down(now + Duration::from_secs(10)));
    }

    #[test]
    fn after_the_pause_one_failure_is_enough() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..3 {
            health.failed(now);
        }
        let later = now + Duration::from_secs(11);
        health.failed(later);
        assert!(health.is_down(later));
        health.answered();
        assert!(!health.is_down(later));
    }
}
