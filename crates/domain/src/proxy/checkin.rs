//! When nodes of others were last heard, and their load: in memory, written seldom, so that a poll writes nothing
//! (specs/panel-nodes.md N4.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatehouse_model::{Millis, NodeId};
use gatehouse_store::node_checkin::{self as rows, CheckinRow};
use serde_json::Value;

use super::node::Node;
use crate::{App, Result};

/// How long a node counts as heard.
pub const FRESH: Duration = Duration::from_mins(5);
/// How often what was heard is written, and what other processes heard is read.
const EVERY: Duration = Duration::from_secs(20);

/// What a node was last heard to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkin {
    /// Last poll.
    pub polled_at: Option<Millis>,
    /// Last push.
    pub pushed_at: Option<Millis>,
    /// Its load as it told.
    pub load: Option<Value>,
    /// When it told.
    pub load_at: Option<Millis>,
}

impl Checkin {
    /// 0: not heard; 1: it polls, but does not push; 2: both.
    pub fn status(&self, now: Millis) -> u8 {
        let is_fresh = |at: Option<Millis>| at.is_some_and(|at| now < at.plus(FRESH));
        match (is_fresh(self.polled_at), is_fresh(self.pushed_at)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    of: BTreeMap<NodeId, Checkin>,
    unwritten: BTreeSet<NodeId>,
    is_read: bool,
}

/// What all nodes were last heard to do.
#[derive(Debug, Default)]
pub struct Checkins(Mutex<State>);

impl Checkins {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node polled.
    pub fn polled(&self, node: NodeId, now: Millis) {
        self.note(node, |checkin| checkin.polled_at = Some(now));
    }

    /// A node pushed.
    pub fn pushed(&self, node: NodeId, now: Millis) {
        self.note(node, |checkin| checkin.pushed_at = Some(now));
    }

    /// A node told its load.
    pub fn loaded(&self, node: NodeId, load: Value, now: Millis) {
        self.note(node, |checkin| (checkin.load, checkin.load_at) = (Some(load), Some(now)));
    }

    fn note(&self, node: NodeId, change: impl FnOnce(&mut Checkin)) {
        let mut state = self.state();
        change(state.of.entry(node).or_default());
        state.unwritten.insert(node);
    }

    /// What a node was last heard to do; children share their parent's.
    pub fn of(&self, node: &Node) -> Checkin {
        let state = self.state();
        let own = state.of.get(&node.id);
        let parent = node.sheet.parent_id.and_then(|parent| state.of.get(&parent));
        match (own, parent) {
            (Some(own), Some(parent)) => Checkin {
                polled_at: own.polled_at.max(parent.polled_at),
                pushed_at: own.pushed_at.max(parent.pushed_at),
                ..if own.load_at >= parent.load_at { own } else { parent }.clone()
            },
            (one, other) => one.or(other).cloned().unwrap_or_default(),
        }
    }

    /// Reads what is stored, once per process.
    pub async fn load(&self, app: &App) -> Result<()> {
        if self.state().is_read { Ok(()) } else { self.read(app).await }
    }

    async fn read(&self, app: &App) -> Result<()> {
        let stored = rows::list(&mut app.db().read()).await?;
        let mut state = self.state();
        state.is_read = true;
        for row in stored {
            let checkin = state.of.entry(row.node_id).or_default();
            checkin.polled_at = checkin.polled_at.max(row.polled_at);
            checkin.pushed_at = checkin.pushed_at.max(row.pushed_at);
            if row.load_at > checkin.load_at {
                checkin.load = row.load.and_then(|load| serde_json::from_str(&load).ok());
                checkin.load_at = row.load_at;
            }
        }
        Ok(())
    }

    /// Writes what was heard since the last time.
    pub async fn flush(&self, app: &App) -> Result<()> {
        let rows: Vec<CheckinRow> = {
            let mut state = self.state();
            let unwritten = std::mem::take(&mut state.unwritten);
            let row = |id: NodeId| {
                let checkin = state.of.get(&id)?;
                Some(CheckinRow {
                    node_id: id,
                    polled_at: checkin.polled_at,
                    pushed_at: checkin.pushed_at,
                    load: checkin.load.as_ref().map(Value::to_string),
                    load_at: checkin.load_at,
                })
            };
            unwritten.into_iter().filter_map(row).collect()
        };
        if rows.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = app.db().begin().await?;
            rows::replace(&mut tx, &rows).await?;
            tx.commit().await?;
            Ok(())
        };
        let result = written.await;
        if result.is_err() {
            self.state().unwritten.extend(rows.iter().map(|row| row.node_id));
        }
        result
    }
}

/// Writes and reads until the shutdown.
pub(crate) async fn run(app: App) {
    loop {
        let checkins = app.checkins();
        let done = async {
            checkins.flush(&app).await?;
            checkins.read(&app).await
        };
        if let Err(error) = done.await {
            tracing::debug!(
                event = "node.checkin_failed",
                error = error.chain(),
                "cannot write what nodes were heard to do"
            );
        }
        if app.pause(EVERY).await {
            return;
        }
    }
}

/// 0: nobody hears of it, 1: it polls but does not push, 2: online; embedded: 2 while a process listens for it.
pub fn status(app: &App, node: &Node) -> u8 {
    if node.is_embedded {
        return if node.is_enabled && node.bound_port.is_some() { 2 } else { 0 };
    }
    app.checkins().of(node).status(app.now())
}
