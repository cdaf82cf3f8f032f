//! Passwords that a foreign server has just accepted, as keyed MACs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehouse_domain::Random;
use gatehouse_model::Secret;
use tokio::time::Instant;

/// No more than so many are remembered at once.
const MOST: usize = 10_000;

/// What one server accepted lately, and which roles came with it.
///
/// The key lives and dies with the process, so the MACs are worth nothing to whoever reads them elsewhere.
pub(crate) struct Remembered {
    span: Duration,
    key: [u8; 32],
    entries: Mutex<HashMap<[u8; 32], Success>>,
}

#[derive(Clone)]
struct Success {
    until: Instant,
    roles: Vec<String>,
}

impl Remembered {
    /// Nothing is remembered if `span` is zero.
    pub(crate) fn new(span: Duration, random: &Random) -> Self {
        Self { span, key: random.bytes(), entries: Mutex::default() }
    }

    /// The roles of a success that is not older than the span.
    pub(crate) fn recall(&self, login: &str, password: &Secret, now: Instant) -> Option<Vec<String>> {
        if self.span.is_zero() {
            return None;
        }
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let success = entries.get(&self.mac(login, password))?;
        (now < success.until).then(|| success.roles.clone())
    }

    /// Remembers a success.
    pub(crate) fn keep(&self, login: &str, password: &Secret, roles: &[String], now: Instant) {
        if self.span.is_zero() {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.retain(|_, success| now < success.until);
        }
        if entries.len() < MOST {
            let success = Success { until: now + self.span, roles: roles.to_vec() };
            entries.insert(self.mac(login, password), success);
        }
    }

    /// The login's length in front keeps `ab` + `c` apart from `a` + `bc`.
    fn mac(&self, login: &str, password: &Secret) -> [u8; 32] {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(&login.len().to_le_bytes());
        mac.update(login.as_bytes());
        mac.update(password.expose().as_bytes());
        *mac.finalize().as_bytes()
    }
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").field("span", &self.span).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_mins(1);

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn a_success_is_remembered_for_its_login_and_password_and_for_its_time() {
        let (remembered, now) = (Remembered::new(SPAN, &Random::seeded(1)), Instant::now());
        let roles = vec!["staff".to_owned()];
        remembered.keep("ann", &secret("blue"), &roles, now);
        assert_eq!(remembered.recall("ann", &secret("blue"), now), Some(roles));
        assert_eq!(remembered.recall("ann", &secret("red"), now), None);
        assert_eq!(remembered.recall("an", &secret("nblue"), now), None);
        assert_eq!(remembered.recall("ann", &secret("blue"), now + SPAN), None);
    }

    #[test]
    fn without_a_span_nothing_is_remembered() {
        let (remembered, now) = (Remembered::new(Duration::ZERO, &Random::seeded(1)), Instant::now());
        remembered.keep("ann", &secret("blue"), &[], now);
        assert_eq!(remembered.recall("ann", &secret("blue"), now), None);
    }

    #[test]
    fn memory_is_bounded_and_makes_room_for_the_new_once_the_old_are_over() {
        let (remembered, now) = (Remembered::new(SPAN, &Random::seeded(1)), Instant::now());
        for number in 0..MOST {
            remembered.keep(&number.to_string(), &secret("blue"), &[], now);
        }
        remembered.keep("late", &secret("blue"), &[], now);
        assert_eq!(remembered.recall("late", &secret("blue"), now), None);
        let later = now + SPAN;
        remembered.keep("late", &secret("blue"), &[], later);
        assert!(remembered.recall("late", &secret("blue"), later).is_some());
    }
}
