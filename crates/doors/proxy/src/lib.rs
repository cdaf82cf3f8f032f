//! The proxy door: Shadowsocks, Trojan, VLESS and Hysteria 2 listeners inside this process (specs/proxy.md).
//!
//! [`run`] is all the server needs. Everything below depends on `door::Door`, which needs no database, so the
//! listeners are tested with real traffic alone; `feed`, `usage` and `nodes` tie it to the domain.

mod addr;
mod aead;
mod door;
mod egress;
mod fallback;
mod feed;
mod limit;
mod listener;
mod nodes;
mod relay;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod usage;
mod user;
mod visit;

use std::time::Duration;

use gatehouse_domain::App;
use gatehouse_model::EndedWhy;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Log target of the `shadowsocks` crate. It prints keys at `debug` and `trace`: the server caps it at `warn`, whatever
/// the filter says.
pub const SHADOWSOCKS_LOG_TARGET: &str = "shadowsocks";

/// From the request to stop to the return of [`run`], the drain not counted.
const STOP: Duration = Duration::from_secs(4);

/// Serves the embedded nodes until the process is asked to stop; then drains, ends every flow, records the last bytes
/// and returns.
///
/// A node that cannot listen is no error: its status says so.
pub async fn run(app: App) {
    let settings = app.settings().proxy.clone();
    let drain = settings.drain.0;
    let door = door::Door::new(settings, app.clock().clone(), app.random().clone());
    let (flusher, nodes_to_flush) = mpsc::unbounded_channel();
    let (stop, stop_flushing) = (CancellationToken::new(), CancellationToken::new());
    let services = TaskTracker::new();
    services.spawn(feed::run(app.clone(), door.clone(), app.live().user_changes(), stop.clone()));
    services.spawn(feed::end_visits(app.clone(), door.clone(), stop.clone()));
    services.spawn(usage::run(app.clone(), door.clone(), nodes_to_flush, stop_flushing.clone(), STOP));

    let mut nodes = nodes::Nodes::new(app.clone(), door.clone(), flusher);
    nodes.run().await;

    door.drain();
    nodes.close();
    let deadline = Instant::now() + drain;
    while door.flows() > 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    nodes.end(EndedWhy::Shutdown);
    door.shutdown.cancel();
    door.tasks.close();
    // A flow that hangs is dropped with the process; its bytes are counted already.
    let _ = timeout(Duration::from_secs(1), door.tasks.wait()).await;
    stop.cancel();
    stop_flushing.cancel();
    services.close();
    services.wait().await;
    nodes.say_stopped().await;
}
