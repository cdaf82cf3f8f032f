//! NAS entries: who may ask the radius door, with secrets sealed.

use gatehouse_model::{Millis, NasId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `nas`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct NasRow {
    /// Identity.
    pub id: NasId,
    /// Unique name.
    pub name: String,
    /// IP network in its shortest form, unique.
    pub address: String,
    /// Shared secret, sealed.
    pub secret_sealed: String,
    /// Secret for Disconnect and CoA, sealed; none: the shared one.
    pub coa_secret_sealed: Option<String>,
    /// The rest as JSON.
    pub settings: String,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// What an insert or a change writes.
#[derive(Debug)]
pub struct NasFields<'a> {
    /// IP network.
    pub address: &'a str,
    /// Sealed.
    pub secret_sealed: &'a str,
    /// Sealed.
    pub coa_secret_sealed: Option<&'a str>,
    /// JSON.
    pub settings: &'a str,
}

/// Inserts an entry. A taken name is `Conflict nas_name_key`, a taken network `nas_address_key`.
pub async fn insert(tx: &mut Tx, name: &str, seal_ref: &str, f: &NasFields<'_>, at: Millis) -> Result<NasId> {
    let row: Option<(NasId,)> = tx
        .one(
            sql!(
                "INSERT INTO nas (name, seal_ref, address, secret_sealed, coa_secret_sealed, settings, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id"
            ),
            args![name, seal_ref, f.address, f.secret_sealed, f.coa_secret_sealed, f.settings, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes an entry's fields.
pub async fn update(tx: &mut Tx, id: NasId, f: &NasFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE nas SET address = $2, secret_sealed = $3, coa_secret_sealed = $4, settings = $5, updated_at = $6 WHERE id = $1"
        ),
        args![id, f.address, f.secret_sealed, f.coa_secret_sealed, f.settings, at],
    )
    .await
}

/// Deletes an entry. Its visits stay.
pub async fn delete(tx: &mut Tx, id: NasId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM nas WHERE id = $1"), args![id]).await
}

/// Finds an entry by name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<NasRow>> {
    q.one(sql!("SELECT * FROM nas WHERE name = $1"), args![name]).await
}

/// Lists all entries by name.
pub async fn list(q: &mut impl Query) -> Result<Vec<NasRow>> {
    q.all(sql!("SELECT * FROM nas ORDER BY name"), args![]).await
}
