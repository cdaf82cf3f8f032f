//! Accounts and the names they are found by.

use gatehouse_model::{AccountId, Millis, fold_key};

use crate::{Query, Result, Tx, args, lock, sql};

/// A row of `account`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AccountRow {
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
    /// Why it was disabled.
    pub disabled_why: Option<String>,
    /// Whether it can be deleted or disabled at all.
    pub is_protected: bool,
    /// The surface that made it.
    pub origin: String,
    /// Number of the password scheme.
    pub password_scheme: Option<i64>,
    /// Hash in the scheme's own text form.
    pub password_hash: Option<String>,
    /// Whether the next login must set a new password.
    pub must_change_password: bool,
    /// Raised to end every session.
    pub epoch: i64,
    /// Row part of the associated data of sealed columns.
    pub seal_ref: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Login.
    pub login: &'a str,
    /// Its folded form.
    pub login_key: &'a str,
    /// Display name.
    pub name: Option<&'a str>,
    /// E-mail.
    pub email: Option<&'a str>,
    /// Its folded form.
    pub email_key: Option<&'a str>,
    /// Phone number.
    pub phone: Option<&'a str>,
    /// Protected rows are neither disabled nor deleted.
    pub is_protected: bool,
    /// Who made it.
    pub origin: &'a str,
    /// Password scheme and hash.
    pub password: Option<(i64, &'a str)>,
    /// Random text.
    pub seal_ref: &'a str,
    /// Now.
    pub at: Millis,
}

/// Inserts an account and its login name. A taken login is `Conflict login_name_login_key_key`.
pub async fn insert(tx: &mut Tx, new: &NewAccount<'_>) -> Result<AccountId> {
    let (scheme, hash) = new.password.unzip();
    let (id,): (AccountId,) = tx
        .one(
            sql!(
                "INSERT INTO account (login, name, email, email_key, phone, is_enabled, is_protected, origin, \
                 password_scheme, password_hash, password_changed_at, must_change_password, epoch, seal_ref, created_at, updated_at, \
                 name_folded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $14, $15) RETURNING id"
            ),
            args![
                new.login,
                new.name,
                new.email,
                new.email_key,
                new.phone,
                true,
                new.is_protected,
                new.origin,
                scheme,
                hash,
                scheme.map(|_| new.at),
                false,
                new.seal_ref,
                new.at,
                new.name.map(fold_key)
            ],
        )
        .await?
        .ok_or_else(crate::Error::missing_row)?;
    tx.exec(
        sql!("INSERT INTO login_name (login_key, account_id, is_staged) VALUES ($1, $2, $3)"),
        args![new.login_key, id, false],
    )
    .await?;
    Ok(id)
}

/// Finds an account by id.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<AccountRow>> {
    q.one(sql!("SELECT * FROM account WHERE id = $1"), args![id]).await
}

/// Finds the account that owns a folded login.
pub async fn find_by_key(q: &mut impl Query, login_key: &str) -> Result<Option<AccountRow>> {
    q.one(
        sql!(
            "SELECT a.* FROM login_name n JOIN account a ON a.id = n.account_id WHERE n.login_key = $1 AND n.is_staged = $2"
        ),
        args![login_key, false],
    )
    .await
}

/// Finds the account that owns a folded e-mail address.
pub async fn find_by_email_key(q: &mut impl Query, email_key: &str) -> Result<Option<AccountRow>> {
    q.one(sql!("SELECT * FROM account WHERE email_key = $1"), args![email_key]).await
}

/// Finds the account that owns a phone number.
pub async fn find_by_phone(q: &mut impl Query, phone: &str) -> Result<Option<AccountRow>> {
    q.one(sql!("SELECT * FROM account WHERE phone = $1"), args![phone]).await
}

/// Lists accounts after an id, by id, whose login contains a lower-cased text or all; one page.
pub async fn list(q: &mut impl Query, after: AccountId, limit: i64) -> Result<Vec<AccountRow>> {
    q.all(sql!("SELECT * FROM account WHERE id > $1 ORDER BY id LIMIT $2"), args![after, limit]).await
}

/// Counts accounts.
pub async fn count(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS rows FROM account"), args![]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Switches an account on or off.
pub async fn update_enabled(
    tx: &mut Tx,
    id: AccountId,
    is_enabled: bool,
    why: Option<&str>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE account SET is_enabled = $2, disabled_why = $3, updated_at = $4 WHERE id = $1"),
        args![id, is_enabled, why, at],
    )
    .await
}

/// Sets the password and raises the epoch, which ends every session. A password of the VPN pass that is only staged is dropped.
pub async fn update_password(tx: &mut Tx, id: AccountId, scheme: i64, hash: &str, at: Millis) -> Result<u64> {
    // First, as a publication locks in this order, too.
    lock::share_staged(tx).await?;
    tx.exec(
        sql!(
            "UPDATE vpn_pass SET is_password_staged = $2, password_scheme = NULL, password_hash = NULL, password_clear_sealed = NULL, \
             password_changed_at = NULL WHERE account_id = $1 AND is_password_staged"
        ),
        args![id, false],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE account SET password_scheme = $2, password_hash = $3, password_changed_at = $4, password_clear_sealed = NULL, \
             must_change_password = $5, epoch = epoch + 1, updated_at = $4 WHERE id = $1"
        ),
        args![id, scheme, hash, at, false],
    )
    .await
}

/// Replaces the hash by one of a newer scheme, if nobody changed the password meanwhile; sessions stay.
pub async fn update_password_scheme(
    tx: &mut Tx,
    id: AccountId,
    old_hash: &str,
    scheme: i64,
    hash: &str,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE account SET password_scheme = $3, password_hash = $4 WHERE id = $1 AND password_hash = $2"),
        args![id, old_hash, scheme, hash],
    )
    .await
}

/// Keeps a sealed clear copy of the password.
pub async fn update_clear(tx: &mut Tx, id: AccountId, sealed: &str) -> Result<u64> {
    tx.exec(sql!("UPDATE account SET password_clear_sealed = $2 WHERE id = $1"), args![id, sealed]).await
}

/// Sets name, e-mail and phone.
pub async fn update_profile(
    tx: &mut Tx,
    id: AccountId,
    name: Option<&str>,
    email: Option<(&str, &str)>,
    phone: Option<&str>,
    at: Millis,
) -> Result<u64> {
    let (email, email_key) = email.unzip();
    tx.exec(
        sql!(
            "UPDATE account SET name = $2, email = $3, email_key = $4, phone = $5, updated_at = $6, name_folded = $7 WHERE id = $1"
        ),
        args![id, name, email, email_key, phone, at, name.map(fold_key)],
    )
    .await
}

/// Deletes an account; its login name, passes and sessions go with it.
pub async fn delete(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM account WHERE id = $1"), args![id]).await
}
