//! How the machinery behind the panel is (specs/panel.md §4.2).

use std::time::Duration;

use gatehouse_model::Millis;
use gatehouse_store::{panel_system as rows, process};

use crate::{Ctx, Result};

/// Periodic work that is older than this does not run.
const PERIODIC: Duration = Duration::from_mins(2);
/// A process that was not seen for this long is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Whether periodic work is done.
    pub is_scheduled: bool,
    /// Whether somebody works jobs off.
    pub is_working: bool,
    /// When periodic work was done last.
    pub last_at: Option<Millis>,
}

/// Tells how the machinery is. Errors: `Forbidden`. Source: specs/panel.md §4.2 getSystemStatus.
pub async fn status(ctx: &Ctx) -> Result<Status> {
    ctx.require("panel.stat")?;
    let now = ctx.now();
    // Tasks are noted a little ahead of their time.
    let last_at = rows::last_run(&mut ctx.read(), "panel.minute").await?.map(|at| at.min(now));
    let running = process::count_running(&mut ctx.read(), now.minus(SILENCE)).await?;
    let is_scheduled = last_at.is_some_and(|at| at > now.minus(PERIODIC));
    Ok(Status { is_scheduled, is_working: running > 0, last_at })
}
