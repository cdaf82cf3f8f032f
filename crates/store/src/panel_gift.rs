//! Kinds of gift cards: what they give, to whom, how often (specs/panel.md §3.5).

use gatehouse_model::{AccountId, Millis, PanelGiftTemplateId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_gift_template` with how many codes it has.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GiftTemplateRow {
    /// Identity.
    pub id: PanelGiftTemplateId,
    /// Its name in state files.
    pub key: Option<String>,
    /// What it is called.
    pub name: String,
    /// What people are told of it.
    pub description: Option<String>,
    /// 1 general, 2 plan, 3 mystery.
    pub kind: i64,
    /// Whether its codes count.
    pub is_enabled: bool,
    /// Whom it is for, JSON.
    pub conditions: String,
    /// What it gives, JSON.
    pub rewards: String,
    /// How often, JSON.
    pub limits: String,
    /// When it gives more, JSON.
    pub special: String,
    /// Picture.
    pub icon: Option<String>,
    /// Address of a picture.
    pub background_image: Option<String>,
    /// `#RRGGBB`.
    pub theme_color: String,
    /// Place in the list.
    pub sort: Option<i64>,
    /// Who made it.
    pub author_id: AccountId,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What staff write.
#[derive(Debug, Clone, Copy)]
pub struct GiftTemplateFields<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What people are told of it.
    pub description: Option<&'a str>,
    /// 1 general, 2 plan, 3 mystery.
    pub kind: i64,
    /// Whether its codes count.
    pub is_enabled: bool,
    /// Conditions, rewards, limits, special: JSON.
    pub rules: [&'a str; 4],
    /// Picture.
    pub icon: Option<&'a str>,
    /// Address of a picture.
    pub background_image: Option<&'a str>,
    /// `#RRGGBB`.
    pub theme_color: &'a str,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// Lists templates, one page: of a kind, switched on or off, or all.
pub async fn list(
    q: &mut impl Query,
    (kind, is_enabled): (Option<i64>, Option<bool>),
    (limit, offset): (i64, i64),
) -> Result<Vec<GiftTemplateRow>> {
    q.all(
        sql!(
            "SELECT * FROM panel_gift_template WHERE (CAST($1 AS BIGINT) IS NULL OR kind = $1) \
             AND (CAST($2 AS BOOLEAN) IS NULL OR is_enabled = $2) ORDER BY sort NULLS LAST, id DESC LIMIT $3 OFFSET $4"
        ),
        args![kind, is_enabled, limit, offset],
    )
    .await
}

/// Counts templates.
pub async fn count(q: &mut impl Query, (kind, is_enabled): (Option<i64>, Option<bool>)) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_gift_template WHERE (CAST($1 AS BIGINT) IS NULL OR kind = $1) \
                 AND (CAST($2 AS BOOLEAN) IS NULL OR is_enabled = $2)"
            ),
            args![kind, is_enabled],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Finds a template.
pub async fn find(q: &mut impl Query, id: PanelGiftTemplateId) -> Result<Option<GiftTemplateRow>> {
    q.one(sql!("SELECT * FROM panel_gift_template WHERE id = $1"), args![id]).await
}

/// Finds a template by its name in state files.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<GiftTemplateRow>> {
    q.one(sql!("SELECT * FROM panel_gift_template WHERE key = $1"), args![key]).await
}

/// Inserts a template.
pub async fn insert(
    tx: &mut Tx,
    key: Option<&str>,
    f: &GiftTemplateFields<'_>,
    author: AccountId,
    at: Millis,
) -> Result<PanelGiftTemplateId> {
    let [conditions, rewards, limits, special] = f.rules;
    let row: Option<(PanelGiftTemplateId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_gift_template (key, name, description, kind, is_enabled, conditions, rewards, limits, special, icon, \
                 background_image, theme_color, sort, author_id, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) RETURNING id"
            ),
            args![
                key,
                f.name,
                f.description,
                f.kind,
                f.is_enabled,
                conditions,
                rewards,
                limits,
                special,
                f.icon,
                f.background_image,
                f.theme_color,
                f.sort,
                author,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a template; 0: there is none.
pub async fn update(tx: &mut Tx, id: PanelGiftTemplateId, f: &GiftTemplateFields<'_>, at: Millis) -> Result<u64> {
    let [conditions, rewards, limits, special] = f.rules;
    tx.exec(
        sql!(
            "UPDATE panel_gift_template SET name = $2, description = $3, kind = $4, is_enabled = $5, conditions = $6, rewards = $7, \
             limits = $8, special = $9, icon = $10, background_image = $11, theme_color = $12, sort = $13, updated_at = $14 WHERE id = $1"
        ),
        args![
            id,
            f.name,
            f.description,
            f.kind,
            f.is_enabled,
            conditions,
            rewards,
            limits,
            special,
            f.icon,
            f.background_image,
            f.theme_color,
            f.sort,
            at
        ],
    )
    .await
}

/// Deletes a template without codes; 0: it has some, or there is none.
pub async fn delete(tx: &mut Tx, id: PanelGiftTemplateId) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM panel_gift_template WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM panel_gift_code c WHERE c.panel_gift_template_id = $1)"
        ),
        args![id],
    )
    .await
}

/// Figures of all gift cards: templates, those switched on, codes, used ones, uses.
pub async fn totals(q: &mut impl Query) -> Result<(i64, i64, i64, i64, i64)> {
    let row = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM panel_gift_template) AS templates, \
                 (SELECT COUNT(*) FROM panel_gift_template WHERE is_enabled) AS active, (SELECT COUNT(*) FROM panel_gift_code) AS codes, \
                 (SELECT COUNT(*) FROM panel_gift_code WHERE usage_count > 0) AS used, (SELECT COUNT(*) FROM panel_gift_usage) AS uses"
            ),
            args![],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Uses a day since a moment: days since the epoch in a zone `offset` milliseconds east of UTC.
pub async fn list_daily(q: &mut impl Query, since: Millis, until: Millis, offset: i64) -> Result<Vec<(i64, i64)>> {
    q.all(
        sql!(
            "SELECT (created_at + $3) / 86400000 AS day, COUNT(*) AS n FROM panel_gift_usage WHERE created_at >= $1 AND created_at < $2 \
             GROUP BY (created_at + $3) / 86400000 ORDER BY 1"
        ),
        args![since, until, offset],
    )
    .await
}

/// Uses of each template since a moment: name, kind, how many; the most used first.
pub async fn list_by_template(q: &mut impl Query, since: Millis, until: Millis) -> Result<Vec<(String, i64, i64)>> {
    q.all(
        sql!(
            "SELECT t.name, t.kind, COUNT(*) AS n FROM panel_gift_usage u JOIN panel_gift_template t ON t.id = u.panel_gift_template_id \
             WHERE u.created_at >= $1 AND u.created_at < $2 GROUP BY t.id, t.name, t.kind ORDER BY COUNT(*) DESC, t.id LIMIT 100"
        ),
        args![since, until],
    )
    .await
}
