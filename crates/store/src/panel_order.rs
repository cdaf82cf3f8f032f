//! Orders of the panel.

use gatehouse_model::{AccountId, Millis, Money, PanelCouponId, PanelOrderId, PaymentChannelId, PlanId};

use crate::filter::{self, Field, Kind, Listing};
use crate::{Query, Result, Tx, args, sql};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OrderRow {
    /// Its number.
    pub id: PanelOrderId,
    /// What people know it by.
    pub trade_no: String,
    /// Whose; outlives the account.
    pub account_id: AccountId,
    /// Who invited the buyer.
    pub inviter_id: Option<AccountId>,
    /// What; none: a top-up.
    pub plan_id: Option<PlanId>,
    /// Coupon it used.
    pub panel_coupon_id: Option<PanelCouponId>,
    /// How it is paid, as chosen last.
    pub payment_channel_id: Option<PaymentChannelId>,
    /// 1 new, 2 renewal, 3 change, 4 traffic reset, 9 top-up.
    pub kind: i64,
    /// Period, or `deposit`.
    pub period: String,
    /// 0 pending, 1 processing, 2 cancelled, 3 completed, 4 discounted.
    pub status: i64,
    /// Of all its amounts.
    pub currency: String,
    /// What is to be paid.
    pub total: Money,
    /// What paying costs beside it.
    pub handling: Option<Money>,
    /// What was taken off.
    pub discount: Option<Money>,
    /// What was left of earlier orders.
    pub surplus: Option<Money>,
    /// What of it goes back to the balance.
    pub refund: Option<Money>,
    /// What came from the balance.
    pub balance: Option<Money>,
    /// JSON list of the orders the surplus came from.
    pub surplus_orders: Option<String>,
    /// 0 waiting, 1 releasing, 2 paid, 3 void; none: no commission.
    pub commission_status: Option<i64>,
    /// What inviting earns.
    pub commission: Money,
    /// What of it was paid out.
    pub commission_paid: Option<Money>,
    /// The payment system's name of the payment.
    pub callback_no: Option<String>,
    /// When it was paid.
    pub paid_at: Option<Millis>,
    /// When it was applied.
    pub opened_at: Option<Millis>,
    /// When it is given up unpaid.
    pub expires_at: Millis,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// Inserts an order; none: its owner has an open one, or the trade number is taken. The row's own number is not looked at.
pub async fn insert(tx: &mut Tx, row: &OrderRow) -> Result<Option<PanelOrderId>> {
    let id: Option<(PanelOrderId,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_order (trade_no, account_id, inviter_id, plan_id, panel_coupon_id, kind, period, status, currency, \
                 total, discount, surplus, refund, balance, surplus_orders, commission_status, commission, expires_at, created_at, \
                 updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19) \
                 ON CONFLICT DO NOTHING RETURNING id"
            ),
            args![
                row.trade_no.as_str(),
                row.account_id,
                row.inviter_id,
                row.plan_id,
                row.panel_coupon_id,
                row.kind,
                row.period.as_str(),
                row.status,
                row.currency.as_str(),
                row.total,
                row.discount,
                row.surplus,
                row.refund,
                row.balance,
                row.surplus_orders.as_deref(),
                row.commission_status,
                row.commission,
                row.expires_at,
                row.created_at
            ],
        )
        .await?;
    Ok(id.map(|(id,)| id))
}

/// Finds an order.
pub async fn find(q: &mut impl Query, id: PanelOrderId) -> Result<Option<OrderRow>> {
    q.one(sql!("SELECT * FROM panel_order WHERE id = $1"), args![id]).await
}

/// Finds an order by its trade number.
pub async fn find_by_trade(q: &mut impl Query, trade_no: &str) -> Result<Option<OrderRow>> {
    q.one(sql!("SELECT * FROM panel_order WHERE trade_no = $1"), args![trade_no]).await
}

/// Finds an order and locks its row. Its owner's pass is locked before.
pub async fn lock(tx: &mut Tx, id: PanelOrderId) -> Result<Option<OrderRow>> {
    let lock = sql! {
        sqlite: "SELECT * FROM panel_order WHERE id = $1",
        postgres: "SELECT * FROM panel_order WHERE id = $1 FOR UPDATE"
    };
    tx.one(lock, args![id]).await
}

/// Lists an account's orders, the newest first, at most `limit`.
pub async fn list(q: &mut impl Query, account: AccountId, status: Option<i64>, limit: i64) -> Result<Vec<OrderRow>> {
    q.all(
        sql!(
            "SELECT * FROM panel_order WHERE account_id = $1 AND (CAST($2 AS BIGINT) IS NULL OR status = $2) ORDER BY id DESC LIMIT $3"
        ),
        args![account, status, limit],
    )
    .await
}

/// Whether an account has an order that is neither pending nor cancelled.
pub async fn has_counted(q: &mut impl Query, account: AccountId) -> Result<bool> {
    let row: Option<(PanelOrderId,)> = q
        .one(
            sql!("SELECT id FROM panel_order WHERE account_id = $1 AND status NOT IN (0, 2) ORDER BY id LIMIT 1"),
            args![account],
        )
        .await?;
    Ok(row.is_some())
}

