//! Who is in through the radius door by a VPN pass, and what a change of live rows means for him.

use gatehouse_model::{AccountId, Millis, VpnGroupId, VpnPolicySetId, VpnResourceGroupId, VpnResourceId, VpnRoleId};

use crate::{Query, Result, args, list, sql};

/// Who is in and gets other terms by the publication. Before the copies: live rows are the old ones.
pub async fn list_changing(q: &mut impl Query) -> Result<Vec<AccountId>> {
    let mut changing = list_changing_users(q).await?;
    changing.extend(list_changing_by_groups(q).await?);
    changing.extend(list_changing_by_roles(q).await?);
    changing.sort_unstable();
    changing.dedup();
    Ok(changing)
}

async fn list_changing_users(q: &mut impl Query) -> Result<Vec<AccountId>> {
    let rows: Vec<(AccountId,)> = q
        .all(
            sql!(
                "SELECT DISTINCT l.account_id FROM vpn_pending q JOIN vpn_pass_live l ON l.account_id = q.object_id \
                 JOIN vpn_pass s ON s.account_id = l.account_id \
                 JOIN visit v ON v.account_id = l.account_id AND v.until_at IS NULL \
                 JOIN visit_radius r ON r.visit_id = v.id AND r.is_open AND r.pass = 'vpn' \
                 WHERE q.kind = $1 AND (s.vpn_group_id <> l.vpn_group_id OR s.inherits_policy <> l.inherits_policy \
                 OR s.policy_set_id <> l.policy_set_id OR s.fixed_ip IS DISTINCT FROM l.fixed_ip \
                 OR s.expires_at IS DISTINCT FROM l.expires_at \
                 OR EXISTS (SELECT 1 FROM vpn_role_user n WHERE n.account_id = l.account_id \
                 AND NOT EXISTS (SELECT 1 FROM vpn_role_user_live o WHERE o.account_id = n.account_id AND o.vpn_role_id = n.vpn_role_id)) \
                 OR EXISTS (SELECT 1 FROM vpn_role_user_live o WHERE o.account_id = l.account_id \
                 AND NOT EXISTS (SELECT 1 FROM vpn_role_user n WHERE n.account_id = o.account_id AND n.vpn_role_id = o.vpn_role_id))) \
                 ORDER BY l.account_id"
            ),
            args!["user"],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn list_changing_by_groups(q: &mut impl Query) -> Result<Vec<AccountId>> {
    let rows: Vec<(AccountId,)> = q
        .all(
            sql!(
                "SELECT DISTINCT l.account_id FROM vpn_pending q JOIN vpn_group_live o ON o.id = q.object_id \
                 LEFT JOIN vpn_group s ON s.id = o.id \
                 JOIN vpn_group_live g ON g.id = o.id OR o.path = '/' OR (g.path >= o.path || '/' AND g.path < o.path || '0') \
                 JOIN vpn_pass_live l ON l.vpn_group_id = g.id \
                 JOIN visit v ON v.account_id = l.account_id AND v.until_at IS NULL \
                 JOIN visit_radius r ON r.visit_id = v.id AND r.is_open AND r.pass = 'vpn' \
                 WHERE q.kind = $1 AND (s.id IS NULL OR s.parent_id IS DISTINCT FROM o.parent_id \
                 OR s.inherits_policy <> o.inherits_policy OR s.forces_policy <> o.forces_policy \
                 OR s.policy_set_id <> o.policy_set_id OR s.inherits_roles <> o.inherits_roles \
                 OR EXISTS (SELECT 1 FROM vpn_role_group n WHERE n.vpn_group_id = o.id \
                 AND NOT EXISTS (SELECT 1 FROM vpn_role_group_live k WHERE k.vpn_group_id = o.id AND k.vpn_role_id = n.vpn_role_id)) \
                 OR EXISTS (SELECT 1 FROM vpn_role_group_live k WHERE k.vpn_group_id = o.id \
                 AND NOT EXISTS (SELECT 1 FROM vpn_role_group n WHERE n.vpn_group_id = o.id AND n.vpn_role_id = k.vpn_role_id))) \
                 ORDER BY l.account_id"
            ),
            args!["group"],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Through roles that changed, or that open a resource or resource group that changed or moved.
async fn list_changing_by_roles(q: &mut impl Query) -> Result<Vec<AccountId>> {
    let roles: Vec<(VpnRoleId,)> = q
        .all(
            sql!(
                "SELECT object_id AS id FROM vpn_pending WHERE kind = $1 \
                 UNION SELECT k.vpn_role_id FROM vpn_pending q \
                 JOIN vpn_role_resource_live k ON k.vpn_resource_id = q.object_id WHERE q.kind = $2 \
                 UNION SELECT k.vpn_role_id FROM vpn_pending q JOIN vpn_resource_live x ON x.id = q.object_id \
                 JOIN vpn_role_resource_group_live k ON k.vpn_resource_group_id = x.vpn_resource_group_id WHERE q.kind = $2 \
                 UNION SELECT k.vpn_role_id FROM vpn_pending q JOIN vpn_resource x ON x.id = q.object_id \
                 JOIN vpn_role_resource_group_live k ON k.vpn_resource_group_id = x.vpn_resource_group_id WHERE q.kind = $2 \
                 UNION SELECT k.vpn_role_id FROM vpn_pending q \
                 JOIN vpn_role_resource_group_live k ON k.vpn_resource_group_id = q.object_id WHERE q.kind = $3 ORDER BY id"
            ),
            args!["role", "resource", "resource_group"],
        )
        .await?;
    list_holding(q, roles.into_iter().map(|(id,)| id)).await
}

/// Lists the live roles that open one of these resources, directly or by its group, or one of these resource groups.
pub async fn list_opening(
    q: &mut impl Query,
    resources: impl IntoIterator<Item = VpnResourceId>,
    groups: impl IntoIterator<Item = VpnResourceGroupId>,
) -> Result<Vec<VpnRoleId>> {
    let rows: Vec<(VpnRoleId,)> = q
        .all(
            sql! {
                sqlite: "SELECT vpn_role_id AS id FROM vpn_role_resource_live \
                         WHERE vpn_resource_id IN (SELECT value FROM json_each($1)) \
                         UNION SELECT k.vpn_role_id FROM vpn_resource_live x \
                         JOIN vpn_role_resource_group_live k ON k.vpn_resource_group_id = x.vpn_resource_group_id \
                         WHERE x.id IN (SELECT value FROM json_each($1)) \
                         UNION SELECT vpn_role_id FROM vpn_role_resource_group_live \
                         WHERE vpn_resource_group_id IN (SELECT value FROM json_each($2)) ORDER BY id",
                postgres: "SELECT vpn_role_id AS id FROM vpn_role_resource_live WHERE vpn_resource_id IN (SELECT CAST(value AS BIGINT) \
                           FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                           UNION SELECT k.vpn_role_id FROM vpn_resource_live x \
                           JOIN vpn_role_resource_group_live k ON k.vpn_resource_group_id = x.vpn_resource_group_id \
                           WHERE x.id IN (SELECT CAST(value AS BIGINT) \
                           FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                           UNION SELECT vpn_role_id FROM vpn_role_resource_group_live WHERE vpn_resource_group_id IN \
                           (SELECT CAST(value AS BIGINT) \
                           FROM json_array_elements_text(CAST(CAST($2 AS TEXT) AS JSON)) AS asked (value)) ORDER BY id"
            },
            args![
                list::json(resources.into_iter().map(|id| id.0)),
                list::json(groups.into_iter().map(|id| id.0))
            ],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Lists who is in and has one of these live roles, himself or through his group or one above it.
pub async fn list_holding(q: &mut impl Query, roles: impl IntoIterator<Item = VpnRoleId>) -> Result<Vec<AccountId>> {
    let roles: Vec<i64> = roles.into_iter().map(|id| id.0).collect();
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(AccountId,)> = q
        .all(
            sql! {
                sqlite: "WITH affected (id) AS (SELECT value FROM json_each($1)) \
                         SELECT DISTINCT l.account_id FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
                         JOIN vpn_pass_live l ON l.account_id = v.account_id JOIN vpn_group_live g ON g.id = l.vpn_group_id \
                         WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL \
                         AND (EXISTS (SELECT 1 FROM vpn_role_user_live u WHERE u.account_id = l.account_id \
                         AND u.vpn_role_id IN (SELECT id FROM affected)) \
                         OR EXISTS (SELECT 1 FROM affected f JOIN vpn_role_group_live k ON k.vpn_role_id = f.id \
                         JOIN vpn_group_live h ON h.id = k.vpn_group_id \
                         WHERE h.id = g.id OR h.path = '/' OR (g.path >= h.path || '/' AND g.path < h.path || '0'))) \
                         ORDER BY l.account_id",
                postgres: "WITH affected (id) AS (SELECT CAST(value AS BIGINT) \
                           FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                           SELECT DISTINCT l.account_id FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
                           JOIN vpn_pass_live l ON l.account_id = v.account_id JOIN vpn_group_live g ON g.id = l.vpn_group_id \
                           WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL \
                           AND (EXISTS (SELECT 1 FROM vpn_role_user_live u WHERE u.account_id = l.account_id \
                           AND u.vpn_role_id IN (SELECT id FROM affected)) \
                           OR EXISTS (SELECT 1 FROM affected f JOIN vpn_role_group_live k ON k.vpn_role_id = f.id \
                           JOIN vpn_group_live h ON h.id = k.vpn_group_id \
                           WHERE h.id = g.id OR h.path = '/' OR (g.path >= h.path || '/' AND g.path < h.path || '0'))) \
                           ORDER BY l.account_id"
            },
            args![list::json(roles)],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Somebody who is in by the VPN pass, and what decides on his policy set.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct InsideRow {
    /// Who.
    pub account_id: AccountId,
    /// His live group.
    pub vpn_group_id: VpnGroupId,
    /// Whether the group's policy set counts for him.
    pub inherits_policy: bool,
    /// His own policy set.
    pub policy_set_id: VpnPolicySetId,
}

/// Lists who is in.
pub async fn list_inside(q: &mut impl Query) -> Result<Vec<InsideRow>> {
    q.all(
        sql!(
            "SELECT DISTINCT l.account_id, l.vpn_group_id, l.inherits_policy, l.policy_set_id FROM visit_radius r \
             JOIN visit v ON v.id = r.visit_id JOIN vpn_pass_live l ON l.account_id = v.account_id \
             WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL ORDER BY l.account_id"
        ),
        args![],
    )
    .await
}

/// Who is in and gets another password by the publication. Before the copies.
pub async fn list_repassworded(q: &mut impl Query) -> Result<Vec<AccountId>> {
    let rows: Vec<(AccountId,)> = q
        .all(
            sql!(
                "SELECT DISTINCT a.id FROM vpn_pending q JOIN vpn_pass s ON s.account_id = q.object_id \
                 JOIN account a ON a.id = s.account_id \
                 JOIN visit v ON v.account_id = a.id AND v.until_at IS NULL \
                 JOIN visit_radius r ON r.visit_id = v.id AND r.is_open AND r.pass = 'vpn' \
                 WHERE q.kind = $1 AND s.is_password_staged AND a.origin = 'vpn' \
                 AND NOT EXISTS (SELECT 1 FROM staff_pass f WHERE f.account_id = a.id) \
                 AND NOT EXISTS (SELECT 1 FROM proxy_pass f WHERE f.account_id = a.id) ORDER BY a.id"
            ),
            args!["user"],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Who is in by the VPN pass and may not be, with the reason: `deleted`, `pass_revoked`, `disabled` or `expired`. After the copies.
/// Stays that are being ended are left out.
pub async fn list_denied(q: &mut impl Query, now: Millis) -> Result<Vec<(AccountId, String)>> {
    q.all(
        sql!(
            "WITH RECURSIVE closed (id) AS (SELECT id FROM vpn_group_live WHERE NOT is_enabled \
             UNION SELECT g.id FROM vpn_group_live g JOIN closed c ON g.parent_id = c.id) \
             SELECT DISTINCT v.account_id, CASE WHEN a.id IS NULL THEN 'deleted' WHEN l.account_id IS NULL THEN 'pass_revoked' \
             WHEN a.is_enabled AND l.is_enabled AND l.vpn_group_id NOT IN (SELECT id FROM closed) THEN 'expired' \
             ELSE 'disabled' END AS why FROM visit_radius r JOIN visit v ON v.id = r.visit_id \
             LEFT JOIN account a ON a.id = v.account_id LEFT JOIN vpn_pass_live l ON l.account_id = v.account_id \
             WHERE r.is_open AND r.pass = 'vpn' AND v.until_at IS NULL AND v.end_asked_at IS NULL AND v.account_id IS NOT NULL \
             AND (a.id IS NULL OR l.account_id IS NULL OR NOT a.is_enabled OR NOT l.is_enabled OR l.expires_at <= $1 \
             OR l.vpn_group_id IN (SELECT id FROM closed)) ORDER BY v.account_id"
        ),
        args![now],
    )
    .await
}
