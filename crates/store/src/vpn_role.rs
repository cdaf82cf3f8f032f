//! Roles of the vpn surface, staged, and what hangs on them.

use gatehouse_model::{Millis, VpnRoleId};

use crate::{Query, Result, Statement, Tx, args, sql};

/// A row of `vpn_role`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnRoleRow {
    /// Identity.
    pub id: VpnRoleId,
    /// Unique name.
    pub name: String,
    /// Note.
    pub note: String,
    /// Whether it counts.
    pub is_enabled: bool,
}

/// What hangs on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// Users who have it, by login as it is staged.
    Users,
    /// Groups that have it, by path.
    Groups,
    /// Resources it opens, by name.
    Resources,
    /// Resource groups it opens, by name.
    ResourceGroups,
}

/// Finds a role by name.
pub async fn find(q: &mut impl Query, name: &str) -> Result<Option<VpnRoleRow>> {
    q.one(sql!("SELECT id, name, note, is_enabled FROM vpn_role WHERE name = $1"), args![name]).await
}

/// Finds a role by name and keeps others from changing it until the transaction ends.
pub async fn own(tx: &mut Tx, name: &str, at: Millis) -> Result<Option<VpnRoleRow>> {
    tx.one(
        sql!("UPDATE vpn_role SET updated_at = $2 WHERE name = $1 RETURNING id, name, note, is_enabled"),
        args![name, at],
    )
    .await
}

/// Inserts a role. `Conflict` for a taken name.
pub async fn insert(tx: &mut Tx, name: &str, note: &str, is_enabled: bool, at: Millis) -> Result<VpnRoleId> {
    let row: Option<(VpnRoleId,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_role (name, note, is_enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) RETURNING id"
            ),
            args![name, note, is_enabled, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a role. `Conflict` for a taken name.
pub async fn update(tx: &mut Tx, row: &VpnRoleRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE vpn_role SET name = $2, note = $3, is_enabled = $4, updated_at = $5 WHERE id = $1"),
        args![row.id, &row.name, &row.note, row.is_enabled, at],
    )
    .await
}

/// Deletes a role with its links; gives its id when it existed.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<Option<VpnRoleId>> {
    let row: Option<(VpnRoleId,)> =
        tx.one(sql!("DELETE FROM vpn_role WHERE name = $1 RETURNING id"), args![name]).await?;
    Ok(row.map(|(id,)| id))
}

/// Lists a page by id.
pub async fn list(q: &mut impl Query, offset: i64, limit: i64) -> Result<Vec<VpnRoleRow>> {
    q.all(sql!("SELECT id, name, note, is_enabled FROM vpn_role ORDER BY id LIMIT $2 OFFSET $1"), args![offset, limit])
        .await
}

/// How many roles there are.
pub async fn count(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT COUNT(*) AS n FROM vpn_role"), args![]).await?;
    row.map(|(n,)| n).ok_or_else(crate::Error::missing_row)
}

/// Lists what of a kind hangs on a role: (id, name), by id.
pub async fn list_linked(q: &mut impl Query, role: VpnRoleId, linked: Linked) -> Result<Vec<(i64, String)>> {
    let statement: Statement = match linked {
        Linked::Users => sql!(
            "SELECT l.account_id, COALESCE(p.login, a.login) AS name FROM vpn_role_user l JOIN account a ON a.id = l.account_id \
             JOIN vpn_pass p ON p.account_id = a.id WHERE l.vpn_role_id = $1 ORDER BY l.account_id"
        ),
        Linked::Groups => sql!(
            "SELECT l.vpn_group_id, g.path AS name FROM vpn_role_group l JOIN vpn_group g ON g.id = l.vpn_group_id \
             WHERE l.vpn_role_id = $1 ORDER BY l.vpn_group_id"
        ),
        Linked::Resources => sql!(
            "SELECT l.vpn_resource_id, r.name FROM vpn_role_resource l JOIN vpn_resource r ON r.id = l.vpn_resource_id \
             WHERE l.vpn_role_id = $1 ORDER BY l.vpn_resource_id"
        ),
        Linked::ResourceGroups => sql!(
            "SELECT l.vpn_resource_group_id, g.name FROM vpn_role_resource_group l \
             JOIN vpn_resource_group g ON g.id = l.vpn_resource_group_id WHERE l.vpn_role_id = $1 ORDER BY l.vpn_resource_group_id"
        ),
    };
    q.all(statement, args![role]).await
}

