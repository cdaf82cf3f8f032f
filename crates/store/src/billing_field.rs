//! Extra fields of subscribers: what there is, and their values (specs/billing.md §5.9).

use gatehouse_model::{AccountId, BillingFieldId, Millis};

use serde::Deserialize;

use crate::{Query, Result, Tx, args, json, sql};

/// A row of `billing_field`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Deserialize)]
pub struct BillingFieldRow {
    /// Identity.
    pub id: BillingFieldId,
    /// Name on the wire, unique; it begins with `_`.
    pub name: String,
    /// Title, with its prefix for sorting.
    pub title: String,
    /// Where it is shown.
    pub section: String,
    /// Its type, a word.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// Letters.
    pub flags: String,
    /// A regular expression; of a select its choices as JSON.
    pub param: String,
    /// What staff wrote about it.
    pub comment: String,
    /// Whether subscribers do not see it.
    #[serde(deserialize_with = "json::flag")]
    pub is_staff_only: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Deserialize)]
pub struct FieldValueRow {
    /// Whose it is.
    pub account_id: AccountId,
    /// Of which field.
    pub billing_field_id: BillingFieldId,
    /// The value, unless it is sealed.
    pub value: Option<String>,
    /// The sealed value.
    pub value_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// A value to write.
#[derive(Debug)]
pub struct NewFieldValue<'a> {
    /// Whose it is.
    pub account_id: AccountId,
    /// Of which field.
    pub billing_field_id: BillingFieldId,
    /// In clear.
    pub value: Option<&'a str>,
    /// Or sealed.
    pub value_sealed: Option<&'a str>,
    /// What no other subscriber may have in this field.
    pub unique_value: Option<&'a str>,
    /// Random text.
    pub seal_ref: &'a str,
}

/// Lists fields by section and title.
pub async fn list(q: &mut impl Query) -> Result<Vec<BillingFieldRow>> {
    q.all(sql!("SELECT * FROM billing_field ORDER BY section, title, name"), args![]).await
}

/// Finds a field by its name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<BillingFieldRow>> {
    q.one(sql!("SELECT * FROM billing_field WHERE name = $1"), args![name]).await
}

/// Inserts a field; its number is given by the database. `Conflict billing_field_name_key`.
pub async fn insert(tx: &mut Tx, row: &BillingFieldRow) -> Result<BillingFieldId> {
    let id: Option<(BillingFieldId,)> = tx
        .one(
            sql!(
                "INSERT INTO billing_field (name, title, section, type, flags, param, comment, is_staff_only, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id"
            ),
            args![
                &row.name,
                &row.title,
                &row.section,
                &row.kind,
                &row.flags,
                &row.param,
                &row.comment,
                row.is_staff_only,
                row.created_at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes all of a field but its name.
pub async fn update(tx: &mut Tx, row: &BillingFieldRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_field SET title = $2, section = $3, type = $4, flags = $5, param = $6, comment = $7, is_staff_only = $8, \
             updated_at = $9 WHERE id = $1"
        ),
        args![
            row.id,
            &row.title,
            &row.section,
            &row.kind,
            &row.flags,
            &row.param,
            &row.comment,
            row.is_staff_only,
            at
        ],
    )
    .await
}

/// Deletes a field with its values.
pub async fn delete(tx: &mut Tx, id: BillingFieldId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM billing_field WHERE id = $1"), args![id]).await
}

/// Whether anybody has a value of a field.
pub async fn has_values(q: &mut impl Query, id: BillingFieldId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT id FROM billing_field_value WHERE billing_field_id = $1 ORDER BY id LIMIT 1"), args![id])
        .await?;
    Ok(row.is_some())
}

/// Whether two subscribers have the same value of a field.
pub async fn has_doubles(q: &mut impl Query, id: BillingFieldId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM billing_field_value WHERE billing_field_id = $1 AND value IS NOT NULL \
                 GROUP BY value HAVING COUNT(*) > 1 ORDER BY n LIMIT 1"
            ),
            args![id],
        )
        .await?;
    Ok(row.is_some())
}

/// Has every value of a field be unique from now on, or no longer.
pub async fn update_unique(tx: &mut Tx, id: BillingFieldId, is_unique: bool) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_field_value SET unique_value = CASE WHEN $2 THEN value ELSE NULL END WHERE billing_field_id = $1"
        ),
        args![id, is_unique],
    )
    .await
}

/// Lists the values of subscribers from one account to another, by account and field.
pub async fn list_values(q: &mut impl Query, from: AccountId, to: AccountId) -> Result<Vec<FieldValueRow>> {
    q.all(
        sql!(
            "SELECT account_id, billing_field_id, value, value_sealed, seal_ref FROM billing_field_value \
             WHERE account_id >= $1 AND account_id <= $2 ORDER BY account_id, billing_field_id"
        ),
        args![from, to],
    )
    .await
}

/// Whether another subscriber has a value that nobody else may have.
pub async fn is_taken(q: &mut impl Query, id: BillingFieldId, value: &str, account: AccountId) -> Result<bool> {
    let row: Option<(AccountId,)> = q
        .one(
            sql!(
                "SELECT account_id FROM billing_field_value WHERE billing_field_id = $1 AND unique_value = $2 AND account_id <> $3"
            ),
            args![id, value, account],
        )
        .await?;
    Ok(row.is_some())
}

/// Writes a value over the one that is there. `Conflict billing_field_value_billing_field_id_unique_value_key`.
pub async fn upsert_value(tx: &mut Tx, new: &NewFieldValue<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO billing_field_value (billing_field_id, account_id, value, value_sealed, unique_value, seal_ref) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, billing_field_id) DO UPDATE SET value = excluded.value, \
             value_sealed = excluded.value_sealed, unique_value = excluded.unique_value, seal_ref = excluded.seal_ref"
        ),
        args![
            new.billing_field_id,
            new.account_id,
            new.value,
            new.value_sealed,
            new.unique_value,
            new.seal_ref
        ],
    )
    .await
}

/// Deletes a value.
pub async fn delete_value(tx: &mut Tx, account: AccountId, field: BillingFieldId) -> Result<u64> {
    tx.exec(
        sql!("DELETE FROM billing_field_value WHERE account_id = $1 AND billing_field_id = $2"),
        args![account, field],
    )
    .await
}
