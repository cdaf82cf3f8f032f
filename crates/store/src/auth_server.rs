//! Foreign authentication servers.

use gatehouse_model::{AuthServerId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `auth_server`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuthServerRow {
    /// Identity.
    pub id: AuthServerId,
    /// Unique name.
    pub name: String,
    /// `ldap` or `radius`.
    pub kind: String,
    /// The rest as JSON.
    pub settings: String,
    /// Bind password or RADIUS secret, sealed.
    pub secret_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// Finds a server.
pub async fn find(q: &mut impl Query, id: AuthServerId) -> Result<Option<AuthServerRow>> {
    q.one(sql!("SELECT id, name, kind, settings, secret_sealed, seal_ref FROM auth_server WHERE id = $1"), args![id])
        .await
}

/// Finds a server by name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<AuthServerRow>> {
    q.one(
        sql!("SELECT id, name, kind, settings, secret_sealed, seal_ref FROM auth_server WHERE name = $1"),
        args![name],
    )
    .await
}

/// Lists all servers by id; the state file names each, so there are few.
pub async fn list(q: &mut impl Query) -> Result<Vec<AuthServerRow>> {
    q.all(sql!("SELECT id, name, kind, settings, secret_sealed, seal_ref FROM auth_server ORDER BY id"), args![]).await
}

/// Inserts a server; the row's id is ignored. `Conflict auth_server_name_key`.
pub async fn insert(tx: &mut Tx, row: &AuthServerRow, at: Millis) -> Result<AuthServerId> {
    let id: Option<(AuthServerId,)> = tx
        .one(
            sql!(
                "INSERT INTO auth_server (name, kind, settings, secret_sealed, seal_ref, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id"
            ),
            args![&row.name, &row.kind, &row.settings, row.secret_sealed.as_deref(), &row.seal_ref, at],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a server, but for its name.
pub async fn update(tx: &mut Tx, row: &AuthServerRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE auth_server SET kind = $2, settings = $3, secret_sealed = $4, updated_at = $5 WHERE id = $1"),
        args![row.id, &row.kind, &row.settings, row.secret_sealed.as_deref(), at],
    )
    .await
}

/// Deletes a server that nobody logs in by, staged or live; 0: somebody does.
pub async fn delete_unused(tx: &mut Tx, id: AuthServerId) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM auth_server WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass p WHERE p.auth_server_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass_live p WHERE p.auth_server_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_group g WHERE g.auth_server_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_group_live g WHERE g.auth_server_id = $1)"
        ),
        args![id],
    )
    .await
}
