//! Whether the machinery behind the panel runs.

use gatehouse_model::Millis;

use crate::{Query, Result, args, sql};

/// When a periodic task ran last, of all of them.
pub async fn last_periodic(q: &mut impl Query) -> Result<Option<Millis>> {
    let row: Option<(Option<Millis>,)> = q.one(sql!("SELECT MAX(last_at) AS at FROM periodic"), args![]).await?;
    Ok(row.and_then(|(at,)| at))
}
