//! Protocols that resources speak.

use gatehouse_model::ProtocolId;

use crate::{Query, Result, Tx, args, sql};

/// The protocol of the ssh door.
pub const SSH: ProtocolId = ProtocolId(1);

/// A row of `protocol`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ProtocolRow {
    /// Identity.
    pub id: ProtocolId,
    /// Display name.
    pub name: String,
    /// Natural key.
    pub code: String,
    /// Note.
    pub remark: Option<String>,
    /// Port of resources that name none.
    pub default_port: i64,
}

/// Inserts a protocol; `None`: its code exists.
pub async fn insert(
    tx: &mut Tx,
    name: &str,
    code: &str,
    remark: Option<&str>,
    default_port: i64,
) -> Result<Option<ProtocolId>> {
    let row: Option<(ProtocolId,)> = tx
        .one(
            sql!(
                "INSERT INTO protocol (name, code, remark, default_port) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id"
            ),
            args![name, code, remark, default_port],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Finds a protocol.
pub async fn find(q: &mut impl Query, id: ProtocolId) -> Result<Option<ProtocolRow>> {
    q.one(sql!("SELECT * FROM protocol WHERE id = $1"), args![id]).await
}

/// Lists protocols.
pub async fn list(q: &mut impl Query) -> Result<Vec<ProtocolRow>> {
    q.all(sql!("SELECT * FROM protocol ORDER BY id"), args![]).await
}
