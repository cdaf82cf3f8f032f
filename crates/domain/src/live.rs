//! The live snapshot: what hot paths and doors read without asking the database (DESIGN §4).
//!
//! A commit bumps the revision of each aspect it touched and lists the objects. The poller follows: woken at once by
//! commits of this process, within 75 ms by those of others. Nodes and NAS entries are reloaded whole; users as the listed ones only.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use gatehouse_model::{AccountId, Millis, NodeId};
use gatehouse_store::{Aspect, live as rows};
use tokio::sync::{Mutex, broadcast, watch};

use crate::{
    App, Result,
    panel::{
        module::{self, Modules},
        setting::{self, PanelSettings},
    },
    proxy::{node::Node, row},
    radius::nas::{self, NasSet},
};

/// How often other processes' commits are looked for: often enough that a change takes effect within 100 ms (specs/proxy.md), and
/// still a dozen reads a second of one small table.
const POLL: Duration = Duration::from_millis(75);
/// How many changes are read at a time.
const PAGE: i64 = 1_000;
/// Changes a follower may lag behind before it must reload everything.
const BACKLOG: usize = 256;
/// Changes that arrive within this time reach followers as one.
const MERGE: Duration = Duration::from_millis(10);

/// All nodes, ordered as users see them: by `sort`, nulls last, then id.
#[derive(Debug, Default)]
pub struct NodeSet {
    /// The nodes.
    pub nodes: Vec<Arc<Node>>,
}