/// Counts an account's orders with a coupon that are neither pending nor cancelled.
pub async fn count_with_coupon(q: &mut impl Query, coupon: PanelCouponId, account: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM panel_order WHERE panel_coupon_id = $1 AND account_id = $2 AND status NOT IN (0, 2)"
            ),
            args![coupon, account],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists an account's completed orders of plans, by number: those whose rest value may count.
pub async fn list_completed(q: &mut impl Query, account: AccountId) -> Result<Vec<OrderRow>> {
    q.all(
        sql!("SELECT * FROM panel_order WHERE account_id = $1 AND status = 3 AND kind IN (1, 2, 3) ORDER BY id"),
        args![account],
    )
    .await
}

/// Moves an order from one status to another; 0: it is not in that one.
pub async fn update_status(tx: &mut Tx, id: PanelOrderId, from: i64, to: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_order SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2"),
        args![id, from, to, at],
    )
    .await
}

/// Notes that a pending order was paid; 0: it is not pending.
pub async fn update_paid(tx: &mut Tx, id: PanelOrderId, callback_no: Option<&str>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_order SET status = 1, callback_no = $2, paid_at = $3, updated_at = $3 WHERE id = $1 AND status = 0"
        ),
        args![id, callback_no, at],
    )
    .await
}

/// Notes that a paid order was applied; 0: it is not waiting for it.
pub async fn update_opened(tx: &mut Tx, id: PanelOrderId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_order SET status = 3, opened_at = $2, updated_at = $2 WHERE id = $1 AND status = 1"),
        args![id, at],
    )
    .await
}

/// Notes how a pending order is being paid, what that costs, and when it is given up; 0: it is not pending.
pub async fn update_checkout(
    tx: &mut Tx,
    id: PanelOrderId,
    channel: PaymentChannelId,
    handling: Money,
    expires_at: Millis,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE panel_order SET payment_channel_id = $2, handling = $3, expires_at = $4, updated_at = $5 \
             WHERE id = $1 AND status = 0"
        ),
        args![id, channel, handling, expires_at, at],
    )
    .await
}

/// Lists open orders after one that wait for something: those to be applied, and unpaid ones that are to be given up, at most `limit`.
pub async fn list_waiting(
    q: &mut impl Query,
    now: Millis,
    after: PanelOrderId,
    limit: i64,
) -> Result<Vec<(PanelOrderId,)>> {
    q.all(
        sql!(
            "SELECT id FROM panel_order WHERE status <= 1 AND (status = 1 OR expires_at <= $1) AND id > $2 ORDER BY id LIMIT $3"
        ),
        args![now, after, limit],
    )
    .await
}

/// Finds the open order of an account.
pub async fn find_open(q: &mut impl Query, account: AccountId) -> Result<Option<OrderRow>> {
    q.one(sql!("SELECT * FROM panel_order WHERE account_id = $1 AND status <= 1 ORDER BY id LIMIT 1"), args![account])
        .await
}

/// An order with its buyer's e-mail address.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ListedOrderRow {
    /// The order.
    #[sqlx(flatten)]
    pub row: OrderRow,
    /// His address, if he is still there.
    pub email: Option<String>,
}

/// What staff filter and sort orders by.
pub static FIELDS: &[Field] = &[
    Field::new("id", Kind::Number, "o.id"),
    Field::new("trade_no", Kind::Text, "LOWER(o.trade_no)"),
    Field::new("callback_no", Kind::Text, "LOWER(o.callback_no)"),
    Field::new("email", Kind::Text, "LOWER(a.email)"),
    Field::new("user_id", Kind::Number, "o.account_id"),
    Field::new("invite_user_id", Kind::Number, "o.inviter_id"),
    Field::new("plan_id", Kind::Number, "o.plan_id"),
    Field::new("coupon_id", Kind::Number, "o.panel_coupon_id"),
    Field::new("payment_id", Kind::Number, "o.payment_channel_id"),
    Field::new("type", Kind::Number, "o.kind"),
    Field::new("period", Kind::Text, "LOWER(o.period)"),
    Field::new("status", Kind::Number, "o.status"),
    Field::new("total_amount", Kind::Number, "o.total"),
    Field::new("commission_status", Kind::Number, "o.commission_status"),
    Field::new("commission_balance", Kind::Number, "o.commission"),
    Field::new("paid_at", Kind::Number, "o.paid_at / 1000"),
    Field::new("created_at", Kind::Number, "o.created_at / 1000"),
    Field::new("updated_at", Kind::Number, "o.updated_at / 1000"),
];

/// Lists a page of orders, and counts all that fit.
pub async fn list_page(q: &mut impl Query, listing: &Listing) -> Result<(i64, Vec<ListedOrderRow>)> {
    let mut args = args![];
    let from = "FROM panel_order o LEFT JOIN account a ON a.id = o.account_id WHERE 1 = 1";
    let fit = filter::conditions(&listing.conditions, &mut args);
    let count = filter::statement(format!("SELECT COUNT(*) AS n {from}{fit}"))?;
    let total: Option<(i64,)> = q.one(count, args.clone()).await?;
    let (order, next) = (filter::order(listing.order, "o.id"), args.len() + 1);
    let list = format!("SELECT o.*, a.email AS email {from}{fit}{order} LIMIT ${next} OFFSET ${}", next + 1);
    args.extend(args![listing.limit, listing.offset]);
    Ok((total.map_or(0, |(n,)| n), q.all(filter::statement(list)?, args).await?))
}
