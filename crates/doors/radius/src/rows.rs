//! The authority of a running process: the domain, with its database and what it remembers of it.

use std::{sync::Arc, time::Duration};

use gatehouse_domain::{
    Actor, App, Ctx, Result,
    radius::{
        accounting, admit,
        grant::{Decision, Grant},
        nas::{Nas, NasSet},
        report::{Reply, Report},
        request::AccessRequest,
    },
};
use gatehouse_model::Origin;

use crate::authority::Authority;

/// The database counts as away when it has not answered for so long; it is asked every 75 ms.
const AWAY: Duration = Duration::from_secs(2);

fn ctx(app: &App) -> Ctx {
    app.ctx(Actor::System("radius"), Origin::System)
}

impl Authority for App {
    fn nas(&self) -> Arc<NasSet> {
        self.live().nas()
    }

    fn is_reachable(&self) -> bool {
        self.live().database_age(self.now()) < AWAY
    }

    fn recall(&self, nas: &Nas, request: &AccessRequest) -> Option<Grant> {
        admit::recall(self, nas, request)
    }

    async fn admit(&self, nas: Arc<Nas>, request: AccessRequest) -> Result<Decision> {
        admit::admit(&ctx(self), &nas, &request).await
    }

    async fn record(&self, nas: Arc<Nas>, report: Report) -> Result<Reply> {
        accounting::record(&ctx(self), &nas, &report).await
    }
}
