//! `terminal/*`: terminals over WebSockets (specs/bastion.md §7).

mod action;
mod ask;
mod client;
mod close;
mod compat;
mod dial;
mod outbox;
mod pulse;
mod pump;
mod resume;
mod session;
mod ssh;
mod stay;
mod ticket;
mod v2;
mod watch;

use axum::routing::get;

use self::resume::Resumable;
use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    let resumable = Resumable::default();
    let ssh = get(async move |state, request| ssh::handle(state, resumable.clone(), request).await);
    let routes = routes.socket("terminal/ssh", ssh).post("terminal/ticket", ticket::handle);
    let routes = routes.socket("terminal/watch", get(watch::handle));
    session::routes(routes)
}
