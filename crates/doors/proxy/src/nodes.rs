//! Listeners follow the node rows: started, changed and stopped as the rows change, and retried when they fail.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use gatehouse_domain::{
    App, Error,
    panel::day,
    proxy::{
        node::{Node, Protocol},
        status,
    },
};
use gatehouse_model::{EndedWhy, NodeId, SsCipher};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    door::{Door, NodeState},
    listener::{self, Memory, Running, StartError, replay::Replay},
    tls::Tls,
};

const RETRY: Duration = Duration::from_secs(10);
/// How often status, retries, certificates and interface addresses are looked after.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between looks at certificate files and interfaces.
const REFRESH: u64 = 10;
/// How long a port of our own is waited for after its listener ended.
const REBIND: Duration = Duration::from_secs(1);

/// What the database is told of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Listening(u16),
    Failed(String),
    Stopped,
}

/// A node this process serves, or tries to.
struct Serving {
    node: Arc<Node>,
    state: Arc<NodeState>,
    /// `None`: it failed.
    running: Option<Running>,
    retry_at: Instant,
    status: Status,
    reported: Option<Status>,
}

/// All nodes of this process.
pub(crate) struct Nodes {
    app: App,
    door: Arc<Door>,
    serving: HashMap<NodeId, Serving>,
    /// Stopped nodes the database does not know of yet.
    stopped: HashSet<NodeId>,
    memories: HashMap<(NodeId, u16, SsCipher), Memory>,
    /// The flusher learns of every new node state.
    flusher: mpsc::UnboundedSender<Arc<NodeState>>,
}

impl Nodes {
    pub(crate) fn new(app: App, door: Arc<Door>, flusher: mpsc::UnboundedSender<Arc<NodeState>>) -> Self {
        Self { app, door, serving: HashMap::new(), stopped: HashSet::new(), memories: HashMap::new(), flusher }
    }

