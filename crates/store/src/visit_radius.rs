//! Stays through the radius door as accounting tells of them.

use gatehouse_model::{AccountId, Millis, NasId, VisitId};

use crate::{Query, Result, Tx, args, sql};

/// An account with what decides whether its live VPN pass lets it be in.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StandingRow {
    /// The account.
    pub account_id: AccountId,
    /// Its login.
    pub login: String,
    /// Its display name.
    pub name: Option<String>,
    /// Status of the account.
    pub is_enabled: bool,
    /// Status of the live pass; none: it has none.
    pub is_pass_enabled: Option<bool>,
    /// End of the live pass.
    pub expires_at: Option<Millis>,
    /// How many live groups up the chain are disabled.
    pub disabled_groups: i64,
}

/// Finds how an account stands.
pub async fn find_standing(q: &mut impl Query, account: AccountId) -> Result<Option<StandingRow>> {
    q.one(
        sql!(
            "SELECT a.id AS account_id, a.login, a.name, a.is_enabled, p.is_enabled AS is_pass_enabled, p.expires_at, \
             (WITH RECURSIVE chain AS (SELECT g.parent_id, g.is_enabled FROM vpn_group_live g WHERE g.id = p.vpn_group_id \
             UNION ALL SELECT g.parent_id, g.is_enabled FROM vpn_group_live g JOIN chain ON chain.parent_id = g.id) \
             SELECT COUNT(*) FROM chain WHERE chain.is_enabled = $2) AS disabled_groups \
             FROM account a LEFT JOIN vpn_pass_live p ON p.account_id = a.id WHERE a.id = $1"
        ),
        args![account, false],
    )
    .await
}

/// Finds the live VPN user of a folded login, and how it stands.
pub async fn find_standing_by_key(q: &mut impl Query, login_key: &str) -> Result<Option<StandingRow>> {
    q.one(
        sql!(
            "SELECT a.id AS account_id, a.login, a.name, a.is_enabled, p.is_enabled AS is_pass_enabled, p.expires_at, \
             (WITH RECURSIVE chain AS (SELECT g.parent_id, g.is_enabled FROM vpn_group_live g WHERE g.id = p.vpn_group_id \
             UNION ALL SELECT g.parent_id, g.is_enabled FROM vpn_group_live g JOIN chain ON chain.parent_id = g.id) \
             SELECT COUNT(*) FROM chain WHERE chain.is_enabled = $2) AS disabled_groups \
             FROM login_name n JOIN account a ON a.id = n.account_id JOIN vpn_pass_live p ON p.account_id = a.id \
             WHERE n.login_key = $1 AND n.is_staged = $2"
        ),
        args![login_key, false],
    )
    .await
}

/// A stay with its counters and how its account stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionRow {
    /// Identity of the visit.
    pub id: VisitId,
    /// Its public name.
    pub uuid: String,
    /// Who.
    pub account_id: Option<AccountId>,
    /// His login as it was.
    pub login: String,
    /// Beginning.
    pub since_at: Millis,
    /// Last sign of life, by our clock.
    pub seen_at: Millis,
    /// End.
    pub until_at: Option<Millis>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// When somebody asked to end it.
    pub end_asked_at: Option<Millis>,
    /// Why.
    pub end_asked_why: Option<String>,
    /// The entry.
    pub nas_id: NasId,
    /// Where the NAS sent its accounting from.
    pub nas_address: String,
    /// The pass it rests on.
    pub pass: Option<String>,
    /// Acct-Session-Id.
    pub session_id: Vec<u8>,
    /// User-Name.
    pub user_name: Vec<u8>,
    /// Framed-IP-Address.
    pub framed_ip: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// Time of the last report, by the clock of the NAS.
    pub event_at: Millis,
    /// Seconds.
    pub session_time: i64,
    /// Whether the NAS ever sent Gigawords.
    pub has_gigawords: bool,
    /// Packets from the user.
    pub packets_up: i64,
    /// Packets to the user.
    pub packets_down: i64,
    /// Octets a second from the user.
    pub rate_up: i64,
    /// Octets a second to the user.
    pub rate_down: i64,
    /// Acct-Interim-Interval in milliseconds.
    pub interim: Millis,
    /// When the octets last grew.
    pub grew_at: Option<Millis>,
    /// Set once its Stop has come.
    pub terminate_cause: Option<i64>,
    /// Whether he may only into the walled garden.
    pub is_in_garden: bool,
    /// Octets from the user.
    pub up: i64,
    /// Octets to the user.
    pub down: i64,
    /// Status of the account; none: it is gone.
    pub is_enabled: Option<bool>,
    /// Status of its live pass; none: it has none.
    pub is_pass_enabled: Option<bool>,
    /// End of the live pass.
    pub expires_at: Option<Millis>,
    /// How many live groups up the chain are disabled.
    pub disabled_groups: i64,
}

