//! Codes of gift cards.

use gatehouse_model::{AccountId, Millis, PanelGiftCodeId, PanelGiftTemplateId};

use crate::{Query, Result, Tx, args, list, sql};

/// A row of `panel_gift_code` with the name of its template and the address of who used it last.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GiftCodeRow {
    /// Identity.
    pub id: PanelGiftCodeId,
    /// Its template.
    pub panel_gift_template_id: PanelGiftTemplateId,
    /// What the template is called.
    pub template_name: String,
    /// The code.
    pub code: String,
    /// With which others it was made.
    pub batch: String,
    /// 0 unused, 1 used, 2 expired, 3 disabled.
    pub status: i64,
    /// Who used it last.
    pub account_id: Option<AccountId>,
    /// His e-mail.
    pub email: Option<String>,
    /// When.
    pub used_at: Option<Millis>,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// How often it was used.
    pub usage_count: i64,
    /// How often it may be.
    pub max_usage: i64,
    /// When it was made.
    pub created_at: Millis,
}

/// Which codes staff look for.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeFilter<'a> {
    /// Only of this template.
    pub template: Option<PanelGiftTemplateId>,
    /// Only of this batch.
    pub batch: Option<&'a str>,
    /// Only in this state.
    pub status: Option<i64>,
    /// Only those that begin with this pattern.
    pub code: Option<&'a str>,
}

/// Inserts many codes in one statement; gives how many were new.
pub async fn insert_many(
    tx: &mut Tx,
    template: PanelGiftTemplateId,
    codes: &[String],
    (batch, max_usage, expires_at): (&str, i64, Option<Millis>),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "INSERT INTO panel_gift_code (panel_gift_template_id, code, batch, status, expires_at, usage_count, max_usage, created_at, \
                     updated_at) SELECT $1, value, $3, 0, $5, 0, $4, $6, $6 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
            postgres: "INSERT INTO panel_gift_code (panel_gift_template_id, code, batch, status, expires_at, usage_count, max_usage, created_at, \
                       updated_at) SELECT $1, value, $3, 0, $5, 0, $4, $6, $6 \
                       FROM json_array_elements_text(CAST(CAST($2 AS TEXT) AS JSON)) AS listed (value) ON CONFLICT DO NOTHING"
        },
        args![template, list::texts(codes), batch, max_usage, expires_at, at],
    )
    .await
}

/// Finds a code by itself.
pub async fn find(q: &mut impl Query, code: &str) -> Result<Option<GiftCodeRow>> {
    q.one(
        sql!(
            "SELECT c.*, t.name AS template_name, a.email FROM panel_gift_code c \
             JOIN panel_gift_template t ON t.id = c.panel_gift_template_id LEFT JOIN account a ON a.id = c.account_id WHERE c.code = $1"
        ),
        args![code],
    )
    .await
}

/// Finds a code by its id.
pub async fn find_by_id(q: &mut impl Query, id: PanelGiftCodeId) -> Result<Option<GiftCodeRow>> {
    q.one(
        sql!(
            "SELECT c.*, t.name AS template_name, a.email FROM panel_gift_code c \
             JOIN panel_gift_template t ON t.id = c.panel_gift_template_id LEFT JOIN account a ON a.id = c.account_id WHERE c.id = $1"
        ),
        args![id],
    )
    .await
}

/// Waits for whoever redeems this code; whether there is one.
pub async fn lock(tx: &mut Tx, code: &str) -> Result<bool> {
    let lock = sql! {
        sqlite: "SELECT id FROM panel_gift_code WHERE code = $1",
        postgres: "SELECT id FROM panel_gift_code WHERE code = $1 FOR UPDATE"
    };
    Ok(tx.one::<(PanelGiftCodeId,)>(lock, args![code]).await?.is_some())
}

/// Uses a code once, if it can be; 0: it cannot.
pub async fn redeem(tx: &mut Tx, id: PanelGiftCodeId, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_gift_code SET usage_count = usage_count + 1, status = 1, account_id = $2, used_at = $3, updated_at = $3 \
             WHERE id = $1 AND status IN (0, 1) AND usage_count < max_usage AND (expires_at IS NULL OR expires_at > $3)"
        ),
        args![id, account, at],
    )
    .await
}

/// Lists codes, the newest first, one page.
pub async fn list(q: &mut impl Query, f: &CodeFilter<'_>, (limit, offset): (i64, i64)) -> Result<Vec<GiftCodeRow>> {
    q.all(
        sql!(
            "SELECT c.*, t.name AS template_name, a.email FROM panel_gift_code c \
             JOIN panel_gift_template t ON t.id = c.panel_gift_template_id LEFT JOIN account a ON a.id = c.account_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR c.panel_gift_template_id = $1) AND (CAST($2 AS TEXT) IS NULL OR c.batch = $2) \
             AND (CAST($3 AS BIGINT) IS NULL OR c.status = $3) AND (CAST($4 AS TEXT) IS NULL OR c.code LIKE $4 ESCAPE '\\') \
             ORDER BY c.id DESC LIMIT $5 OFFSET $6"
        ),
        args![f.template, f.batch, f.status, f.code, limit, offset],
    )
    .await
}

/// Counts codes.
pub async fn count(q: &mut impl Query, f: &CodeFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_gift_code c WHERE (CAST($1 AS BIGINT) IS NULL OR c.panel_gift_template_id = $1) \
                 AND (CAST($2 AS TEXT) IS NULL OR c.batch = $2) AND (CAST($3 AS BIGINT) IS NULL OR c.status = $3) \
                 AND (CAST($4 AS TEXT) IS NULL OR c.code LIKE $4 ESCAPE '\\')"
            ),
            args![f.template, f.batch, f.status, f.code],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Writes state, end and number of uses of a code.
pub async fn update(
    tx: &mut Tx,
    id: PanelGiftCodeId,
    (status, max_usage, expires_at): (i64, i64, Option<Millis>),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_gift_code SET status = $2, max_usage = $3, expires_at = $4, updated_at = $5 WHERE id = $1"),
        args![id, status, max_usage, expires_at, at],
    )
    .await
}

/// Deletes a code that was never used; 0: it was.
pub async fn delete(tx: &mut Tx, id: PanelGiftCodeId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM panel_gift_code WHERE id = $1 AND usage_count = 0"), args![id]).await
}

/// Marks unused codes whose time is over.
pub async fn expire(tx: &mut Tx, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_gift_code SET status = 2, updated_at = $1 WHERE status = 0 AND expires_at <= $1"),
        args![at],
    )
    .await
}
