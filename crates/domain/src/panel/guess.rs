//! Guessing: paths of staff (specs/panel.md §1.5, §1.6).

use std::time::Duration;

use super::limit::{self, Limit};
use crate::{Ctx, Result};

/// Unknown paths for an address of the network.
const PATHS: Limit = Limit { scope: "panel.path", most: 60, window: Duration::from_mins(10) };

/// Counts a call of a path that does not exist: whoever looks for the path of staff is held up. Errors: `RateLimited`.
pub async fn missed(ctx: &Ctx) -> Result<()> {
    limit::take_address(ctx, PATHS).await
}