/// Finds the newest stay of a session and locks it: details, visit and counters, in this order.
pub async fn find_newest(tx: &mut Tx, nas: NasId, session_id: &[u8]) -> Result<Option<SessionRow>> {
    tx.one(
        sql! {
            sqlite: "SELECT v.id, v.uuid, v.account_id, v.login, v.since_at, v.seen_at, v.until_at, v.ended_why, v.end_asked_at, \
                     v.end_asked_why, r.nas_id, r.nas_address, r.pass, r.session_id, r.user_name, r.framed_ip, r.calling_station, \
                     r.nas_identifier, r.event_at, r.session_time, r.has_gigawords, r.packets_up, r.packets_down, r.rate_up, r.rate_down, r.interim, \
                     r.grew_at, r.terminate_cause, r.is_in_garden, u.up, u.down, a.is_enabled, p.is_enabled AS is_pass_enabled, p.expires_at, \
                     (WITH RECURSIVE chain AS (SELECT g.parent_id, g.is_enabled FROM vpn_group_live g WHERE g.id = p.vpn_group_id \
                     UNION ALL SELECT g.parent_id, g.is_enabled FROM vpn_group_live g JOIN chain ON chain.parent_id = g.id) \
                     SELECT COUNT(*) FROM chain WHERE chain.is_enabled = $3) AS disabled_groups \
                     FROM visit_radius r JOIN visit v ON v.id = r.visit_id JOIN visit_usage u ON u.visit_id = r.visit_id \
                     LEFT JOIN account a ON a.id = v.account_id LEFT JOIN vpn_pass_live p ON p.account_id = v.account_id \
                     WHERE r.nas_id = $1 AND r.session_id = $2 ORDER BY r.visit_id DESC LIMIT 1",
            postgres: "SELECT v.id, v.uuid, v.account_id, v.login, v.since_at, v.seen_at, v.until_at, v.ended_why, v.end_asked_at, \
                       v.end_asked_why, r.nas_id, r.nas_address, r.pass, r.session_id, r.user_name, r.framed_ip, r.calling_station, \
                       r.nas_identifier, r.event_at, r.session_time, r.has_gigawords, r.packets_up, r.packets_down, r.rate_up, r.rate_down, r.interim, \
                       r.grew_at, r.terminate_cause, r.is_in_garden, u.up, u.down, a.is_enabled, p.is_enabled AS is_pass_enabled, p.expires_at, \
                       (WITH RECURSIVE chain AS (SELECT g.parent_id, g.is_enabled FROM vpn_group_live g WHERE g.id = p.vpn_group_id \
                       UNION ALL SELECT g.parent_id, g.is_enabled FROM vpn_group_live g JOIN chain ON chain.parent_id = g.id) \
                       SELECT COUNT(*) FROM chain WHERE chain.is_enabled = $3) AS disabled_groups \
                       FROM visit_radius r JOIN visit v ON v.id = r.visit_id JOIN visit_usage u ON u.visit_id = r.visit_id \
                       LEFT JOIN account a ON a.id = v.account_id LEFT JOIN vpn_pass_live p ON p.account_id = v.account_id \
                       WHERE r.nas_id = $1 AND r.session_id = $2 ORDER BY r.visit_id DESC LIMIT 1 FOR UPDATE OF r, v, u"
        },
        args![nas, session_id, false],
    )
    .await
}

/// Finds a stay by its public name, locked as by [`find_newest`].
pub async fn find_by_uuid(tx: &mut Tx, uuid: &str) -> Result<Option<SessionRow>> {
    let key: Option<(NasId, Vec<u8>, VisitId)> = tx
        .one(
            sql!(
                "SELECT r.nas_id, r.session_id, r.visit_id FROM visit v JOIN visit_radius r ON r.visit_id = v.id WHERE v.uuid = $1"
            ),
            args![uuid],
        )
        .await?;
    let Some((nas, session_id, id)) = key else { return Ok(None) };
    // An older stay of the same session is over: the newest one alone can be open.
    Ok(find_newest(tx, nas, &session_id).await?.filter(|session| session.id == id))
}

/// A stay that begins, or one that was refused and has ended as it began.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Public name.
    pub uuid: &'a str,
    /// Who, if he is known.
    pub account_id: Option<AccountId>,
    /// His login, or what the NAS calls him.
    pub login: &'a str,
    /// His display name.
    pub name: Option<&'a str>,
    /// Where he comes from.
    pub from_address: Option<&'a str>,
    /// Beginning.
    pub since_at: Millis,
    /// By our clock.
    pub seen_at: Millis,
    /// End and its reason, if it has ended.
    pub ended: Option<(Millis, &'a str)>,
    /// The entry.
    pub nas_id: NasId,
    /// Its name.
    pub nas_name: &'a str,
    /// Where the NAS sent its accounting from.
    pub nas_address: &'a str,
    /// The pass it rests on.
    pub pass: Option<&'a str>,
    /// Whether he may only into the walled garden.
    pub is_in_garden: bool,
    /// Acct-Interim-Interval in milliseconds.
    pub interim: Millis,
    /// What its first report says.
    pub report: &'a SessionFields<'a>,
}

