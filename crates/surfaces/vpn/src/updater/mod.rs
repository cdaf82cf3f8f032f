//! Making staged changes effective.

pub(crate) mod data_sync_cloud;
pub(crate) mod updater_cloud;

use gatehouse_domain::{Ctx, vpn::publish};
use gatehouse_kit::log_error;

use crate::{
    answer::{Failure, Refusal, refusal},
    text,
};

/// The apply did not happen, and nothing changed.
const FAILED: Refusal = refusal(-13, text::APPLY_FAILED);

/// Publishes all staged changes, for actions that say so and for writes that are effective at once.
pub(crate) async fn apply(ctx: &Ctx) -> Result<(), Failure> {
    match publish::apply(ctx).await {
        Ok(_publication) => Ok(()),
        Err(error) => {
            log_error(&error);
            Err(FAILED.into())
        }
    }
}
