//! Codes that roles hold on resource groups, and who holds them there. The view `held_grant` joins memberships, enabled
//! roles and grants, and spreads each grant over the groups below its own.

use gatehouse_model::{AccountId, Millis, ResourceGroupId, RoleId};

use crate::{Query, Result, Tx, args, sql};

/// The moment rights are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Now.
    pub now: Millis,
    /// Minutes since Monday 00:00 in the time zone of the bastion, 0–10,079.
    pub minute_of_week: i64,
}

/// A row of `role_grant`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RoleGrantRow {
    /// Identity.
    pub id: i64,
    /// The role that holds.
    pub role_id: RoleId,
    /// What it holds.
    pub code: String,
    /// On which group, and below it.
    pub resource_group_id: ResourceGroupId,
    /// Protected grants are neither replaced nor deleted.
    pub is_protected: bool,
    /// Holds from then on.
    pub valid_from: Option<Millis>,
    /// Holds until then.
    pub valid_until: Option<Millis>,
    /// Weekly windows as they were given, JSON.
    pub schedule: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
}

/// Whether an account holds a code on a group now.
pub async fn is_held(
    q: &mut impl Query,
    account: AccountId,
    code: &str,
    group: ResourceGroupId,
    at: Moment,
) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT h.role_grant_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 AND h.resource_group_id = $3 \
                 AND (h.member_until IS NULL OR h.member_until > $4) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $4) AND (h.valid_until IS NULL OR h.valid_until > $4) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $5 AND w.until_minute > $5)) ORDER BY h.role_grant_id LIMIT 1"
            ),
            args![account, code, group, at.now, at.minute_of_week],
        )
        .await?;
    Ok(row.is_some())
}

/// Whether an account holds a code on any group now.
pub async fn is_held_anywhere(q: &mut impl Query, account: AccountId, code: &str, at: Moment) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT h.role_grant_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
                 AND (h.member_until IS NULL OR h.member_until > $3) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $3) AND (h.valid_until IS NULL OR h.valid_until > $3) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $4 AND w.until_minute > $4)) ORDER BY h.role_grant_id LIMIT 1"
            ),
            args![account, code, at.now, at.minute_of_week],
        )
        .await?;
    Ok(row.is_some())
}

/// The first grant of another account's roles that an account does not hold itself now; the other's count whatever their time.
pub async fn find_beyond_account(
    q: &mut impl Query,
    account: AccountId,
    other: AccountId,
    at: Moment,
) -> Result<Option<RoleGrantRow>> {
    q.one(
        sql!(
            "SELECT g.* FROM role_grant g JOIN role r ON r.id = g.role_id AND r.is_enabled \
             JOIN account_role m ON m.role_id = g.role_id WHERE m.account_id = $2 \
             AND NOT EXISTS (SELECT 1 FROM held_grant h WHERE h.account_id = $1 AND h.code = g.code \
             AND h.resource_group_id = g.resource_group_id AND (h.member_until IS NULL OR h.member_until > $3) \
             AND (h.valid_from IS NULL OR h.valid_from <= $3) AND (h.valid_until IS NULL OR h.valid_until > $3) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $4 AND w.until_minute > $4))) ORDER BY g.id LIMIT 1"
        ),
        args![account, other, at.now, at.minute_of_week],
    )
    .await
}

/// The first grant of a role that an account does not hold itself now.
pub async fn find_beyond_role(
    q: &mut impl Query,
    account: AccountId,
    role: RoleId,
    at: Moment,
) -> Result<Option<RoleGrantRow>> {
    q.one(
        sql!(
            "SELECT g.* FROM role_grant g WHERE g.role_id = $2 \
             AND NOT EXISTS (SELECT 1 FROM held_grant h WHERE h.account_id = $1 AND h.code = g.code \
             AND h.resource_group_id = g.resource_group_id AND (h.member_until IS NULL OR h.member_until > $3) \
             AND (h.valid_from IS NULL OR h.valid_from <= $3) AND (h.valid_until IS NULL OR h.valid_until > $3) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $4 AND w.until_minute > $4))) ORDER BY g.id LIMIT 1"
        ),
        args![account, role, at.now, at.minute_of_week],
    )
    .await
}

/// Lists the grants of a role by group and code.
pub async fn list_of_role(q: &mut impl Query, role: RoleId) -> Result<Vec<RoleGrantRow>> {
    q.all(sql!("SELECT * FROM role_grant WHERE role_id = $1 ORDER BY resource_group_id, id"), args![role]).await
}

/// When a grant holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub valid_from: Option<Millis>,
    /// Until then.
    pub valid_until: Option<Millis>,
    /// Weekly windows as they were given, JSON.
    pub schedule: Option<String>,
    /// The same as (from, until) in minutes of the week.
    pub windows: Vec<(i64, i64)>,
}

/// Inserts a grant; one that exists is left alone and gives `None`.
pub async fn insert(
    tx: &mut Tx,
    (role, code, group): (RoleId, &str, ResourceGroupId),
    is_protected: bool,
    validity: &Validity,
    at: Millis,
) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO role_grant (role_id, code, resource_group_id, is_protected, valid_from, valid_until, schedule, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (role_id, code, resource_group_id) DO NOTHING RETURNING id"
            ),
            args![
                role,
                code,
                group,
                is_protected,
                validity.valid_from,
                validity.valid_until,
                validity.schedule.as_deref(),
                at
            ],
        )
        .await?;
    let Some((id,)) = row else { return Ok(None) };
    insert_windows(tx, id, validity).await?;
    Ok(Some(id))
}

async fn insert_windows(tx: &mut Tx, id: i64, validity: &Validity) -> Result<()> {
    for (from, until) in &validity.windows {
        tx.exec(
            sql!("INSERT INTO role_grant_window (role_grant_id, from_minute, until_minute) VALUES ($1, $2, $3)"),
            args![id, *from, *until],
        )
        .await?;
    }
    Ok(())
}

/// Sets when an unprotected grant holds; 0: there is none or it is protected.
pub async fn update_validity(tx: &mut Tx, id: i64, validity: &Validity) -> Result<u64> {
    let changed = tx
        .exec(
            sql!(
                "UPDATE role_grant SET valid_from = $2, valid_until = $3, schedule = $4 WHERE id = $1 AND is_protected = $5"
            ),
            args![id, validity.valid_from, validity.valid_until, validity.schedule.as_deref(), false],
        )
        .await?;
    if changed > 0 {
        tx.exec(sql!("DELETE FROM role_grant_window WHERE role_grant_id = $1"), args![id]).await?;
        insert_windows(tx, id, validity).await?;
    }
    Ok(changed)
}

/// Deletes one unprotected grant; 0: there is none or it is protected.
pub async fn delete(tx: &mut Tx, id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM role_grant WHERE id = $1 AND is_protected = $2"), args![id, false]).await
}
