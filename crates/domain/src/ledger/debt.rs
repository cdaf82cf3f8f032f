//! Debt blocks: recalculated in the transaction of every posting and of every change of a limit (specs/billing.md §7).

use gatehouse_model::{AccountId, Money};
use gatehouse_store::{Aspect, Tx, subscriber};

use super::{Author, Shown, kind, note};
use crate::{Ctx, Result, push, radius::outbox};

/// Writes whether debt blocks a subscriber who holds this much; gives whether that changed. Whoever calls holds his wallet.
///
/// A block that is set shows as a row and, as one that is lifted, reaches his sessions through the outbox.
pub async fn recalculate(ctx: &Ctx, tx: &mut Tx, account: AccountId, balance: Money) -> Result<bool> {
    let Some(terms) = subscriber::lock_terms(tx, account).await? else { return Ok(false) };
    let is_blocked = terms.block_if_limit && balance < terms.limit_balance;
    if is_blocked == terms.debt_block {
        return Ok(false);
    }
    subscriber::update_debt_block(tx, account, is_blocked, ctx.now()).await?;
    if is_blocked {
        let reason = format!("{}:{}", balance.to_decimal(), terms.limit_balance.to_decimal());
        let shown =
            Shown { kind: kind::DEBT_BLOCK, at: None, reason: &reason, comment: "", reference: None, settles: None };
        let id = note(ctx, tx, Some(account), &Author::kernel(), &shown).await?;
        push::queue(ctx, tx, account, &push::Event::DebtBlock { id }).await?;
    }
    outbox::change_account(tx, ctx.now(), account).await?;
    tx.touch(Aspect::Subscriber, Some(account.0));
    Ok(true)
}
