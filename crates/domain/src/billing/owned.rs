//! A subscription with what decides about it, locked in the one order that everybody takes.

use gatehouse_model::{AccountId, BillingSubscriptionId};
use gatehouse_store::{
    Tx,
    billing_subscription::{self as rows, SubscriptionRow},
    subscriber::{self, TermsRow},
};

use super::{Outcome, Refusal};
use crate::{Ctx, ledger};

/// A subscription that has not ended, with its owner's wallet and terms.
pub(super) struct Owned {
    pub(super) terms: TermsRow,
    pub(super) subscription: SubscriptionRow,
}

/// Locks a subscriber's wallet, his terms and a subscription of his.
///
/// Errors: `NotFound` for one that has ended, is somebody else's or nobody's.
pub(super) async fn lock(ctx: &Ctx, tx: &mut Tx, account: AccountId, id: BillingSubscriptionId) -> Outcome<Owned> {
    ledger::wallet(ctx, tx, account, &ctx.app.settings().billing.pay.currency).await?;
    let terms = subscriber::lock_terms(tx, account).await?.ok_or(Refusal::NoUid)?;
    let subscription = rows::lock(tx, id).await?.ok_or(Refusal::NotFound)?;
    if subscription.account_id != account || subscription.state == "ended" {
        return Err(Refusal::NotFound.into());
    }
    Ok(Owned { terms, subscription })
}
