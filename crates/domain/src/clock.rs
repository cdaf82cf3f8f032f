//! Time and randomness as parameters, so that tests own them.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use gatehouse_model::Millis;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The wall clock of the application.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that stands still until a test moves it; milliseconds.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(now) => Millis(now.load(Ordering::Relaxed)),
        }
    }
}

/// The source of every random value: the system's generator, or a seeded one in tests.
#[derive(Clone, Default)]
pub enum Random {
    /// The system's cryptographic generator.
    #[default]
    System,
    /// Reproducible; tests only.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Random {
    /// A reproducible source for tests.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Fills a buffer with cryptographically random bytes.
    ///
    /// # Panics
    /// When the kernel has no random generator: no credential may be made then.
    pub fn fill(&self, buffer: &mut [u8]) {
        match self {
            #[expect(clippy::expect_used, reason = "without the kernel's generator no credential may be made")]
            Self::System => getrandom::fill(buffer).expect("the system's random generator works"),
            Self::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer),
        }
    }

    /// An array of random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A version 4 UUID: 122 random bits, fit for secrets.
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A number in `0..bound`.
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()) % bound.max(1)
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "Random::System",
            Self::Seeded(_) => "Random::Seeded",
        })
    }
}
