//! When a subscriber was in (specs/billing.md §5.4).

use gatehouse_model::{Millis, VisitId};
use gatehouse_store::billing_view as rows;

use super::{Outcome, Who, main, pays, scope};

/// Stays of a page.
pub const PAGE: i64 = 20;

/// A stay at the radius door.
#[derive(Debug)]
pub struct Stay {
    /// Its number.
    pub id: VisitId,
    /// Whose it was.
    pub uid: i64,
    /// Beginning.
    pub since_at: Millis,
    /// End; none: he is in.
    pub until_at: Option<Millis>,
    /// The address he was given; empty: none.
    pub address: String,
    /// The same as a number; 0 for IPv6.
    pub ip: u32,
    /// Where from; none for the subscriber himself.
    pub properties: Option<String>,
}

/// Lists the stays of a subscriber, newest first, [`PAGE`] of them.
///
/// Shape: `uid` of staff, where the page begins → stays. Errors: those of [`scope::target`].
/// Source: seeds/004 "История подключений", specs/billing.md §5.4.
pub async fn list(who: &Who, uid: Option<i64>, start: i64) -> Outcome<Vec<Stay>> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    let found = rows::list_stays(q, target.account, (PAGE, start)).await?;
    let stay = |row: rows::StayRow| {
        let calling_station = row.calling_station.as_deref().unwrap_or_default();
        let properties = who.is_admin().then(|| main::properties(&row.user_name, calling_station, &row.nas_address));
        let address = row.framed_ip.unwrap_or_default();
        Stay {
            id: row.id,
            uid: target.uid,
            since_at: row.since_at,
            until_at: row.until_at,
            ip: pays::number_of(&address),
            address,
            properties,
        }
    };
    Ok(found.into_iter().map(stay).collect())
}
