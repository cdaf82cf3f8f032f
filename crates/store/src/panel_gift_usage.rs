//! Uses of gift cards.

use gatehouse_model::{AccountId, Millis, PanelGiftCodeId, PanelGiftTemplateId, PanelGiftUsageId, PlanId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_gift_usage` with what it refers to.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GiftUsageRow {
    /// Identity.
    pub id: PanelGiftUsageId,
    /// Its template.
    pub panel_gift_template_id: PanelGiftTemplateId,
    /// Who.
    pub account_id: AccountId,
    /// His e-mail, while he is there.
    pub email: Option<String>,
    /// Who had invited him.
    pub inviter_id: Option<AccountId>,
    /// His e-mail, while he is there.
    pub inviter_email: Option<String>,
    /// The code.
    pub code: String,
    /// What the template is called.
    pub template_name: String,
    /// What people are told of it.
    pub template_description: Option<String>,
    /// Its kind.
    pub template_kind: i64,
    /// Its picture.
    pub template_icon: Option<String>,
    /// Its colour.
    pub template_color: String,
    /// What was given, JSON.
    pub rewards: String,
    /// What the inviter was given, JSON.
    pub invite_rewards: Option<String>,
    /// Level then.
    pub level_at_use: Option<i64>,
    /// Plan then.
    pub plan_id_at_use: Option<PlanId>,
    /// Hundredths.
    pub multiplier: i64,
    /// Further facts.
    pub notes: Option<String>,
    /// When.
    pub created_at: Millis,
}

/// What an insert needs.
#[derive(Debug, Clone, Copy)]
pub struct NewGiftUsage<'a> {
    /// The code.
    pub code: PanelGiftCodeId,
    /// Its template.
    pub template: PanelGiftTemplateId,
    /// Who.
    pub account: AccountId,
    /// Who had invited him.
    pub inviter: Option<AccountId>,
    /// What is given, JSON.
    pub rewards: &'a str,
    /// What the inviter is given, JSON.
    pub invite_rewards: Option<&'a str>,
    /// Plan now.
    pub plan: Option<PlanId>,
    /// Hundredths.
    pub multiplier: i64,
    /// From where.
    pub address: Option<&'a str>,
    /// By which program.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub at: Millis,
}

/// Inserts a use.
pub async fn insert(tx: &mut Tx, new: &NewGiftUsage<'_>) -> Result<PanelGiftUsageId> {
    let row: Option<(PanelGiftUsageId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_gift_usage (panel_gift_code_id, panel_gift_template_id, account_id, inviter_id, rewards, invite_rewards, \
                 plan_id_at_use, multiplier, address, user_agent, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                 RETURNING id"
            ),
            args![
                new.code,
                new.template,
                new.account,
                new.inviter,
                new.rewards,
                new.invite_rewards,
                new.plan,
                new.multiplier,
                new.address,
                new.user_agent,
                new.at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// How often an account used a template, and when it did last.
pub async fn count_of(
    q: &mut impl Query,
    template: PanelGiftTemplateId,
    account: AccountId,
) -> Result<(i64, Option<Millis>)> {
    let row = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n, MAX(created_at) AS last_at FROM panel_gift_usage \
                 WHERE panel_gift_template_id = $1 AND account_id = $2"
            ),
            args![template, account],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Lists uses, the newest first, one page: of an account, of a template, or all.
pub async fn list(
    q: &mut impl Query,
    (account, template): (Option<AccountId>, Option<PanelGiftTemplateId>),
    (limit, offset): (i64, i64),
) -> Result<Vec<GiftUsageRow>> {
    q.all(
        sql!(
            "SELECT u.*, c.code, a.email, i.email AS inviter_email, t.name AS template_name, t.description AS template_description, \
             t.kind AS template_kind, t.icon AS template_icon, t.theme_color AS template_color FROM panel_gift_usage u \
             JOIN panel_gift_code c ON c.id = u.panel_gift_code_id JOIN panel_gift_template t ON t.id = u.panel_gift_template_id \
             LEFT JOIN account a ON a.id = u.account_id LEFT JOIN account i ON i.id = u.inviter_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR u.account_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR u.panel_gift_template_id = $2) \
             ORDER BY u.id DESC LIMIT $3 OFFSET $4"
        ),
        args![account, template, limit, offset],
    )
    .await
}

/// Counts uses.
pub async fn count(
    q: &mut impl Query,
    (account, template): (Option<AccountId>, Option<PanelGiftTemplateId>),
) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_gift_usage u WHERE (CAST($1 AS BIGINT) IS NULL OR u.account_id = $1) \
                 AND (CAST($2 AS BIGINT) IS NULL OR u.panel_gift_template_id = $2)"
            ),
            args![account, template],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Finds a use of an account.
pub async fn find(q: &mut impl Query, id: PanelGiftUsageId, account: AccountId) -> Result<Option<GiftUsageRow>> {
    q.one(
        sql!(
            "SELECT u.*, c.code, a.email, i.email AS inviter_email, t.name AS template_name, t.description AS template_description, \
             t.kind AS template_kind, t.icon AS template_icon, t.theme_color AS template_color FROM panel_gift_usage u \
             JOIN panel_gift_code c ON c.id = u.panel_gift_code_id JOIN panel_gift_template t ON t.id = u.panel_gift_template_id \
             LEFT JOIN account a ON a.id = u.account_id LEFT JOIN account i ON i.id = u.inviter_id \
             WHERE u.id = $1 AND u.account_id = $2"
        ),
        args![id, account],
    )
    .await
}
