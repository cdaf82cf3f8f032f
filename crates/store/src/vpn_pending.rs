//! Which staged rows of the vpn surface wait to be published.

use crate::{Query, Result, Tx, args, sql};

/// Says that a row's twins differ. Repeating is a no-op. Call it after the row was written, in the same transaction.
pub async fn insert(tx: &mut Tx, kind: &str, object_id: i64) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO vpn_pending (kind, object_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![kind, object_id],
    )
    .await
}

/// Whether anything waits.
pub async fn exists(q: &mut impl Query) -> Result<bool> {
    Ok(q.one::<(i64,)>(sql!("SELECT id FROM vpn_pending ORDER BY id LIMIT 1"), args![]).await?.is_some())
}

/// Lists what waits of one kind, oldest first.
pub async fn list(q: &mut impl Query, kind: &str) -> Result<Vec<i64>> {
    let rows: Vec<(i64,)> =
        q.all(sql!("SELECT object_id FROM vpn_pending WHERE kind = $1 ORDER BY id"), args![kind]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Forgets everything that waited; the number of rows. Only under [`crate::lock::own_staged`].
pub async fn clear(tx: &mut Tx) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_pending"), args![]).await
}
