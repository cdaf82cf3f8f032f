//! Payment channels as pages of users need them: their public keys are in their sealed configuration.

use crate::{Query, Result, args, sql};

/// An enabled channel's configuration.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ChannelConfigRow {
    /// Identity.
    pub id: i64,
    /// Driver.
    pub driver: String,
    /// JSON object, sealed.
    pub config_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// The enabled channels whose driver has one of two names, in the order of users.
pub async fn list_enabled(q: &mut impl Query, drivers: (&str, &str)) -> Result<Vec<ChannelConfigRow>> {
    q.all(
        sql!(
            "SELECT id, driver, config_sealed, seal_ref FROM payment_channel WHERE is_enabled AND (driver = $1 OR driver = $2) \
             ORDER BY sort NULLS LAST, id"
        ),
        args![drivers.0, drivers.1],
    )
    .await
}
