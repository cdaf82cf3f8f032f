//! Users of the bastion: accounts with a staff pass.

use gatehouse_model::{AccountId, Millis, fold_key};

use crate::{Query, Result, Tx, args, sql};

/// An account as a user of the bastion.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StaffRow {
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
    /// The one switch that closes every door.
    pub is_enabled: bool,
    /// Neither edited nor deleted.
    pub is_protected: bool,
    /// Path of a picture.
    pub avatar: Option<String>,
    /// Note.
    pub remark: Option<String>,
    /// Last login as staff.
    pub last_login_at: Option<Millis>,
    /// When the account was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// Ids of the roles it has now, separated by commas, in no order.
    pub role_ids: Option<String>,
}

/// What of the users is listed. Texts are `LIKE` patterns on folded columns, with `\` as escape.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaffFilter<'a> {
    /// On the display name.
    pub name: Option<&'a str>,
    /// On the login.
    pub login: Option<&'a str>,
    /// On the e-mail.
    pub email: Option<&'a str>,
    /// On the phone number.
    pub phone: Option<&'a str>,
    /// Only enabled or only disabled ones.
    pub is_enabled: Option<bool>,
}

/// Finds a user; roles are those whose membership has not ended at `at`.
pub async fn find(q: &mut impl Query, id: AccountId, at: Millis) -> Result<Option<StaffRow>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.name, a.email, a.phone, a.is_enabled, a.is_protected, s.avatar, s.remark, s.last_login_at, \
             a.created_at, a.updated_at, (SELECT STRING_AGG(CAST(m.role_id AS TEXT), ',') FROM account_role m \
             WHERE m.account_id = a.id AND (m.valid_until IS NULL OR m.valid_until > $2)) AS role_ids \
             FROM staff_pass s JOIN account a ON a.id = s.account_id WHERE s.account_id = $1"
        ),
        args![id, at],
    )
    .await
}

/// Whether somebody has a folded login, or is about to get it.
pub async fn is_login_taken(q: &mut impl Query, login_key: &str) -> Result<bool> {
    let row: Option<(AccountId,)> =
        q.one(sql!("SELECT account_id FROM login_name WHERE login_key = $1"), args![login_key]).await?;
    Ok(row.is_some())
}

/// Counts users.
pub async fn count(q: &mut impl Query, filter: StaffFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM staff_pass s JOIN account a ON a.id = s.account_id \
                 JOIN login_name n ON n.account_id = a.id AND n.is_staged = $6 \
                 WHERE (CAST($1 AS TEXT) IS NULL OR a.name_folded LIKE $1 ESCAPE '\\') \
                 AND (CAST($2 AS TEXT) IS NULL OR n.login_key LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR a.email_key LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS TEXT) IS NULL OR a.phone LIKE $4 ESCAPE '\\') \
                 AND (CAST($5 AS BOOLEAN) IS NULL OR a.is_enabled = $5)"
            ),
            args![filter.name, filter.login, filter.email, filter.phone, filter.is_enabled, false],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists users by id, downwards or upwards, with the roles whose membership has not ended at `at`.
pub async fn list(
    q: &mut impl Query,
    filter: StaffFilter<'_>,
    at: Millis,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<StaffRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT a.id, a.login, a.name, a.email, a.phone, a.is_enabled, a.is_protected, s.avatar, s.remark, s.last_login_at, \
             a.created_at, a.updated_at, (SELECT STRING_AGG(CAST(m.role_id AS TEXT), ',') FROM account_role m \
             WHERE m.account_id = a.id AND (m.valid_until IS NULL OR m.valid_until > $7)) AS role_ids \
             FROM staff_pass s JOIN account a ON a.id = s.account_id \
             JOIN login_name n ON n.account_id = a.id AND n.is_staged = $6 \
             WHERE (CAST($1 AS TEXT) IS NULL OR a.name_folded LIKE $1 ESCAPE '\\') \
             AND (CAST($2 AS TEXT) IS NULL OR n.login_key LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR a.email_key LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS TEXT) IS NULL OR a.phone LIKE $4 ESCAPE '\\') \
             AND (CAST($5 AS BOOLEAN) IS NULL OR a.is_enabled = $5) ORDER BY a.id * $8 LIMIT $9 OFFSET $10"
        ),
        args![
            filter.name,
            filter.login,
            filter.email,
            filter.phone,
            filter.is_enabled,
            false,
            at,
            direction,
            limit,
            offset
        ],
    )
    .await
}

/// What an edit sets: `None` leaves a column alone, `Some(None)` empties it.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaffUpdate<'a> {
    /// Display name.
    pub name: Option<&'a str>,
    /// E-mail and its folded form.
    pub email: Option<Option<(&'a str, &'a str)>>,
    /// Phone number.
    pub phone: Option<Option<&'a str>>,
    /// Note.
    pub remark: Option<Option<&'a str>>,
}

/// Sets the given columns and no others, so that two editors of different columns do not undo each other.
pub async fn update(tx: &mut Tx, id: AccountId, new: StaffUpdate<'_>, at: Millis) -> Result<u64> {
    let (email, email_key) = new.email.flatten().unzip();
    let changed = tx
        .exec(
            sql!(
                "UPDATE account SET name = CASE WHEN $2 THEN $3 ELSE name END, name_folded = CASE WHEN $2 THEN $4 ELSE name_folded END, \
                 email = CASE WHEN $5 THEN $6 ELSE email END, email_key = CASE WHEN $5 THEN $7 ELSE email_key END, \
                 phone = CASE WHEN $8 THEN $9 ELSE phone END, updated_at = $10 WHERE id = $1"
            ),
            args![
                id,
                new.name.is_some(),
                new.name,
                new.name.map(fold_key),
                new.email.is_some(),
                email,
                email_key,
                new.phone.is_some(),
                new.phone.flatten(),
                at
            ],
        )
        .await?;
    if let Some(remark) = new.remark {
        tx.exec(
            sql!("UPDATE staff_pass SET remark = $2, updated_at = $3 WHERE account_id = $1"),
            args![id, remark, at],
        )
        .await?;
    }
    Ok(changed)
}

/// Sets whether the next login must set a new password.
pub async fn update_must_change(tx: &mut Tx, id: AccountId, must_change: bool) -> Result<u64> {
    tx.exec(sql!("UPDATE account SET must_change_password = $2 WHERE id = $1"), args![id, must_change]).await
}

/// Deletes an account's second factor, confirmed or not, and its recovery codes.
pub async fn delete_factor(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM recovery_code WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM second_factor WHERE account_id = $1"), args![id]).await
}
