//! What the panel tells everybody.

use gatehouse_model::{Millis, PanelNoticeId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_notice`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct NoticeRow {
    /// Identity.
    pub id: PanelNoticeId,
    /// Its name in state files.
    pub key: Option<String>,
    /// Headline.
    pub title: String,
    /// Text, HTML or Markdown as staff wrote it.
    pub content: String,
    /// Picture.
    pub img_url: Option<String>,
    /// JSON list.
    pub tags: String,
    /// Whether people see it.
    pub is_shown: bool,
    /// Place in the list.
    pub sort: Option<i64>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What staff write.
#[derive(Debug, Clone, Copy)]
pub struct NoticeFields<'a> {
    /// Headline.
    pub title: &'a str,
    /// Text.
    pub content: &'a str,
    /// Picture.
    pub img_url: Option<&'a str>,
    /// JSON list.
    pub tags: &'a str,
    /// Whether people see it.
    pub is_shown: bool,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// Lists notices, one page: shown ones, or all.
pub async fn list(q: &mut impl Query, is_all: bool, (limit, offset): (i64, i64)) -> Result<Vec<NoticeRow>> {
    q.all(
        sql!("SELECT * FROM panel_notice WHERE is_shown OR $1 ORDER BY sort NULLS LAST, id DESC LIMIT $2 OFFSET $3"),
        args![is_all, limit, offset],
    )
    .await
}

/// Counts notices: shown ones, or all.
pub async fn count(q: &mut impl Query, is_all: bool) -> Result<i64> {
    let row: Option<(i64,)> =
        q.one(sql!("SELECT COUNT(*) AS n FROM panel_notice WHERE is_shown OR $1"), args![is_all]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Finds a notice.
pub async fn find(q: &mut impl Query, id: PanelNoticeId) -> Result<Option<NoticeRow>> {
    q.one(sql!("SELECT * FROM panel_notice WHERE id = $1"), args![id]).await
}

/// Finds a notice by its name in state files.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<NoticeRow>> {
    q.one(sql!("SELECT * FROM panel_notice WHERE key = $1"), args![key]).await
}

/// Inserts a notice.
pub async fn insert(tx: &mut Tx, key: Option<&str>, f: &NoticeFields<'_>, at: Millis) -> Result<PanelNoticeId> {
    let row: Option<(PanelNoticeId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_notice (key, title, content, img_url, tags, is_shown, sort, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
            ),
            args![key, f.title, f.content, f.img_url, f.tags, f.is_shown, f.sort, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a notice; 0: there is none.
pub async fn update(tx: &mut Tx, id: PanelNoticeId, f: &NoticeFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_notice SET title = $2, content = $3, img_url = $4, tags = $5, is_shown = $6, sort = $7, updated_at = $8 \
             WHERE id = $1"
        ),
        args![id, f.title, f.content, f.img_url, f.tags, f.is_shown, f.sort, at],
    )
    .await
}

/// Shows or hides a notice; none: turns it over. 0: there is none.
pub async fn update_shown(tx: &mut Tx, id: PanelNoticeId, is_shown: Option<bool>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_notice SET is_shown = COALESCE(CAST($2 AS BOOLEAN), NOT is_shown), updated_at = $3 WHERE id = $1"
        ),
        args![id, is_shown, at],
    )
    .await
}

/// Puts a notice at a place; 0: there is none.
pub async fn update_sort(tx: &mut Tx, id: PanelNoticeId, sort: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE panel_notice SET sort = $2 WHERE id = $1"), args![id, sort]).await
}

/// Deletes a notice; 0: there is none.
pub async fn delete(tx: &mut Tx, id: PanelNoticeId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM panel_notice WHERE id = $1"), args![id]).await
}