    /// Follows the node rows until the process is asked to stop.
    pub(crate) async fn run(&mut self) {
        let mut changes = self.app.live().node_changes();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut ticks: u64 = 0;
        let shutdown = self.app.shutdown().clone();
        loop {
            changes.mark_unchanged();
            self.reconcile().await;
            self.report().await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                lives = changes.changed() => if lives.is_err() { return },
                Some(()) = async { hangup.as_mut()?.recv().await } => self.refresh(),
                _ = tick.tick() => {
                    ticks += 1;
                    if ticks.is_multiple_of(REFRESH) {
                        self.refresh();
                    }
                }
            }
        }
    }

    /// Ends every listener, keeps flows.
    pub(crate) fn close(&self) {
        self.serving.values().for_each(|serving| serving.state.close());
    }

    /// Ends every flow.
    pub(crate) fn end(&self, why: EndedWhy) {
        self.serving.values().for_each(|serving| serving.state.end(why));
    }

    /// Tells the database that nothing listens any more.
    pub(crate) async fn say_stopped(&mut self) {
        self.stopped.extend(self.serving.drain().map(|(id, _)| id));
        self.report().await;
    }

    /// Whether this process is to serve a node.
    fn is_ours(&self, node: &Node) -> bool {
        let chosen = &self.door.settings.nodes;
        let is_chosen = |word: &String| Some(word) == node.code.as_ref() || *word == node.id.to_string();
        node.is_embedded
            && !matches!(node.protocol, Protocol::Remote(_))
            && (chosen.is_empty() || chosen.iter().any(is_chosen))
    }

    async fn reconcile(&mut self) {
        let nodes = self.app.live().nodes();
        let wanted: HashMap<NodeId, &Arc<Node>> = nodes
            .nodes
            .iter()
            .filter(|node| self.is_ours(node) && node.is_serving())
            .map(|node| (node.id, node))
            .collect();
        let unwanted: Vec<_> = self.serving.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        for id in unwanted {
            let is_capped = nodes.get(id).is_some_and(|node| node.is_capped);
            self.stop(id, if is_capped { EndedWhy::NodeCap } else { EndedWhy::NodeChanged }).await;
            self.stopped.insert(id);
        }
        for (id, node) in wanted {
            self.stopped.remove(&id);
            match self.serving.get_mut(&id) {
                Some(serving) if is_same_listener(&serving.node, node) => {
                    serving.update(node, &self.door);
                    if serving.running.is_none() && Instant::now() >= serving.retry_at {
                        self.start(node, Duration::ZERO).await;
                    }
                }
                Some(_) => {
                    self.stop(id, EndedWhy::NodeChanged).await;
                    self.start(node, REBIND).await;
                }
                None => self.start(node, Duration::ZERO).await,
            }
        }
        let minute = day::minute(&self.app, self.app.now());
        self.serving.values().for_each(|serving| serving.state.set_rate(serving.node.rate_at(minute)));
    }

    /// Ends a node and waits until its sockets are free.
    async fn stop(&mut self, id: NodeId, why: EndedWhy) {
        let Some(serving) = self.serving.remove(&id) else { return };
        serving.state.end(why);
        if let Some(running) = serving.running {
            // Tasks that hang do not hold up the others; binding is retried.
            let _ = timeout(REBIND, running.ended()).await;
        }
        tracing::info!(node = %id, why = why.as_str(), "proxy.node.stopped");
    }

    /// Starts a node; `patience` is for sockets that are about to be closed by ourselves.
    async fn start(&mut self, node: &Arc<Node>, patience: Duration) {
        let deadline = Instant::now() + patience;
        let (state, result) = loop {
            let state = NodeState::new(node, &self.door.shutdown);
            let memories = &mut self.memories;
            let memory = |cipher, port| {
                // Seven megabytes each: what another port or cipher has seen is of no use any more.
                memories.retain(|(id, p, c), _| *id != node.id || (*p, *c) == (port, cipher));
                let fresh = || Arc::new(Replay::new(cipher));
                Arc::clone(memories.entry((node.id, port, cipher)).or_insert_with(fresh))
            };
            let result = listener::start(&self.door, &state, node, memory).await;
            match &result {
                Err(StartError::Bind(_)) if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
                _ => break (state, result),
            }
        };
        let before = self.serving.remove(&node.id);
        let reported = before.and_then(|serving| serving.reported);
        let (running, status) = match result {
            Ok(running) => {
                tracing::info!(node = %node.id, port = running.port, protocol = ?node.protocol, "proxy.node.listening");
                // The flusher lives as long as we do.
                let _ = self.flusher.send(Arc::clone(&state));
                let status = Status::Listening(running.port);
                (Some(running), status)
            }
            Err(error) => {
                let status = Status::Failed(error.to_string());
                if reported.as_ref() != Some(&status) {
                    tracing::warn!(node = %node.id, %error, "proxy.node.failed");
                }
                state.end(EndedWhy::Failed);
                (None, status)
            }
        };
        let retry_at = Instant::now() + RETRY;
        let serving = Serving { node: Arc::clone(node), state, running, retry_at, status, reported };
        self.serving.insert(node.id, serving);
    }

    /// Tells the database what it does not know yet; tried again at the next tick.
    async fn report(&mut self) {
        for (id, serving) in &mut self.serving {
            if serving.reported.as_ref() == Some(&serving.status) {
                continue;
            }
            if write(&self.app, *id, &serving.status).await {
                serving.reported = Some(serving.status.clone());
            }
        }
        for id in self.stopped.clone() {
            let exists = self.app.live().nodes().get(id).is_some();
            if !exists || write(&self.app, id, &Status::Stopped).await {
                self.stopped.remove(&id);
            }
        }
    }

    /// Looks for new certificates and interface addresses.
    fn refresh(&self) {
        self.door.egress.rules().refresh();
        for serving in self.serving.values() {
            if let Some(Err(error)) = serving.running.as_ref().and_then(|running| running.tls.as_ref()).map(Tls::reload)
            {
                tracing::error!(node = %serving.node.id, %error, "proxy.certificate.kept");
            }
        }
    }
}

impl Serving {
    /// Takes over what changes under running flows; those of people the node serves no more end.
    fn update(&mut self, node: &Arc<Node>, door: &Door) {
        if *self.node == **node {
            return;
        }
        self.state.update(node);
        if self.node.group_ids != node.group_ids {
            door.table.end_visits(node.id, |group| !node.group_ids.contains(&group), EndedWhy::GroupChanged);
            if let Some(trials) = self.running.as_ref().and_then(|running| running.trials.as_ref()) {
                trials.forget_roster();
            }
        }
        self.node = Arc::clone(node);
    }
}

/// Whether a changed row leaves the listener as it is.
fn is_same_listener(old: &Node, new: &Node) -> bool {
    old.listen_ip == new.listen_ip && old.server_port == new.server_port && old.protocol == new.protocol
}

async fn write(app: &App, id: NodeId, new: &Status) -> bool {
    let result = match new {
        Status::Listening(port) => status::listening(app, id, *port).await,
        Status::Failed(reason) => status::failed(app, id, reason).await,
        Status::Stopped => status::stopped(app, id).await,
    };
    match result {
        // If the row went away meanwhile, nobody wants to know any more.
        Ok(()) | Err(Error::Conflict { .. } | Error::NotFound { .. }) => true,
        Err(error) => {
            tracing::debug!(node = %id, error = error.chain(), "proxy.status.failed");
            false
        }
    }
}
