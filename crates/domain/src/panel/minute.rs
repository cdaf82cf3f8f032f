//! What the panel does every minute: the periodic task `panel.minute` (specs/panel.md §3.11).

use gatehouse_model::Origin;

use super::{commission, order, pass, shadow, stat, ticket};
use crate::{Actor, App, Ctx, Result};

/// Runs every step; one that fails keeps none of the others from running, and all try again a minute later.
pub(crate) async fn run(app: &App) -> Result<()> {
    let ctx = app.ctx(Actor::System("panel.minute"), Origin::System);
    let steps = [
        ("orders", order::heal(&ctx).await),
        ("commissions", commission::pay_due(&ctx).await),
        ("traffic resets", pass::reset_due(&ctx).await),
        ("tickets", ticket::close_idle(app).await),
        ("shadows", shadow::follow_settings(&ctx).await),
        ("statistics", day_end(&ctx).await),
        ("shared quotas", shadow::cut_exhausted(app).await),
    ];
    let mut outcome = Ok(());
    for (step, result) in steps {
        if let Err(error) = result {
            tracing::warn!(event = "panel.minute_failed", step, error = error.chain(), "{step} could not be seen to");
            outcome = Err(error);
        }
    }
    outcome
}

async fn day_end(ctx: &Ctx) -> Result<()> {
    if stat::is_due(&ctx.app).await? { stat::close(ctx).await } else { Ok(()) }
}
