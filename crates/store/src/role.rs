//! Roles, the codes they hold and who holds them.

use gatehouse_model::{AccountId, Millis, RoleId, fold_key};

use crate::{Query, Result, Tx, args, sql};

/// A row of `role`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RoleRow {
    /// Identity.
    pub id: RoleId,
    /// Natural key.
    pub code: String,
    /// Display name.
    pub name: String,
    /// Note.
    pub remark: Option<String>,
    /// A disabled role grants nothing.
    pub is_enabled: bool,
    /// Protected roles are not changed.
    pub is_protected: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// Inserts a role.
pub async fn insert(tx: &mut Tx, code: &str, name: &str, is_protected: bool, at: Millis) -> Result<RoleId> {
    let row: Option<(RoleId,)> = tx
        .one(
            sql!(
                "INSERT INTO role (code, name, name_folded, is_enabled, is_protected, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id"
            ),
            args![code, name, fold_key(name), true, is_protected, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds a role by its code.
pub async fn find_by_code(q: &mut impl Query, code: &str) -> Result<Option<RoleRow>> {
    q.one(sql!("SELECT * FROM role WHERE code = $1"), args![code]).await
}

/// Lists roles.
pub async fn list(q: &mut impl Query) -> Result<Vec<RoleRow>> {
    q.all(sql!("SELECT * FROM role ORDER BY id"), args![]).await
}

/// Sets a role's name, note and status.
pub async fn update(
    tx: &mut Tx,
    id: RoleId,
    name: &str,
    remark: Option<&str>,
    is_enabled: bool,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE role SET name = $2, name_folded = $6, remark = $3, is_enabled = $4, updated_at = $5 WHERE id = $1"
        ),
        args![id, name, remark, is_enabled, at, fold_key(name)],
    )
    .await
}

/// Deletes a role; grants go with it.
pub async fn delete(tx: &mut Tx, id: RoleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM role WHERE id = $1"), args![id]).await
}

/// Lists the codes of a role.
pub async fn list_codes(q: &mut impl Query, id: RoleId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        q.all(sql!("SELECT code FROM role_code WHERE role_id = $1 ORDER BY code"), args![id]).await?;
    Ok(rows.into_iter().map(|(code,)| code).collect())
}

/// Adds a code to a role; one it has already is left alone.
pub async fn insert_code(tx: &mut Tx, id: RoleId, code: &str) -> Result<u64> {
    tx.exec(sql!("INSERT INTO role_code (role_id, code) VALUES ($1, $2) ON CONFLICT DO NOTHING"), args![id, code]).await
}

/// Takes a code from a role.
pub async fn delete_code(tx: &mut Tx, id: RoleId, code: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM role_code WHERE role_id = $1 AND code = $2"), args![id, code]).await
}

/// Gives an account a role; one it has already keeps its row.
pub async fn insert_member(tx: &mut Tx, account: AccountId, role: RoleId) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO account_role (account_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![account, role],
    )
    .await
}

/// Takes a role from an account.
pub async fn delete_member(tx: &mut Tx, account: AccountId, role: RoleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM account_role WHERE account_id = $1 AND role_id = $2"), args![account, role]).await
}

/// Lists the roles an account holds, expired memberships left out.
pub async fn list_of_account(q: &mut impl Query, account: AccountId, at: Millis) -> Result<Vec<RoleRow>> {
    q.all(
        sql!(
            "SELECT r.* FROM account_role m JOIN role r ON r.id = m.role_id \
             WHERE m.account_id = $1 AND (m.valid_until IS NULL OR m.valid_until > $2) ORDER BY r.id"
        ),
        args![account, at],
    )
    .await
}

/// Lists the codes an account holds through enabled roles, if it has a staff pass.
pub async fn list_codes_of_account(q: &mut impl Query, account: AccountId, at: Millis) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = q
        .all(
            sql!(
                "SELECT DISTINCT c.code FROM account_role m JOIN role r ON r.id = m.role_id JOIN role_code c ON c.role_id = r.id \
                 JOIN staff_pass s ON s.account_id = m.account_id \
                 WHERE m.account_id = $1 AND r.is_enabled = $2 AND (m.valid_until IS NULL OR m.valid_until > $3) ORDER BY c.code"
            ),
            args![account, true, at],
        )
        .await?;
    Ok(rows.into_iter().map(|(code,)| code).collect())
}
