//! Statements: literal SQL, checked at compile time for its parameter count and by the statement test on both engines.

use crate::Engine;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

/// One SQL statement: its text for either engine, how many parameters it takes, and where it was written.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    sqlite: &'static str,
    postgres: &'static str,
    arity: usize,
    at: &'static Location<'static>,
}

impl Statement {
    /// Use [`sql!`](crate::sql!) instead, which the statement test finds.
    #[doc(hidden)]
    #[track_caller]
    pub const fn new(sqlite: &'static str, postgres: &'static str) -> Self {
        let arity = highest_parameter(sqlite);
        assert!(arity == highest_parameter(postgres), "both texts must take the same parameters");
        Self { sqlite, postgres, arity, at: Location::caller() }
    }

    /// Makes one of a text put together at run time, for both engines. Each distinct text is kept for ever, as prepared
    /// statements are: the parts must come from a limited set, never from values.
    #[track_caller]
    pub(crate) fn built(text: String) -> Self {
        static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.get(&*text).copied().unwrap_or_else(|| {
            let text: &'static str = text.leak();
            texts.insert(text);
            text
        });
        Self::new(text, text)
    }

    /// The text for one engine.
    pub const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// The number of parameters: the highest `$n` in the text.
    pub const fn arity(&self) -> usize {
        self.arity
    }

    /// File and line of the `sql!`.
    pub const fn at(&self) -> &'static Location<'static> {
        self.at
    }
}

/// Finds the highest `$n`. Text literals with a dollar sign do not occur in our statements.
#[expect(
    clippy::indexing_slicing,
    reason = "no iterators in const functions; the loop is bounded, and runs in the compiler"
)]
const fn highest_parameter(sql: &str) -> usize {
    let (bytes, mut i, mut highest) = (sql.as_bytes(), 0, 0);
    while i < bytes.len() {
        i += 1;
        if bytes[i - 1] != b'$' {
            continue;
        }
        let mut n = 0;
        while i < bytes.len() && bytes[i].is_ascii_digit() {
            n = n * 10 + (bytes[i] - b'0') as usize;
            i += 1;
        }
        if n > highest {
            highest = n;
        }
    }
    highest
}

/// Makes a [`Statement`] of one literal for both engines, or, where they must differ, of one for each:
/// `sql!("SELECT …")`, `sql! { sqlite: "…", postgres: "…" }`.
#[macro_export]
macro_rules! sql {
    (sqlite: $sqlite:literal, postgres: $postgres:literal $(,)?) => {
        const { $crate::Statement::new($sqlite, $postgres) }
    };
    ($both:literal) => {
        const { $crate::Statement::new($both, $both) }
    };
}
