//! What the door asks of the rest of the product: rows of visits, pins, recordings. One trait, so that terminals are tested
//! without a database.

use std::time::Duration;

use gatehouse_domain::{
    Ctx,
    bastion::terminal::{Admitted, Boxed, Ended, Failure, Moved, PresentedKey, Size, Transfer},
    recording::Watcher,
};
use tokio::sync::watch;

/// Rows and files of a stay.
pub trait Ledger: Send + Sync {
    /// Trusts the key of a target that had none. Errors: `HostKeyChanged` when another key was pinned meanwhile.
    fn pin<'a>(&'a self, ctx: &'a Ctx, admitted: &'a Admitted, key: &'a PresentedKey)
    -> Boxed<'a, Result<(), Failure>>;

    /// Writes that the stay is open. Errors: `Quota` when others opened meanwhile, `Recording` when it cannot be written.
    fn opened<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        key: &'a PresentedKey,
    ) -> Boxed<'a, Result<(), Failure>>;

    /// Writes that it never came to be; a changed key raises an alert.
    fn failed<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        failure: &'a Failure,
        key: Option<&'a PresentedKey>,
    ) -> Boxed<'a, ()>;

    /// Writes that it is over.
    fn closed<'a>(&'a self, ctx: &'a Ctx, admitted: &'a Admitted, ended: &'a Ended, moved: Moved) -> Boxed<'a, ()>;

    /// Writes that a file was transferred.
    fn transferred<'a>(&'a self, ctx: &'a Ctx, admitted: &'a Admitted, transfer: &'a Transfer) -> Boxed<'a, ()>;

    /// Begins its recording. Errors: `Recording` when it must be recorded and cannot be.
    fn record<'a>(
        &'a self,
        ctx: &'a Ctx,
        admitted: &'a Admitted,
        size: Size,
        term: &'a str,
    ) -> Boxed<'a, Result<Box<dyn Recorder>, Failure>>;
}

/// The recording failed and the stay may not go on without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recording failed: {0}")]
pub struct Failed(pub String);

/// A recording that is being made. Calls return at once.
pub trait Recorder: Send {
    /// Whether anything is kept.
    fn is_recording(&self) -> bool;
    /// Records output, as the decoder gave it.
    fn output(&mut self, text: &[u8]) -> Result<(), Failed>;
    /// Records input, as far as it is recorded.
    fn input(&mut self, bytes: &[u8]) -> Result<(), Failed>;
    /// Records a change of size.
    fn resize(&mut self, size: Size) -> Result<(), Failed>;
    /// Records a marker.
    fn marker(&mut self, label: &str) -> Result<(), Failed>;
    /// None: there is room. Else waits for it.
    fn room(&self) -> Option<Boxed<'static, Result<(), Failed>>>;
    /// Waits until the recording fails and the stay may not go on without; for ever when it may.
    fn failed(&self) -> Boxed<'static, Failed>;
    /// Who watches, as it changes.
    fn watchers(&self) -> watch::Receiver<Vec<Watcher>>;
    /// Ends the recording.
    fn finish(self: Box<Self>) -> Boxed<'static, ()>;
}

/// How long a stay waits for its recording to end before it closes its row.
pub(crate) const FINISH: Duration = Duration::from_secs(12);
