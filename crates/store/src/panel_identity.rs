//! Proved identities: who users of the panel are (specs/panel.md §5.1).

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_identity` with the e-mail of its account. What is sealed is read by nobody but the check of keys.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct IdentityRow {
    /// Whose it is.
    pub account_id: AccountId,
    /// His e-mail.
    pub email: Option<String>,
    /// The name with all but its first letter hidden.
    pub masked_name: String,
    /// The number with its middle hidden.
    pub masked_number: String,
    /// Whether the check digit is right.
    pub is_checksum_right: bool,
    /// `pending`, `approved`, `rejected`.
    pub status: String,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// When it was submitted.
    pub submitted_at: Millis,
    /// When it was decided on.
    pub reviewed_at: Option<Millis>,
}

/// What a submission writes.
#[derive(Debug)]
pub struct NewIdentity<'a> {
    /// Whose it is.
    pub account_id: AccountId,
    /// Sealed name, and the masked one.
    pub name: (&'a str, &'a str),
    /// Sealed number, and the masked one.
    pub number: (&'a str, &'a str),
    /// Keyed hash of the number.
    pub number_hash: &'a str,
    /// Whether it may serve this account alone.
    pub is_unique: bool,
    /// Whether the check digit is right.
    pub is_checksum_right: bool,
    /// Whether it counts at once.
    pub is_approved: bool,
    /// Row part of the associated data.
    pub seal_ref: &'a str,
    /// Now.
    pub at: Millis,
}

/// Finds the identity of an account.
pub async fn find(q: &mut impl Query, account: AccountId) -> Result<Option<IdentityRow>> {
    q.one(
        sql!("SELECT i.*, a.email FROM panel_identity i JOIN account a ON a.id = i.account_id WHERE i.account_id = $1"),
        args![account],
    )
    .await
}

/// Whom a number serves alone.
pub async fn find_owner(q: &mut impl Query, hash: &str) -> Result<Option<AccountId>> {
    let row: Option<(AccountId,)> =
        q.one(sql!("SELECT account_id FROM panel_identity WHERE unique_hash = $1"), args![hash]).await?;
    Ok(row.map(|(id,)| id))
}

/// Writes a submission where there is none, or a rejected one; 0: there is another.
///
/// `Conflict panel_identity_unique_hash_key` when the number serves another account.
pub async fn submit(tx: &mut Tx, new: &NewIdentity<'_>) -> Result<u64> {
    let status = if new.is_approved { "approved" } else { "pending" };
    tx.exec(
        sql!(
            "INSERT INTO panel_identity (account_id, name_sealed, number_sealed, number_hash, unique_hash, masked_name, masked_number, \
             is_checksum_right, status, reason, submitted_at, reviewed_at, reviewer_id, seal_ref, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10, $11, NULL, $12, $10) \
             ON CONFLICT (account_id) DO UPDATE SET name_sealed = $2, number_sealed = $3, number_hash = $4, unique_hash = $5, \
             masked_name = $6, masked_number = $7, is_checksum_right = $8, status = $9, reason = NULL, submitted_at = $10, \
             reviewed_at = $11, reviewer_id = NULL, seal_ref = $12, updated_at = $10 WHERE panel_identity.status = 'rejected'"
        ),
        args![
            new.account_id,
            new.name.0,
            new.number.0,
            new.number_hash,
            new.is_unique.then_some(new.number_hash),
            new.name.1,
            new.number.1,
            new.is_checksum_right,
            status,
            new.at,
            new.is_approved.then_some(new.at),
            new.seal_ref
        ],
    )
    .await
}

/// Decides on a pending identity; a rejected one serves nobody. 0: it is not pending.
pub async fn review(
    tx: &mut Tx,
    account: AccountId,
    (is_approved, reason): (bool, Option<&str>),
    reviewer: Option<AccountId>,
    at: Millis,
) -> Result<u64> {
    let status = if is_approved { "approved" } else { "rejected" };
    tx.exec(
        sql!(
            "UPDATE panel_identity SET status = $2, reason = $3, reviewed_at = $5, reviewer_id = $4, updated_at = $5, \
             unique_hash = CASE WHEN $2 = 'approved' THEN unique_hash END WHERE account_id = $1 AND status = 'pending'"
        ),
        args![account, status, reason, reviewer, at],
    )
    .await
}

/// Approves every pending identity; how many.
pub async fn approve_all(tx: &mut Tx, reviewer: Option<AccountId>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_identity SET status = 'approved', reason = NULL, reviewed_at = $2, reviewer_id = $1, updated_at = $2 \
             WHERE status = 'pending'"
        ),
        args![reviewer, at],
    )
    .await
}

/// Deletes the identity of an account; 0: there is none.
pub async fn delete(tx: &mut Tx, account: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM panel_identity WHERE account_id = $1"), args![account]).await
}

/// Whether an account is verified: by its own identity or, a shadow, by that of its main account.
pub async fn is_approved(q: &mut impl Query, account: AccountId) -> Result<bool> {
    let row: Option<(AccountId,)> = q
        .one(
            sql!(
                "SELECT i.account_id FROM proxy_pass p JOIN panel_identity i ON i.account_id = COALESCE(p.main_account_id, p.account_id) \
                 WHERE p.account_id = $1 AND i.status = 'approved'"
            ),
            args![account],
        )
        .await?;
    Ok(row.is_some())
}

/// Lists identities, those submitted last first, one page: of a status, of addresses that match a folded pattern.
pub async fn list(
    q: &mut impl Query,
    (status, pattern): (Option<&str>, Option<&str>),
    (limit, offset): (i64, i64),
) -> Result<Vec<IdentityRow>> {
    q.all(
        sql!(
            "SELECT i.*, a.email FROM panel_identity i JOIN account a ON a.id = i.account_id \
             WHERE (CAST($1 AS TEXT) IS NULL OR i.status = $1) AND (CAST($2 AS TEXT) IS NULL OR a.email_key LIKE $2 ESCAPE '\\') \
             ORDER BY i.submitted_at DESC, i.account_id DESC LIMIT $3 OFFSET $4"
        ),
        args![status, pattern, limit, offset],
    )
    .await
}

/// Counts identities.
pub async fn count(q: &mut impl Query, (status, pattern): (Option<&str>, Option<&str>)) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_identity i JOIN account a ON a.id = i.account_id \
                 WHERE (CAST($1 AS TEXT) IS NULL OR i.status = $1) AND (CAST($2 AS TEXT) IS NULL OR a.email_key LIKE $2 ESCAPE '\\')"
            ),
            args![status, pattern],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Counts panel users.
pub async fn count_users(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT COUNT(*) AS n FROM proxy_pass"), args![]).await?;
    Ok(row.map_or(0, |(n,)| n))
}
