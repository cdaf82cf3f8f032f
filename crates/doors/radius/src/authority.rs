//! Who decides and keeps: the domain, or a double in tests.

use std::{future::Future, sync::Arc};

use gatehouse_domain::{
    Result,
    radius::{
        grant::{Decision, Grant},
        nas::{Nas, NasSet},
        report::{Reply, Report},
        request::AccessRequest,
    },
};

/// What the door asks. An error is a decision that could not be made: the door stays silent, the NAS asks again or asks somebody else.
pub trait Authority: Send + Sync + std::fmt::Debug + 'static {
    /// The NAS entries as of now; the same `Arc` as long as nothing changed.
    fn nas(&self) -> Arc<NasSet>;

    /// Whether the database can be reached, without which the door claims no health.
    fn is_reachable(&self) -> bool;

    /// Lets in who was right a moment ago, from memory; none: [`Self::admit`] decides. Never waits.
    fn recall(&self, nas: &Nas, request: &AccessRequest) -> Option<Grant>;

    /// Decides who comes in.
    fn admit(&self, nas: Arc<Nas>, request: AccessRequest) -> impl Future<Output = Result<Decision>> + Send;

    /// Keeps a report; returns after the commit.
    fn record(&self, nas: Arc<Nas>, report: Report) -> impl Future<Output = Result<Reply>> + Send;
}