/// What every report writes. Texts and octets that it lacks leave alone what is there.
#[derive(Debug)]
pub struct SessionFields<'a> {
    /// Acct-Session-Id.
    pub session_id: &'a [u8],
    /// User-Name.
    pub user_name: &'a [u8],
    /// Class.
    pub class: Option<&'a [u8]>,
    /// Framed-IP-Address.
    pub framed_ip: Option<&'a str>,
    /// Calling-Station-Id.
    pub calling_station: Option<&'a str>,
    /// Called-Station-Id.
    pub called_station: Option<&'a str>,
    /// NAS-Identifier.
    pub nas_identifier: Option<&'a str>,
    /// NAS-Port.
    pub nas_port: Option<i64>,
    /// Connect-Info.
    pub connect_info: Option<&'a str>,
    /// Acct-Multi-Session-Id.
    pub multi_session_id: Option<&'a str>,
    /// By the clock of the NAS.
    pub event_at: Millis,
    /// Seconds.
    pub session_time: i64,
    /// Whether the NAS ever sent Gigawords.
    pub has_gigawords: bool,
    /// Packets from the user.
    pub packets_up: i64,
    /// Packets to the user.
    pub packets_down: i64,
    /// Octets a second from the user.
    pub rate_up: i64,
    /// Octets a second to the user.
    pub rate_down: i64,
    /// When the octets last grew.
    pub grew_at: Option<Millis>,
    /// Set by its Stop.
    pub terminate_cause: Option<i64>,
    /// Octets from the user.
    pub up: i64,
    /// Octets to the user.
    pub down: i64,
}

/// Inserts a stay; none: another process has just opened one of this session, and the transaction must be dropped.
pub async fn insert(tx: &mut Tx, new: &NewSession<'_>) -> Result<Option<VisitId>> {
    let (until_at, ended_why) = new.ended.unzip();
    let visit: Option<(VisitId,)> = tx
        .one(
            sql!(
                "INSERT INTO visit (uuid, door, account_id, login, name, from_address, node_name, since_at, seen_at, until_at, ended_why) \
                 VALUES ($1, 'radius', $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id"
            ),
            args![
                new.uuid,
                new.account_id,
                new.login,
                new.name,
                new.from_address,
                new.nas_name,
                new.since_at,
                new.seen_at,
                until_at,
                ended_why
            ],
        )
        .await?;
    let (id,) = visit.ok_or_else(crate::Error::missing_row)?;
    let f = new.report;
    let details = tx
        .exec(
            sql!(
                "INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, user_name, \
                 class, framed_ip, calling_station, called_station, nas_identifier, nas_port, connect_info, multi_session_id, event_at, \
                 session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim, grew_at, terminate_cause) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 0, 0, $23, \
                 $24, $25) ON CONFLICT DO NOTHING"
            ),
            args![
                id,
                new.nas_id,
                new.nas_name,
                new.nas_address,
                new.pass,
                f.session_id,
                new.ended.is_none(),
                new.is_in_garden,
                f.user_name,
                f.class,
                f.framed_ip,
                f.calling_station,
                f.called_station,
                f.nas_identifier,
                f.nas_port,
                f.connect_info,
                f.multi_session_id,
                f.event_at,
                f.session_time,
                f.has_gigawords,
                f.packets_up,
                f.packets_down,
                new.interim,
                f.grew_at,
                f.terminate_cause
            ],
        )
        .await?;
    if details == 0 {
        return Ok(None);
    }
    tx.exec(sql!("INSERT INTO visit_usage (visit_id, up, down) VALUES ($1, $2, $3)"), args![id, f.up, f.down]).await?;
    Ok(Some(id))
}

