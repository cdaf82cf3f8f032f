//! Machine credentials.

use gatehouse_model::{AccountId, ApiTokenId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `api_token`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ApiTokenRow {
    /// Identity.
    pub id: ApiTokenId,
    /// `oa` or `api`.
    pub kind: String,
    /// Name of the machine in the audit trail.
    pub label: String,
    /// The token sealed, where it may be shown again.
    pub secret_sealed: Option<String>,
    /// Codes it holds, separated by blanks.
    pub codes: String,
    /// End of its life.
    pub expires_at: Option<Millis>,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// When it was made.
    pub created_at: Millis,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewApiToken<'a> {
    /// `oa` or `api`.
    pub kind: &'a str,
    /// Name of the machine.
    pub label: &'a str,
    /// Keyed hash.
    pub secret_hash: &'a str,
    /// Sealed token.
    pub secret_sealed: Option<&'a str>,
    /// Codes, separated by blanks.
    pub codes: &'a str,
    /// Random text.
    pub seal_ref: &'a str,
    /// Now.
    pub at: Millis,
}

/// Inserts a token. An equal one is `Conflict api_token_secret_hash_key`.
pub async fn insert(tx: &mut Tx, new: &NewApiToken<'_>) -> Result<ApiTokenId> {
    let row: Option<(ApiTokenId,)> = tx
        .one(
            sql!(
                "INSERT INTO api_token (kind, label, secret_hash, secret_sealed, codes, seal_ref, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id"
            ),
            args![new.kind, new.label, new.secret_hash, new.secret_sealed, new.codes, new.seal_ref, new.at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds a token of a kind by its keyed hash.
pub async fn find(q: &mut impl Query, kind: &str, secret_hash: &str) -> Result<Option<ApiTokenRow>> {
    q.one(sql!("SELECT * FROM api_token WHERE secret_hash = $1 AND kind = $2"), args![secret_hash, kind]).await
}

/// Whether a token still counts.
pub async fn is_alive(q: &mut impl Query, id: ApiTokenId, at: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT id FROM api_token WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)"), args![id, at])
        .await?;
    Ok(row.is_some())
}

/// Lists the tokens of a kind in order of making.
pub async fn list(q: &mut impl Query, kind: &str) -> Result<Vec<ApiTokenRow>> {
    q.all(sql!("SELECT * FROM api_token WHERE kind = $1 ORDER BY id"), args![kind]).await
}

/// Records the last use.
pub async fn update_used(tx: &mut Tx, id: ApiTokenId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE api_token SET last_used_at = $2 WHERE id = $1"), args![id, at]).await
}

/// Deletes a token.
pub async fn delete(tx: &mut Tx, id: ApiTokenId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM api_token WHERE id = $1"), args![id]).await
}

/// A token of a person, with what decides on it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OwnedTokenRow {
    /// Identity.
    pub id: ApiTokenId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Name.
    pub label: String,
    /// Codes, separated by blanks.
    pub codes: String,
    /// Networks it may be used from, separated by blanks; none: every one.
    pub cidrs: Option<String>,
    /// End of its life.
    pub expires_at: Option<Millis>,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// The owner's login.
    pub login: String,
    /// The owner's display name.
    pub name: Option<String>,
    /// The owner's status.
    pub account_enabled: bool,
    /// Whether a new password is due.
    pub must_change_password: bool,
    /// Set: the owner has a staff pass.
    pub staff_id: Option<AccountId>,
}

/// Finds a token of a person by its keyed hash, with what decides on it.
pub async fn find_owned(q: &mut impl Query, kind: &str, secret_hash: &str) -> Result<Option<OwnedTokenRow>> {
    q.one(
        sql!(
            "SELECT t.id, t.account_id, t.label, t.codes, t.cidrs, t.expires_at, t.last_used_at, t.created_at, a.login, a.name, \
             a.is_enabled AS account_enabled, a.must_change_password, p.account_id AS staff_id FROM api_token t \
             JOIN account a ON a.id = t.account_id LEFT JOIN staff_pass p ON p.account_id = a.id \
             WHERE t.secret_hash = $1 AND t.kind = $2"
        ),
        args![secret_hash, kind],
    )
    .await
}

/// Lists the tokens of a kind that a person has, oldest first.
pub async fn list_owned(q: &mut impl Query, kind: &str, account: AccountId) -> Result<Vec<OwnedTokenRow>> {
    q.all(
        sql!(
            "SELECT t.id, t.account_id, t.label, t.codes, t.cidrs, t.expires_at, t.last_used_at, t.created_at, a.login, a.name, \
             a.is_enabled AS account_enabled, a.must_change_password, p.account_id AS staff_id FROM api_token t \
             JOIN account a ON a.id = t.account_id LEFT JOIN staff_pass p ON p.account_id = a.id \
             WHERE t.account_id = $1 AND t.kind = $2 ORDER BY t.id"
        ),
        args![account, kind],
    )
    .await
}

/// Whose a token of a kind is.
pub async fn find_owner(q: &mut impl Query, kind: &str, id: ApiTokenId) -> Result<Option<AccountId>> {
    let row: Option<(Option<AccountId>,)> =
        q.one(sql!("SELECT account_id FROM api_token WHERE id = $1 AND kind = $2"), args![id, kind]).await?;
    Ok(row.and_then(|(owner,)| owner))
}

/// Gives a new token to a person, within its bounds.
pub async fn update_owner(
    tx: &mut Tx,
    id: ApiTokenId,
    account: AccountId,
    cidrs: Option<&str>,
    expires_at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE api_token SET account_id = $2, cidrs = $3, expires_at = $4 WHERE id = $1"),
        args![id, account, cidrs, expires_at],
    )
    .await
}
