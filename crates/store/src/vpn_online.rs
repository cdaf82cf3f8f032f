//! Who is in by the live VPN pass, as the vpn surface shows it.

use gatehouse_model::{AccountId, Millis, VisitId, VpnGroupId};

use crate::{Query, Result, args, sql};

/// An open stay of a live VPN user.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OnlineRow {
    /// Identity of the visit.
    pub id: VisitId,
    /// Its public name.
    pub uuid: String,
    /// Login now.
    pub login: String,
    /// Note of the live pass.
    pub note: String,
    /// Phone of the live pass.
    pub phone: String,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// Address in the tunnel.
    pub framed_ip: Option<String>,
    /// Beginning.
    pub since_at: Millis,
    /// Octets from the user.
    pub up: i64,
    /// Octets to the user.
    pub down: i64,
    /// Octets a second from the user.
    pub rate_up: i64,
    /// Octets a second to the user.
    pub rate_down: i64,
    /// The live group.
    pub vpn_group_id: VpnGroupId,
    /// Its path.
    pub path: String,
}

/// Lists the open stays of those whose live group is this path or lies in `[below.0, below.1)`, newest first. Stays that somebody
/// asked to end are left out.
pub async fn list(
    q: &mut impl Query,
    path: &str,
    below: (&str, &str),
    (offset, limit): (i64, i64),
) -> Result<Vec<OnlineRow>> {
    q.all(
        sql!(
            "SELECT v.id, v.uuid, a.login, p.note, p.phone, r.calling_station, r.framed_ip, v.since_at, u.up, u.down, r.rate_up, \
             r.rate_down, p.vpn_group_id, g.path FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
             JOIN visit_usage u ON u.visit_id = v.id JOIN vpn_pass_live p ON p.account_id = v.account_id \
             JOIN account a ON a.id = p.account_id JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL AND v.end_asked_at IS NULL \
             AND (g.path = $1 OR (g.path >= $2 AND g.path < $3)) ORDER BY v.since_at DESC, v.id DESC LIMIT $5 OFFSET $4"
        ),
        args![path, below.0, below.1, offset, limit],
    )
    .await
}

/// Counts the same stays.
pub async fn count(q: &mut impl Query, path: &str, below: (&str, &str)) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS stays FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
                 JOIN vpn_pass_live p ON p.account_id = v.account_id JOIN vpn_group_live g ON g.id = p.vpn_group_id \
                 WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL AND v.end_asked_at IS NULL \
                 AND (g.path = $1 OR (g.path >= $2 AND g.path < $3))"
            ),
            args![path, below.0, below.1],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Whether there is a live group of this path.
pub async fn has_group(q: &mut impl Query, path: &str) -> Result<bool> {
    Ok(q.one::<(VpnGroupId,)>(sql!("SELECT id FROM vpn_group_live WHERE path = $1"), args![path]).await?.is_some())
}

/// Whether an account is in through the radius door, or its stay was ended by us since a moment.
pub async fn is_online_since(q: &mut impl Query, account: AccountId, since: Millis) -> Result<bool> {
    let row: Option<(VisitId,)> = q
        .one(
            sql!(
                "SELECT v.id FROM visit v JOIN visit_radius r ON r.visit_id = v.id WHERE v.account_id = $1 AND r.pass = 'vpn' \
                 AND (v.until_at IS NULL OR (v.end_asked_at IS NOT NULL AND v.until_at >= $2)) ORDER BY v.since_at DESC, v.id DESC LIMIT 1"
            ),
            args![account, since],
        )
        .await?;
    Ok(row.is_some())
}

/// Counts the stays of an account that were asked to end, are open, and of which no NAS has acknowledged it.
pub async fn count_unconfirmed(q: &mut impl Query, account: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS stays FROM visit v WHERE v.account_id = $1 AND v.door = 'radius' \
                 AND v.until_at IS NULL AND v.end_asked_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM visit_attempt t \
                 WHERE t.visit_id = v.id AND t.kind = 'disconnect' AND t.outcome = 'ack' AND t.at >= v.end_asked_at)"
            ),
            args![account],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
