//! An account of staff as its owner sees it.

use gatehouse_model::{AccountId, Millis, RoleId};

use crate::{Query, Result, Tx, args, sql};

/// An account with its staff pass.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OwnAccountRow {
    /// Identity.
    pub id: AccountId,
    /// Login as it was given.
    pub login: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail as it was given.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The switch.
    pub is_enabled: bool,
    /// Neither disabled nor deleted.
    pub is_protected: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// Note of the staff pass.
    pub remark: Option<String>,
    /// Path of a picture.
    pub avatar: Option<String>,
    /// Last login of staff.
    pub last_login_at: Option<Millis>,
}

/// Finds an account that has a staff pass.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<OwnAccountRow>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.name, a.email, a.phone, a.is_enabled, a.is_protected, a.created_at, a.updated_at, \
             p.remark, p.avatar, p.last_login_at FROM account a JOIN staff_pass p ON p.account_id = a.id WHERE a.id = $1"
        ),
        args![id],
    )
    .await
}

/// Lists the roles an account is a member of, disabled ones too.
pub async fn list_roles(q: &mut impl Query, id: AccountId, at: Millis) -> Result<Vec<RoleId>> {
    let rows: Vec<(RoleId,)> = q
        .all(
            sql!(
                "SELECT role_id FROM account_role WHERE account_id = $1 AND (valid_until IS NULL OR valid_until > $2) ORDER BY role_id"
            ),
            args![id, at],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Sets the note of a staff pass.
pub async fn update_remark(tx: &mut Tx, id: AccountId, remark: Option<&str>, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE staff_pass SET remark = $2, updated_at = $3 WHERE account_id = $1"), args![id, remark, at])
        .await
}

/// Notes a login of staff.
pub async fn update_last_login(tx: &mut Tx, id: AccountId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE staff_pass SET last_login_at = $2 WHERE account_id = $1"), args![id, at]).await
}
