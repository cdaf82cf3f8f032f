//! The ssh door: terminals at targets for surfaces, and native clients (specs/bastion.md §7 – §9).
//!
//! `target` goes to a target and logs in; `stay` bridges an open session, keeps its times and its recording; the domain
//! decides who may, and keeps the rows ([`ledger::Ledger`]).

pub mod ledger;
mod line;
mod place;
mod rows;
mod server;
mod stay;
mod target;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use gatehouse_domain::{
    App, Ctx,
    bastion::terminal::{Admitted, AskHostKey, Boxed, Failure, LiveStay, Size, Terminal, Terminals},
};
use gatehouse_model::{AccountId, EndedWhy};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use ledger::Ledger;
use place::Places;
pub use server::Listening;
use stay::{Pty, Start, registry::Stays};

/// How long ended stays may take to close their rows before clients are sent away.
const CLOSE: Duration = Duration::from_secs(3);

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

pub(crate) struct Inner {
    ledger: Arc<dyn Ledger>,
    stays: Stays,
    /// Of stays that are open or on their way.
    places: Arc<Places<AccountId>>,
}

impl Door {
    /// A door that keeps its rows in the database. The server gives it to [`App::serve_terminals`] before it listens and
    /// then lets it [`Door::run`].
    pub fn new() -> Self {
        Self::with(Arc::new(rows::Rows))
    }

    /// A door that keeps its rows in another ledger.
    pub fn with(ledger: Arc<dyn Ledger>) -> Self {
        Self(Arc::new(Inner { ledger, stays: Stays::default(), places: Arc::default() }))
    }

    /// Open stays.
    pub fn open_stays(&self) -> usize {
        self.0.stays.len()
    }

    /// Bytes received from the target of an open stay, for tests of back-pressure.
    #[cfg(test)]
    fn received(&self, visit: Uuid) -> u64 {
        self.0.stays.received(visit)
    }

    /// Serves native clients, if it listens, and keeps open stays in line with the database until the process is asked to
    /// stop; then lets stays end, and ends them.
    pub async fn run(&self, app: App, listening: Option<Listening>) {
        let stop = CancellationToken::new();
        if let Some(listening) = listening {
            listening.serve(&app, &self.0, &stop);
        }
        app.spawn("ssh.wishes", watch::wishes(app.clone(), self.0.clone(), stop.clone()));
        app.spawn("ssh.ground", watch::ground(app.clone(), self.0.clone(), stop.clone()));
        app.shutdown().cancelled().await;
        self.drain(&app).await;
        stop.cancel();
    }

    /// Waits for the stays to end by themselves, then ends the rest.
    async fn drain(&self, app: &App) {
        let patience = app.settings().terminal.drain.0;
        let deadline = Instant::now() + patience;
        while self.open_stays() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        self.0.stays.cut_all(EndedWhy::Shutdown);
        let deadline = Instant::now() + CLOSE;
        while self.open_stays() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminals for Door {
    fn open(
        &self,
        ctx: Ctx,
        admitted: Admitted,
        size: Size,
        term: String,
        ask: Option<AskHostKey>,
    ) -> Boxed<'static, Result<Terminal, Failure>> {
        let start = Start { pty: Some(Pty { size, term, modes: Vec::new() }), ..Start::default() };
        let opening = stay::open(self.0.clone(), ctx, admitted, start, ask);
        Box::pin(async move {
            let stay = opening.await?;
            Ok(Terminal { opened: stay.opened, output: Box::new(stay.output), input: Box::new(stay.input) })
        })
    }

    fn cut(&self, visit: Uuid, why: EndedWhy, by: Option<(String, String)>) -> bool {
        self.0.stays.cut(visit, why, by)
    }

    fn live(&self) -> Vec<LiveStay> {
        self.0.stays.list()
    }
}
