//! Revisions of what the live snapshot holds, and which objects each of them changed.

use crate::{Query, Result, Tx, args, sql};

/// The revision of one aspect.
pub async fn find_revision(q: &mut impl Query, aspect: &str) -> Result<i64> {
    let row: Option<(i64,)> =
        q.one(sql!("SELECT revision FROM live_revision WHERE aspect = $1"), args![aspect]).await?;
    Ok(row.map_or(0, |(revision,)| revision))
}

/// The revisions of all aspects.
pub async fn list_revisions(q: &mut impl Query) -> Result<Vec<(String, i64)>> {
    q.all(sql!("SELECT aspect, revision FROM live_revision ORDER BY aspect"), args![]).await
}

/// The objects an aspect changed after a revision: (revision, object; none = all), oldest first.
pub async fn list_changes(q: &mut impl Query, aspect: &str, after: i64, limit: i64) -> Result<Vec<(i64, Option<i64>)>> {
    q.all(
        sql!("SELECT revision, object_id FROM live_change WHERE aspect = $1 AND revision > $2 ORDER BY revision, id LIMIT $3"),
        args![aspect, after, limit],
    )
    .await
}

/// The oldest revision of an aspect whose changes are still listed.
pub async fn find_oldest_change(q: &mut impl Query, aspect: &str) -> Result<Option<i64>> {
    let row: Option<(Option<i64>,)> =
        q.one(sql!("SELECT MIN(revision) AS revision FROM live_change WHERE aspect = $1"), args![aspect]).await?;
    Ok(row.and_then(|(revision,)| revision))
}

/// Deletes all but the last `keep` revisions' changes of an aspect.
pub async fn delete_old_changes(tx: &mut Tx, aspect: &str, keep: i64) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM live_change WHERE aspect = $1 AND revision < (SELECT revision FROM live_revision WHERE aspect = $1) - $2"
        ),
        args![aspect, keep],
    )
    .await
}
