//! The subscriber pass as `account show` has it.

use gatehouse_model::AccountId;
use gatehouse_store::{billing_group, subscriber as rows};

use crate::{Ctx, Result, ledger};

/// A subscriber pass with what its wallet holds. Money as text with two decimals.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SubscriberView {
    /// His number.
    pub uid: i64,
    /// Name of his billing group.
    pub group: String,
    /// Number of his contract.
    pub contract: String,
    /// Full name.
    pub full_name: String,
    /// What his wallet holds.
    pub balance: String,
    /// Below it he is blocked.
    pub limit_balance: String,
    /// Whether he is blocked below it.
    pub block_if_limit: bool,
    /// Currency of both.
    pub currency: String,
    /// Percent.
    pub discount: i64,
    /// Why staff block him; none: they do not.
    pub admin_block: Option<String>,
    /// Blocked by debt.
    pub debt_block: bool,
}

/// Shows the subscriber pass of an account.
pub(crate) async fn view(ctx: &Ctx, account: AccountId) -> Result<Option<SubscriberView>> {
    let q = &mut ctx.read();
    let Some(row) = rows::find(q, account).await? else { return Ok(None) };
    let currency = ctx.app.settings().billing.pay.currency.clone();
    let group = billing_group::find(q, row.billing_group_id).await?;
    Ok(Some(SubscriberView {
        uid: row.uid,
        group: group.map(|group| group.name).unwrap_or_default(),
        contract: row.contract,
        full_name: row.full_name,
        balance: ledger::balance(q, account, &currency).await?.to_decimal(),
        limit_balance: row.limit_balance.to_decimal(),
        block_if_limit: row.block_if_limit,
        currency,
        discount: row.discount,
        admin_block: row.admin_block.then_some(row.admin_block_why),
        debt_block: row.debt_block,
    }))
}
