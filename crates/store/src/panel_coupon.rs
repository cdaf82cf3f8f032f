//! Coupons of the panel.

use gatehouse_model::{Millis, PanelCouponId};

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