/// Finds what a name stands for: a staged login (its folded key), a path of a group, or a name.
pub async fn find_linkable(q: &mut impl Query, linked: Linked, name: &str) -> Result<Option<i64>> {
    let statement: Statement = match linked {
        Linked::Users => return Ok(crate::vpn_user::find_id(q, name).await?.map(|id| id.0)),
        Linked::Groups => sql!("SELECT id FROM vpn_group WHERE path = $1"),
        Linked::Resources => sql!("SELECT id FROM vpn_resource WHERE name = $1"),
        Linked::ResourceGroups => sql!("SELECT id FROM vpn_resource_group WHERE name = $1"),
    };
    let row: Option<(i64,)> = q.one(statement, args![name]).await?;
    Ok(row.map(|(id,)| id))
}

/// Hangs something on a role. Repeating is a no-op.
pub async fn link(tx: &mut Tx, role: VpnRoleId, linked: Linked, id: i64) -> Result<u64> {
    let statement: Statement = match linked {
        Linked::Users => {
            sql!("INSERT INTO vpn_role_user (vpn_role_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        }
        Linked::Groups => {
            sql!("INSERT INTO vpn_role_group (vpn_role_id, vpn_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        }
        Linked::Resources => {
            sql!("INSERT INTO vpn_role_resource (vpn_role_id, vpn_resource_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        }
        Linked::ResourceGroups => {
            sql!(
                "INSERT INTO vpn_role_resource_group (vpn_role_id, vpn_resource_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            )
        }
    };
    tx.exec(statement, args![role, id]).await
}

/// Takes something off a role.
pub async fn unlink(tx: &mut Tx, role: VpnRoleId, linked: Linked, id: i64) -> Result<u64> {
    let statement: Statement = match linked {
        Linked::Users => sql!("DELETE FROM vpn_role_user WHERE vpn_role_id = $1 AND account_id = $2"),
        Linked::Groups => sql!("DELETE FROM vpn_role_group WHERE vpn_role_id = $1 AND vpn_group_id = $2"),
        Linked::Resources => sql!("DELETE FROM vpn_role_resource WHERE vpn_role_id = $1 AND vpn_resource_id = $2"),
        Linked::ResourceGroups => {
            sql!("DELETE FROM vpn_role_resource_group WHERE vpn_role_id = $1 AND vpn_resource_group_id = $2")
        }
    };
    tx.exec(statement, args![role, id]).await
}

/// Lists the roles that something hangs on, by id.
pub async fn list_opening(q: &mut impl Query, linked: Linked, id: i64) -> Result<Vec<VpnRoleId>> {
    let statement: Statement = match linked {
        Linked::Users => sql!("SELECT vpn_role_id FROM vpn_role_user WHERE account_id = $1 ORDER BY vpn_role_id"),
        Linked::Groups => sql!("SELECT vpn_role_id FROM vpn_role_group WHERE vpn_group_id = $1 ORDER BY vpn_role_id"),
        Linked::Resources => {
            sql!("SELECT vpn_role_id FROM vpn_role_resource WHERE vpn_resource_id = $1 ORDER BY vpn_role_id")
        }
        Linked::ResourceGroups => {
            sql!(
                "SELECT vpn_role_id FROM vpn_role_resource_group WHERE vpn_resource_group_id = $1 ORDER BY vpn_role_id"
            )
        }
    };
    let rows: Vec<(VpnRoleId,)> = q.all(statement, args![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
