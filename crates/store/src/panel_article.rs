//! The knowledge base.

use gatehouse_model::{Millis, PanelArticleId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_article`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ArticleRow {
    /// Identity.
    pub id: PanelArticleId,
    /// Its name in state files.
    pub key: Option<String>,
    /// Tag of its language.
    pub language: String,
    /// Category.
    pub category: String,
    /// Headline.
    pub title: String,
    /// Text, HTML or Markdown as staff wrote it.
    pub body: String,
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
pub struct ArticleFields<'a> {
    /// Tag of its language.
    pub language: &'a str,
    /// Category.
    pub category: &'a str,
    /// Headline.
    pub title: &'a str,
    /// Text.
    pub body: &'a str,
    /// Whether people see it.
    pub is_shown: bool,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// Lists the shown articles of a language, of all or those whose title or text matches a lower-cased pattern.
pub async fn list_shown(
    q: &mut impl Query,
    language: &str,
    pattern: Option<&str>,
    limit: i64,
) -> Result<Vec<ArticleRow>> {
    q.all(
        sql!(
            "SELECT * FROM panel_article WHERE language = $1 AND is_shown \
             AND (CAST($2 AS TEXT) IS NULL OR lower(title) LIKE $2 ESCAPE '\\' OR lower(body) LIKE $2 ESCAPE '\\') \
             ORDER BY sort NULLS LAST, id LIMIT $3"
        ),
        args![language, pattern, limit],
    )
    .await
}

/// Lists the categories of shown articles of a language; none: of all articles.
pub async fn list_categories(q: &mut impl Query, language: Option<&str>) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = q
        .all(
            sql!(
                "SELECT category FROM panel_article WHERE CAST($1 AS TEXT) IS NULL OR (language = $1 AND is_shown) \
                 GROUP BY category ORDER BY category"
            ),
            args![language],
        )
        .await?;
    Ok(rows.into_iter().map(|(category,)| category).collect())
}

/// Lists all articles, one page.
pub async fn list(q: &mut impl Query, (limit, offset): (i64, i64)) -> Result<Vec<ArticleRow>> {
    q.all(sql!("SELECT * FROM panel_article ORDER BY sort NULLS LAST, id LIMIT $1 OFFSET $2"), args![limit, offset])
        .await
}

/// Counts all articles.
pub async fn count(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT COUNT(*) AS n FROM panel_article"), args![]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Finds an article.
pub async fn find(q: &mut impl Query, id: PanelArticleId) -> Result<Option<ArticleRow>> {
    q.one(sql!("SELECT * FROM panel_article WHERE id = $1"), args![id]).await
}

/// Finds an article by its name in state files.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<ArticleRow>> {
    q.one(sql!("SELECT * FROM panel_article WHERE key = $1"), args![key]).await
}

/// Inserts an article.
pub async fn insert(tx: &mut Tx, key: Option<&str>, f: &ArticleFields<'_>, at: Millis) -> Result<PanelArticleId> {
    let row: Option<(PanelArticleId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_article (key, language, category, title, body, is_shown, sort, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
            ),
            args![key, f.language, f.category, f.title, f.body, f.is_shown, f.sort, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes an article; 0: there is none.
pub async fn update(tx: &mut Tx, id: PanelArticleId, f: &ArticleFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_article SET language = $2, category = $3, title = $4, body = $5, is_shown = $6, sort = $7, updated_at = $8 \
             WHERE id = $1"
        ),
        args![id, f.language, f.category, f.title, f.body, f.is_shown, f.sort, at],
    )
    .await
}

/// Shows or hides an article; none: turns it over. 0: there is none.
pub async fn update_shown(tx: &mut Tx, id: PanelArticleId, is_shown: Option<bool>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_article SET is_shown = COALESCE(CAST($2 AS BOOLEAN), NOT is_shown), updated_at = $3 WHERE id = $1"
        ),
        args![id, is_shown, at],
    )
    .await
}

/// Puts an article at a place; 0: there is none.
pub async fn update_sort(tx: &mut Tx, id: PanelArticleId, sort: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE panel_article SET sort = $2 WHERE id = $1"), args![id, sort]).await
}

/// Deletes an article; 0: there is none.
pub async fn delete(tx: &mut Tx, id: PanelArticleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM panel_article WHERE id = $1"), args![id]).await
}