impl NodeSet {
    /// Finds a node by id.
    pub fn get(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

/// Which users changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Reload everybody.
    All,
    /// Reload these; one that is gone was removed.
    Some(Vec<AccountId>),
}

/// Follows changes of proxy users.
#[derive(Debug)]
pub struct UserFeed(broadcast::Receiver<UserChange>);

impl UserFeed {
    /// The next change that has come already, if any; `All` when this follower fell behind.
    pub fn try_next(&mut self) -> Option<UserChange> {
        match self.0.try_recv() {
            Ok(change) => Some(change),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(UserChange::All),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }

    /// Waits for the next change. Cancel-safe. `All` when this follower fell behind; pends for ever after the end.
    pub async fn next(&mut self) -> UserChange {
        match self.0.recv().await {
            Ok(change) => change,
            Err(broadcast::error::RecvError::Lagged(_)) => UserChange::All,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The snapshot.
#[derive(Debug)]
pub struct Live {
    nodes: ArcSwap<NodeSet>,
    node_changes: watch::Sender<u64>,
    access_changes: watch::Sender<u64>,
    nas: ArcSwap<NasSet>,
    nas_changes: watch::Sender<u64>,
    panel: ArcSwap<PanelSettings>,
    modules: ArcSwap<Modules>,
    users: broadcast::Sender<UserChange>,
    followed: Mutex<HashMap<String, i64>>,
    answered_at: AtomicI64,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            nodes: ArcSwap::default(),
            node_changes: watch::Sender::new(0),
            access_changes: watch::Sender::new(0),
            nas: ArcSwap::default(),
            nas_changes: watch::Sender::new(0),
            panel: ArcSwap::default(),
            modules: ArcSwap::default(),
            users: broadcast::Sender::new(BACKLOG),
            followed: Mutex::default(),
            answered_at: AtomicI64::new(0),
        }
    }

    /// All nodes as of the last revision followed.
    pub fn nodes(&self) -> Arc<NodeSet> {
        self.nodes.load_full()
    }

    /// Counts up after [`Self::nodes`] changed.
    pub fn node_changes(&self) -> watch::Receiver<u64> {
        self.node_changes.subscribe()
    }

    /// Counts up after anything changed that an open stay at a target rests on; then it is to be checked again.
    pub fn access_changes(&self) -> watch::Receiver<u64> {
        self.access_changes.subscribe()
    }

    /// All NAS entries as of the last revision followed, secrets opened.
    pub fn nas(&self) -> Arc<NasSet> {
        self.nas.load_full()
    }

    /// Counts up after [`Self::nas`] changed.
    pub fn nas_changes(&self) -> watch::Receiver<u64> {
        self.nas_changes.subscribe()
    }

    /// The panel's settings as of the last revision followed.
    pub fn panel(&self) -> Arc<PanelSettings> {
        self.panel.load_full()
    }

    /// The panel's modules as of the last revision followed.
    pub fn modules(&self) -> Arc<Modules> {
        self.modules.load_full()
    }

    /// Changes of proxy users from now on. Subscribe first, load everybody second.
    pub fn user_changes(&self) -> UserFeed {
        UserFeed(self.users.subscribe())
    }

    /// How long ago the database last answered.
    pub fn database_age(&self, now: Millis) -> Duration {
        let age = now.0.saturating_sub(self.answered_at.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(age).unwrap_or_default())
    }

    /// Follows the database once: reloads what changed since the last time. One at a time.
    pub async fn refresh(&self, app: &App) -> Result<()> {
        let mut followed = self.followed.lock().await;
        let revisions = rows::list_revisions(&mut app.db().read()).await?;
        self.answered_at.store(app.now().0, Ordering::Relaxed);
        for (aspect, revision) in revisions {
            let known = followed.get(&aspect).copied();
            if known == Some(revision) {
                continue;
            }
            if aspect == Aspect::Node.as_str() {
                self.nodes.store(Arc::new(NodeSet { nodes: row::load_nodes(app).await? }));
                self.node_changes.send_modify(|n| *n += 1);
            } else if aspect == Aspect::Setting.as_str() {
                // Boxed: it is large, and every start and every request of a test holds the future around it.
                self.panel.store(Box::pin(setting::load(app)).await?);
                self.modules.store(module::load(app).await?);
            } else if aspect == Aspect::Access.as_str() {
                self.access_changes.send_modify(|n| *n += 1);
            } else if aspect == Aspect::Nas.as_str() {
                self.nas.store(Arc::new(nas::load(app).await?));
                self.nas_changes.send_modify(|n| *n += 1);
            } else if aspect == Aspect::ProxyUser.as_str() {
                // Nobody may be listening yet.
                let _ = self.users.send(changed(app, Aspect::ProxyUser, known, revision).await?);
            } else if let Some(of) = [Aspect::VpnUser, Aspect::Subscriber].into_iter().find(|of| aspect == of.as_str())
            {
                match changed(app, of, known, revision).await? {
                    UserChange::All => app.recent().forget_all(),
                    UserChange::Some(accounts) => accounts.into_iter().for_each(|account| app.recent().forget(account)),
                }
            }
            if [Aspect::Nas, Aspect::Vpn, Aspect::Billing].iter().any(|wide| aspect == wide.as_str()) {
                app.recent().forget_all();
            }
            followed.insert(aspect, revision);
        }
        Ok(())
    }

    /// Follows until the shutdown.
    pub(crate) async fn run(app: App) {
        let mut commits = app.db().signals().live();
        let mut is_failing = false;
        loop {
            match app.live().refresh(&app).await {
                Ok(()) => is_failing = false,
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(
                            event = "live.refresh_failed",
                            error = error.chain(),
                            "cannot follow the database"
                        );
                    }
                    is_failing = true;
                }
            }
            tokio::select! {
                () = app.shutdown().cancelled() => return,
                _ = commits.changed() => tokio::time::sleep(MERGE).await,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

/// Which objects of an aspect changed since a revision.
async fn changed(app: &App, aspect: Aspect, known: Option<i64>, revision: i64) -> Result<UserChange> {
    let aspect = aspect.as_str();
    let Some(mut after) = known else { return Ok(UserChange::All) };
    // Pruned changes cannot be followed.
    let oldest = rows::find_oldest_change(&mut app.db().read(), aspect).await?;
    if oldest.is_none_or(|oldest| oldest > after + 1) {
        return Ok(UserChange::All);
    }
    let mut ids = BTreeSet::new();
    while after < revision {
        let changes = rows::list_changes(&mut app.db().read(), aspect, after, PAGE).await?;
        let is_last = changes.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        for (at, id) in changes {
            let Some(id) = id else { return Ok(UserChange::All) };
            ids.insert(AccountId(id));
            after = at;
        }
        if is_last {
            break;
        }
    }
    Ok(UserChange::Some(ids.into_iter().collect()))
}
