//! The ssh door: terminals at targets for surfaces, and native clients (specs/bastion.md §7 – §9).
//!
//! `target` goes to a target and logs in; `stay` bridges an open session, keeps its times and its recording; the domain
//! decides who may, and keeps the rows ([`ledger::Ledger`]).

pub mod ledger;
mod stay;
mod target;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use gatehouse_domain::{
    App, Ctx,
    bastion::terminal::{Admitted, AskHostKey, Boxed, Failure, LiveStay, Size, Terminal, Terminals},
};
use gatehouse_model::EndedWhy;
use uuid::Uuid;

use ledger::Ledger;
use stay::{Pty, Start, registry::Stays};

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

pub(crate) struct Inner {
    ledger: Arc<dyn Ledger>,
    stays: Stays,
}

impl Door {
    /// A door that keeps its rows in a ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self(Arc::new(Inner { ledger, stays: Stays::default() }))
    }

    /// Open stays.
    pub fn open_stays(&self) -> usize {
        self.0.stays.len()
    }

    /// Open stays of an account in this process.
    pub fn open_stays_of(&self, account: gatehouse_model::AccountId) -> usize {
        self.0.stays.of_account(account)
    }

    /// Changes idle time and longest duration of an open stay; false: it is not open here.
    pub fn retime(&self, visit: Uuid, idle: Duration, max_duration: Duration) -> bool {
        self.0.stays.retime(visit, idle, max_duration)
    }

    /// Bytes received from the target of an open stay, for tests of back-pressure.
    #[cfg(test)]
    fn received(&self, visit: Uuid) -> u64 {
        self.0.stays.received(visit)
    }

    /// Waits for the stays to end by themselves, then ends the rest and waits for their rows.
    pub async fn drain(&self, app: &App) {
        let patience = app.settings().terminal.drain.0;
        let deadline = tokio::time::Instant::now() + patience;
        while self.open_stays() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.0.stays.cut_all(EndedWhy::Shutdown);
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
