//! Coupons of the panel.

use gatehouse_model::{Millis, PanelCouponId};

use crate::filter::{self, Field, Kind, Listing};
use crate::{Query, Result, Tx, args, sql};

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CouponRow {
    /// Its number.
    pub id: PanelCouponId,
    /// What is typed.
    pub code: String,
    /// Its name.
    pub name: String,
    /// 1 fixed sum in hundredths, 2 percent.
    pub kind: i64,
    /// How much.
    pub value: i64,
    /// Whether it counts.
    pub is_shown: bool,
    /// Uses that are left; none: no limit.
    pub uses_left: Option<i64>,
    /// Uses of each account; none: no limit.
    pub uses_per_account: Option<i64>,
    /// JSON list of plans; none: all.
    pub plan_ids: Option<String>,
    /// JSON list of periods; none: all.
    pub periods: Option<String>,
    /// From when.
    pub started_at: Millis,
    /// Until when.
    pub ended_at: Millis,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// Finds a coupon by what is typed.
pub async fn find_by_code(q: &mut impl Query, code: &str) -> Result<Option<CouponRow>> {
    q.one(sql!("SELECT * FROM panel_coupon WHERE code = $1"), args![code]).await
}

/// Finds a coupon.
pub async fn find(q: &mut impl Query, id: PanelCouponId) -> Result<Option<CouponRow>> {
    q.one(sql!("SELECT * FROM panel_coupon WHERE id = $1"), args![id]).await
}

/// Takes a use of a coupon; 0: none is left.
pub async fn claim_use(tx: &mut Tx, id: PanelCouponId) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_coupon SET uses_left = uses_left - 1 WHERE id = $1 AND (uses_left IS NULL OR uses_left > 0)"
        ),
        args![id],
    )
    .await
}

/// Gives a use of a coupon back.
pub async fn return_use(tx: &mut Tx, id: PanelCouponId) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_coupon SET uses_left = uses_left + 1 WHERE id = $1 AND uses_left IS NOT NULL"),
        args![id],
    )
    .await
}

/// Inserts a coupon; none: its code is taken. The row's own number is not looked at.
pub async fn insert(tx: &mut Tx, row: &CouponRow) -> Result<Option<PanelCouponId>> {
    let id: Option<(PanelCouponId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_coupon (code, name, kind, value, is_shown, uses_left, uses_per_account, plan_ids, periods, started_at, \
                 ended_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) \
                 ON CONFLICT (code) DO NOTHING RETURNING id"
            ),
            args![
                row.code.as_str(),
                row.name.as_str(),
                row.kind,
                row.value,
                row.is_shown,
                row.uses_left,
                row.uses_per_account,
                row.plan_ids.as_deref(),
                row.periods.as_deref(),
                row.started_at,
                row.ended_at,
                row.created_at
            ],
        )
        .await?;
    Ok(id.map(|(id,)| id))
}

/// Finds a coupon and locks its row.
pub async fn lock(tx: &mut Tx, id: PanelCouponId) -> Result<Option<CouponRow>> {
    let lock = sql! {
        sqlite: "SELECT * FROM panel_coupon WHERE id = $1",
        postgres: "SELECT * FROM panel_coupon WHERE id = $1 FOR UPDATE"
    };
    tx.one(lock, args![id]).await
}

/// Writes a coupon as it shall be.
pub async fn update(tx: &mut Tx, row: &CouponRow) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_coupon SET code = $2, name = $3, kind = $4, value = $5, is_shown = $6, uses_left = $7, uses_per_account = $8, \
             plan_ids = $9, periods = $10, started_at = $11, ended_at = $12, updated_at = $13 WHERE id = $1"
        ),
        args![
            row.id,
            row.code.as_str(),
            row.name.as_str(),
            row.kind,
            row.value,
            row.is_shown,
            row.uses_left,
            row.uses_per_account,
            row.plan_ids.as_deref(),
            row.periods.as_deref(),
            row.started_at,
            row.ended_at,
            row.updated_at
        ],
    )
    .await
}

/// Deletes a coupon; orders keep its number.
pub async fn delete(tx: &mut Tx, id: PanelCouponId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM panel_coupon WHERE id = $1"), args![id]).await
}

/// What staff filter and sort coupons by.
pub static FIELDS: &[Field] = &[
    Field::new("id", Kind::Number, "id"),
    Field::new("code", Kind::Text, "LOWER(code)"),
    Field::new("name", Kind::Text, "LOWER(name)"),
    Field::new("type", Kind::Number, "kind"),
    Field::new("value", Kind::Number, "value"),
    Field::new("show", Kind::Flag, "is_shown"),
    Field::new("limit_use", Kind::Number, "uses_left"),
    Field::new("limit_use_with_user", Kind::Number, "uses_per_account"),
    Field::new("started_at", Kind::Number, "started_at / 1000"),
    Field::new("ended_at", Kind::Number, "ended_at / 1000"),
    Field::new("created_at", Kind::Number, "created_at / 1000"),
    Field::new("updated_at", Kind::Number, "updated_at / 1000"),
];

/// Lists a page of coupons, and counts all that fit.
pub async fn list_page(q: &mut impl Query, listing: &Listing) -> Result<(i64, Vec<CouponRow>)> {
    let mut args = args![];
    let fit = filter::conditions(&listing.conditions, &mut args);
    let count = filter::statement(format!("SELECT COUNT(*) AS n FROM panel_coupon WHERE 1 = 1{fit}"))?;
    let total: Option<(i64,)> = q.one(count, args.clone()).await?;
    let (order, next) = (filter::order(listing.order, "id"), args.len() + 1);
    let list = format!("SELECT * FROM panel_coupon WHERE 1 = 1{fit}{order} LIMIT ${next} OFFSET ${}", next + 1);
    args.extend(args![listing.limit, listing.offset]);
    Ok((total.map_or(0, |(n,)| n), q.all(filter::statement(list)?, args).await?))
}
