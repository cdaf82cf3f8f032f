//! What the radius door and its accounting read (specs/radius.md §10).

use std::{collections::BTreeMap, time::Duration};

use gatehouse_model::Span;
use serde::Deserialize;

/// `[radius]` without its addresses.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadiusSettings {
    /// Whether this process serves NAS entries.
    pub enabled: bool,
    /// How long a refusal waits, against guessing.
    pub reject_delay: Span,
    /// How long a reply is kept for a repeated request.
    pub duplicate_window: Span,
    /// Missed interim reports after which a session counts as over.
    pub stale_intervals: u32,
    /// Programs that cut sessions, by the name that a NAS entry gives: words with `{login}` and its like.
    pub commands: BTreeMap<String, Vec<String>>,
}

impl Default for RadiusSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            reject_delay: Span(Duration::from_secs(1)),
            duplicate_window: Span(Duration::from_secs(10)),
            stale_intervals: 3,
            commands: BTreeMap::new(),
        }
    }
}
