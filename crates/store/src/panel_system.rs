//! Whether the machinery behind the panel runs.

use gatehouse_model::Millis;

use crate::{Query, Result, args, sql};

/// When a periodic task ran last.
pub async fn last_run(q: &mut impl Query, name: &str) -> Result<Option<Millis>> {
    let row: Option<(Option<Millis>,)> =
        q.one(sql!("SELECT last_at FROM periodic WHERE name = $1"), args![name]).await?;
    Ok(row.and_then(|(at,)| at))
}
