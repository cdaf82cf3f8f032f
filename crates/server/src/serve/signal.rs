//! What the process is told by signals, and how many files it may open.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::tls::Tls;

/// The signals a server listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Starts to listen; from now on none of them kills the process.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// SIGTERM and SIGINT begin the stop, the second of them ends the process at once; SIGHUP reads the certificate
    /// again.
    pub(crate) async fn obey(mut self, stop: CancellationToken, tls: Option<Arc<Tls>>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => end(&stop),
                _ = self.interrupt.recv() => end(&stop),
                _ = self.hang_up.recv() => reload(tls.as_deref()),
            }
        }
    }
}

#[expect(clippy::exit, reason = "whoever asks twice does not want to wait for anything")]
fn end(stop: &CancellationToken) {
    if stop.is_cancelled() {
        std::process::exit(1);
    }
    tracing::info!("stopping; a second signal stops at once");
    stop.cancel();
}

fn reload(tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        None => tracing::info!("nothing to reload: no certificate is configured"),
        Some(Ok(())) => tracing::info!("certificate reloaded"),
        Some(Err(error)) => tracing::error!("certificate not reloaded, the old one stays: {error:#}"),
    }
}

/// Raises the limit of open files to what the system allows, and returns it.
pub(crate) fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    limit.unwrap_or(u64::MAX)
}