/// Writes what a report says of a stay, which is open from now on, or ended; all but its totals.
pub async fn update(
    tx: &mut Tx,
    id: VisitId,
    f: &SessionFields<'_>,
    seen_at: Millis,
    ended: Option<(Millis, &str)>,
) -> Result<()> {
    let (until_at, ended_why) = ended.unzip();
    tx.exec(
        sql!("UPDATE visit SET seen_at = $2, until_at = $3, ended_why = $4 WHERE id = $1"),
        args![id, seen_at, until_at, ended_why],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE visit_radius SET is_open = $2, class = COALESCE($3, class), framed_ip = COALESCE($4, framed_ip), \
             calling_station = COALESCE($5, calling_station), called_station = COALESCE($6, called_station), \
             nas_identifier = COALESCE($7, nas_identifier), nas_port = COALESCE($8, nas_port), \
             connect_info = COALESCE($9, connect_info), multi_session_id = COALESCE($10, multi_session_id), event_at = $11, \
             session_time = $12, has_gigawords = $13, packets_up = $14, packets_down = $15, rate_up = $16, rate_down = $17, \
             grew_at = $18, terminate_cause = $19 WHERE visit_id = $1"
        ),
        args![
            id,
            ended.is_none(),
            f.class,
            f.framed_ip,
            f.calling_station,
            f.called_station,
            f.nas_identifier,
            f.nas_port,
            f.connect_info,
            f.multi_session_id,
            f.event_at,
            f.session_time,
            f.has_gigawords,
            f.packets_up,
            f.packets_down,
            f.rate_up,
            f.rate_down,
            f.grew_at,
            f.terminate_cause
        ],
    )
    .await?;
    Ok(())
}

/// Writes the totals of a stay.
pub async fn update_usage(tx: &mut Tx, id: VisitId, up: i64, down: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE visit_usage SET up = $2, down = $3 WHERE visit_id = $1"), args![id, up, down]).await
}

/// Ends a stay without a report of its NAS.
pub async fn close(tx: &mut Tx, id: VisitId, at: Millis, why: &str) -> Result<u64> {
    release_address(tx, id, at).await?;
    tx.exec(
        sql!("UPDATE visit_radius SET is_open = $2, rate_up = 0, rate_down = 0 WHERE visit_id = $1"),
        args![id, false],
    )
    .await?;
    tx.exec(
        sql!("UPDATE visit SET until_at = $2, ended_why = $3 WHERE id = $1 AND until_at IS NULL"),
        args![id, at, why],
    )
    .await
}

/// How long a dynamic address is kept for whoever had it.
const RELEASE: i64 = 300_000;

/// Gives the dynamic address of a stay that has ended back, after a while.
pub async fn release_address(tx: &mut Tx, id: VisitId, now: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE address SET visit_id = NULL, release_at = $2 WHERE visit_id = $1"),
        args![id, now.0.saturating_add(RELEASE)],
    )
    .await
}

/// Writes whether a stay is in the walled garden.
pub async fn update_garden(tx: &mut Tx, id: VisitId, is_in_garden: bool) -> Result<u64> {
    tx.exec(sql!("UPDATE visit_radius SET is_in_garden = $2 WHERE visit_id = $1"), args![id, is_in_garden]).await
}

/// Ends every open stay of a NAS that began before a moment; gives how many. The plus keeps SQLite from walking all the NAS ever
/// told of: few stays are open.
pub async fn close_all(tx: &mut Tx, nas: NasId, nas_address: &str, at: Millis, why: &str) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE address SET visit_id = NULL, release_at = $4 WHERE visit_id IN (SELECT r.visit_id FROM visit_radius r \
             JOIN visit v ON v.id = r.visit_id WHERE r.nas_id = $1 AND r.nas_address = $2 AND r.is_open AND v.since_at <= $3)"
        ),
        args![nas, nas_address, at, at.0.saturating_add(RELEASE)],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE visit_radius SET is_open = $4, rate_up = 0, rate_down = 0 WHERE +nas_id = $1 AND nas_address = $2 AND is_open \
             AND visit_id IN (SELECT id FROM visit WHERE door = 'radius' AND until_at IS NULL AND since_at <= $3)"
        ),
        args![nas, nas_address, at, false],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE visit SET until_at = $3, ended_why = $4 WHERE until_at IS NULL AND door = 'radius' \
             AND EXISTS (SELECT 1 FROM visit_radius r WHERE r.visit_id = visit.id AND r.nas_id = $1 AND r.nas_address = $2 \
             AND NOT r.is_open)"
        ),
        args![nas, nas_address, at, why],
    )
    .await
}

/// Lists open stays that were not heard of for `intervals` of their own: (nas, session).
pub async fn list_stale(q: &mut impl Query, now: Millis, intervals: i64, limit: i64) -> Result<Vec<(NasId, Vec<u8>)>> {
    q.all(
        sql!(
            "SELECT r.nas_id, r.session_id FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
             WHERE r.is_open AND v.until_at IS NULL AND v.seen_at + r.interim * $2 < $1 ORDER BY r.nas_id, r.session_id LIMIT $3"
        ),
        args![now, intervals, limit],
    )
    .await
}

/// Counts open stays by NAS.
pub async fn count_open(q: &mut impl Query) -> Result<Vec<(NasId, i64)>> {
    q.all(
        sql!(
            "SELECT nas_id, CAST(COUNT(*) AS BIGINT) AS stays FROM visit_radius WHERE is_open GROUP BY nas_id ORDER BY nas_id"
        ),
        args![],
    )
    .await
}
