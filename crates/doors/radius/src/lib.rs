//! The radius door: who may come in, accounting, and orders to cut or change sessions (specs/radius.md).
//!
//! [`Door::new`] binds nothing; [`Door::run`] serves sockets that [`bind`] made. `receive` is the loop, `access` and `accounting` are
//! what a request means, `reply` is how a decision looks on the wire, `enforce` and `command` are orders. Who decides is behind
//! [`Authority`], so that the door is tested without a database.

mod access;
mod accounting;
mod authority;
mod command;
mod duplicate;
mod enforce;
mod listen;
mod meter;
mod peer;
mod receive;
mod reply;
mod rows;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, net::UdpSocket, os::unix::net::UnixStream, sync::Arc, time::Duration};

use gatehouse_domain::{
    Clock, Random,
    radius::enforce::{Enforcer, Enforcing, Order, Stay},
};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use authority::Authority;
pub use listen::bind;
pub use reply::preview;

use duplicate::{BOUND, Duplicates};
use receive::{Desk, Port, Socket};

/// How long requests in work may take at the end.
const DRAIN: Duration = Duration::from_secs(3);

/// What of `[radius]` the door itself needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a reject is held back, counted from the request.
    pub reject_delay: Duration,
    /// How long a reply is kept for repeats of its request.
    pub duplicate_window: Duration,
    /// Programs by name: argument vectors with `{login}`, `{session}`, `{ip}`, `{nas}`.
    pub commands: BTreeMap<String, Vec<String>>,
    /// Between two sends of a Disconnect or CoA; it is sent three times.
    pub retransmit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reject_delay: Duration::from_secs(1),
            duplicate_window: Duration::from_secs(10),
            commands: BTreeMap::new(),
            retransmit: Duration::from_secs(2),
        }
    }
}

/// Bound sockets by what they serve.
#[derive(Debug, Default)]
pub struct Listening {
    /// Access-Request.
    pub auth: Vec<UdpSocket>,
    /// Accounting-Request.
    pub acct: Vec<UdpSocket>,
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    options: Options,
    random: Random,
    sender: enforce::Sender,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl Door {
    /// A door for these sockets, to which it can send orders before it serves them.
    pub fn new(options: Options, random: Random, clock: Clock, listening: &Listening) -> Self {
        let sockets = listening.auth.iter().chain(&listening.acct);
        let own = sockets.filter_map(|socket| Some(socket.local_addr().ok()?.ip())).collect();
        let commands = command::Commands::new(options.commands.clone());
        let sender = enforce::Sender::new(commands, options.retransmit, random.clone(), clock, own);
        Self(Arc::new(Inner { options, random, sender }))
    }

    /// Serves until it is told to stop; then lets requests in work end. Held rejects are dropped: the NAS asks again.
    ///
    /// Errors: there is no file descriptor left.
    pub async fn run(
        &self,
        authority: impl Authority,
        listening: Listening,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let Inner { options, random, .. } = &*self.0;
        let duplicates = Duplicates::new(options.duplicate_window, BOUND);
        let (desk, release) = Desk::new(authority, random.clone(), options.reject_delay, duplicates);
        let ports = [(Port::Auth, listening.auth), (Port::Acct, listening.acct)];
        let sockets = ports.into_iter().flat_map(|(port, sockets)| sockets.into_iter().map(move |udp| (port, udp)));
        let sockets: Vec<_> = sockets.map(|(port, udp)| Arc::new(Socket { udp, port })).collect();
        let loops = TaskTracker::new();
        // Both tell the loop when this is dropped, too: one while it is busy, the other while it waits.
        let (receiving, halt) = (Arc::clone(&desk), stop.child_token());
        let _halt = halt.clone().drop_guard();
        let (line, hangup) = UnixStream::pair()?;
        loops.spawn_blocking(move || receiving.receive(&sockets, &halt, &hangup));
        let stopped = stop.clone();
        loops.spawn(async move { stopped.run_until_cancelled(release).await });
        stop.cancelled().await;
        drop(line);
        loops.close();
        loops.wait().await;
        desk.tasks.close();
        // A decision that hangs is dropped with the process; nobody was answered.
        let _ = timeout(DRAIN, desk.tasks.wait()).await;
        Ok(())
    }
}

impl Enforcer for Door {
    fn enforce(&self, stay: Stay, order: Order) -> Enforcing {
        let door = self.clone();
        Box::pin(async move { door.0.sender.enforce(&stay, &order).await })
    }
}
