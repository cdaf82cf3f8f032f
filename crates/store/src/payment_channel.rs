//! Ways to pay at the panel: drivers with their sealed credentials.

use gatehouse_model::{Millis, Money, PaymentChannelId};

use crate::{Query, Result, args, sql};

/// A way to pay.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ChannelRow {
    /// Its number.
    pub id: PaymentChannelId,
    /// What notices name it by.
    pub uuid: String,
    /// Its key in state files.
    pub key: Option<String>,
    /// Its driver.
    pub driver: String,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub icon: Option<String>,
    /// Sealed JSON of the driver's configuration.
    pub config_sealed: String,
    /// Base of notices, where it is not that of links.
    pub notify_domain: Option<String>,
    /// What paying by it costs.
    pub fee_fixed: Option<Money>,
    /// The same, hundredths of a percent.
    pub fee_percent: Option<i64>,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// Its place in lists.
    pub sort: Option<i64>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// Finds a way to pay.
pub async fn find(q: &mut impl Query, id: PaymentChannelId) -> Result<Option<ChannelRow>> {
    q.one(sql!("SELECT * FROM payment_channel WHERE id = $1"), args![id]).await
}

/// Lists all ways to pay by their place.
pub async fn list(q: &mut impl Query) -> Result<Vec<ChannelRow>> {
    q.all(sql!("SELECT * FROM payment_channel ORDER BY sort NULLS LAST, id"), args![]).await
}
