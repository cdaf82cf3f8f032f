//! What inviting others earned, by order and level.

use gatehouse_model::{AccountId, Millis, Money, PanelOrderId};

use crate::{Query, Result, Tx, args, sql};

/// One payout.
#[derive(Debug, Clone, Copy)]
pub struct NewCommission<'a> {
    /// Of which order.
    pub panel_order_id: PanelOrderId,
    /// 1 for who invited the buyer, 2 for who invited him …
    pub level: i64,
    /// Who earns it.
    pub inviter_id: AccountId,
    /// The buyer.
    pub account_id: AccountId,
    /// The order's trade number.
    pub trade_no: &'a str,
    /// What was paid for it.
    pub order_amount: Money,
    /// What is earned.
    pub amount: Money,
}

/// Inserts a payout; 0: this level of the order was paid out before.
pub async fn insert(tx: &mut Tx, new: &NewCommission<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_commission (panel_order_id, level, inviter_id, account_id, trade_no, order_amount, amount, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING"
        ),
        args![
            new.panel_order_id,
            new.level,
            new.inviter_id,
            new.account_id,
            new.trade_no,
            new.order_amount,
            new.amount,
            at
        ],
    )
    .await
}

/// Lets commissions be paid out whose orders nobody touched since a moment.
pub async fn release_waiting(tx: &mut Tx, before: Millis, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_order SET commission_status = 1, updated_at = $2 WHERE commission_status = 0 AND status >= 3 AND updated_at <= $1"
        ),
        args![before, at],
    )
    .await
}

/// Lists orders after one whose commission is to be paid out, at most `limit`.
pub async fn list_released(q: &mut impl Query, after: PanelOrderId, limit: i64) -> Result<Vec<(PanelOrderId,)>> {
    q.all(
        sql!("SELECT id FROM panel_order WHERE commission_status = 1 AND status >= 3 AND id > $1 ORDER BY id LIMIT $2"),
        args![after, limit],
    )
    .await
}

/// Notes that a released commission was paid out; 0: it is not waiting for that.
pub async fn update_paid(tx: &mut Tx, id: PanelOrderId, amount: Money, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_order SET commission_status = 2, commission_paid = $2, updated_at = $3 WHERE id = $1 AND commission_status = 1"
        ),
        args![id, amount, at],
    )
    .await
}

/// Writes what staff say of a commission; 0: it was paid out, or there is no such order.
pub async fn update_status(tx: &mut Tx, id: PanelOrderId, to: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_order SET commission_status = $2, updated_at = $3 WHERE id = $1 \
             AND (commission_status IS NULL OR commission_status <> 2)"
        ),
        args![id, to, at],
    )
    .await
}
