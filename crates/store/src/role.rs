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

/// Finds a role.
pub async fn find(q: &mut impl Query, id: RoleId) -> Result<Option<RoleRow>> {
    q.one(sql!("SELECT * FROM role WHERE id = $1"), args![id]).await
}

/// Finds a role by its name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<RoleRow>> {
    q.one(sql!("SELECT * FROM role WHERE name = $1"), args![name]).await
}

/// Counts roles; `name` is a `LIKE` pattern on the folded name, with `\` as escape.
pub async fn count(q: &mut impl Query, name: Option<&str>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT COUNT(*) AS n FROM role WHERE (CAST($1 AS TEXT) IS NULL OR name_folded LIKE $1 ESCAPE '\\')"),
            args![name],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists roles by id, downwards or upwards; `name` as in [`count`].
pub async fn list_page(
    q: &mut impl Query,
    name: Option<&str>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<RoleRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT * FROM role WHERE (CAST($1 AS TEXT) IS NULL OR name_folded LIKE $1 ESCAPE '\\') \
             ORDER BY id * $2 LIMIT $3 OFFSET $4"
        ),
        args![name, direction, limit, offset],
    )
    .await
}

/// What an edit of a role sets: `None` leaves a column alone, `Some(None)` empties it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoleUpdate<'a> {
    /// Display name.
    pub name: Option<&'a str>,
    /// Natural key.
    pub code: Option<&'a str>,
    /// Note.
    pub remark: Option<Option<&'a str>>,
    /// Whether it grants anything.
    pub is_enabled: Option<bool>,
}

/// Sets the given columns of a role and no others.
pub async fn update_given(tx: &mut Tx, id: RoleId, new: RoleUpdate<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE role SET name = COALESCE($2, name), name_folded = COALESCE($3, name_folded), code = COALESCE($4, code), \
             remark = CASE WHEN $5 THEN $6 ELSE remark END, is_enabled = COALESCE($7, is_enabled), updated_at = $8 WHERE id = $1"
        ),
        args![
            id,
            new.name,
            new.name.map(fold_key),
            new.code,
            new.remark.is_some(),
            new.remark.flatten(),
            new.is_enabled,
            at
        ],
    )
    .await
}

/// Marks a role as changed: its codes or grants were.
pub async fn update_touched(tx: &mut Tx, id: RoleId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE role SET updated_at = $2 WHERE id = $1"), args![id, at]).await
}

/// Disables the command rules that hold for this role only: without it they would hold for everybody.
pub async fn disable_own_rules(tx: &mut Tx, id: RoleId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE command_rule SET is_enabled = $2, updated_at = $3 \
             WHERE id IN (SELECT command_rule_id FROM command_rule_role WHERE role_id = $1) \
             AND id NOT IN (SELECT command_rule_id FROM command_rule_role WHERE role_id <> $1)"
        ),
        args![id, false, at],
    )
    .await
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

/// Sets until when an account has a role it has; none: for good.
pub async fn update_member(tx: &mut Tx, account: AccountId, role: RoleId, valid_until: Option<Millis>) -> Result<u64> {
    tx.exec(
        sql!("UPDATE account_role SET valid_until = $3 WHERE account_id = $1 AND role_id = $2"),
        args![account, role, valid_until],
    )
    .await
}

/// Lists the memberships of an account by role, ended ones too: role and until when.
pub async fn list_members(q: &mut impl Query, account: AccountId) -> Result<Vec<(RoleId, Option<Millis>)>> {
    q.all(sql!("SELECT role_id, valid_until FROM account_role WHERE account_id = $1 ORDER BY role_id"), args![account])
        .await
}

/// Whether an account with a staff pass has a role now.
pub async fn is_member(q: &mut impl Query, account: AccountId, role: RoleId, at: Millis) -> Result<bool> {
    let row: Option<(RoleId,)> = q
        .one(
            sql!(
                "SELECT m.role_id FROM account_role m JOIN staff_pass s ON s.account_id = m.account_id \
                 WHERE m.account_id = $1 AND m.role_id = $2 AND (m.valid_until IS NULL OR m.valid_until > $3)"
            ),
            args![account, role, at],
        )
        .await?;
    Ok(row.is_some())
}

/// Counts the enabled accounts of staff that have a role for good.
pub async fn count_lasting_members(q: &mut impl Query, role: RoleId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM account_role m JOIN staff_pass s ON s.account_id = m.account_id \
                 JOIN account a ON a.id = m.account_id WHERE m.role_id = $1 AND m.valid_until IS NULL AND a.is_enabled = $2"
            ),
            args![role, true],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
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
