//! `access/request/*`

mod add;
mod cancel;
mod decide;
mod get;

use gatehouse_domain::Error;

use crate::{envelope::Refusal, routes::Routes};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .change("access/request/add", "access_request.create", add::handle)
        .change("access/request/cancel", "access_request.cancel", cancel::handle)
        .change("access/request/decide", "access_request.decide", decide::handle)
        .get("access/request/get", get::handle)
}

/// Longest reason, characters.
const REASON: usize = 500;

/// A request that is over reads so.
fn over(error: Error) -> Refusal {
    match error {
        Error::Locked { .. } => Refusal::text("申请已处理或已失效"),
        other => other.into(),
    }
}
