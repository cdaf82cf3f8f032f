//! The self-check of the ledger: what must always hold, and where it does not (specs/billing.md §10).

use gatehouse_model::{AccountId, Money, Origin};
use gatehouse_store::{Query, ledger as rows};

use crate::{
    Actor, App, Result,
    audit::{self, Object, Stream},
};

/// How many of each kind are named.
const NAMED: i64 = 20;

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The postings of an entry.
    #[error("entry {key}: its postings add up to {} {currency} instead of nothing", .sum.to_decimal())]
    Entry {
        /// Its key.
        key: String,
        /// Currency.
        currency: String,
        /// What they add up to.
        sum: Money,
    },
    /// What an owned account holds, and its postings.
    #[error("{kind} of account {owner}: holds {} {currency}, its postings add up to {}", .held.to_decimal(), .posted.to_decimal())]
    Balance {
        /// Kind of account.
        kind: String,
        /// Whose.
        owner: AccountId,
        /// Currency.
        currency: String,
        /// What it holds.
        held: Money,
        /// What was posted.
        posted: Money,
    },
    /// What a wallet holds, and the statement.
    #[error("wallet of account {owner}: holds {} {currency}, its statement adds up to {}", .held.to_decimal(), .stated.to_decimal())]
    Statement {
        /// Whose.
        owner: AccountId,
        /// Currency.
        currency: String,
        /// What it holds.
        held: Money,
        /// What the statement says.
        stated: Money,
    },
}

/// Finds what does not add up, at most twenty of each kind. Reads every posting: minutes for a hundred million.
pub async fn check(q: &mut impl Query) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    for (key, currency, sum) in rows::list_unbalanced(q, NAMED).await? {
        found.push(Mismatch::Entry { key, currency, sum: Money(sum) });
    }
    for (kind, currency, owner, held, posted) in rows::list_astray(q, NAMED).await? {
        let (held, posted) = (Money(held), Money(posted));
        found.push(Mismatch::Balance { kind, owner: AccountId(owner), currency, held, posted });
    }
    for (currency, owner, held, stated) in rows::list_misstated(q, NAMED).await? {
        let (held, stated) = (Money(held), Money(stated));
        found.push(Mismatch::Statement { owner: AccountId(owner), currency, held, stated });
    }
    Ok(found)
}

/// Looks at the ledger each day: what does not add up is logged and becomes an alert of the audit trail. The periodic task
/// `ledger.check`.
pub(crate) async fn watch(app: &App) -> Result<()> {
    let found = check(&mut app.db().read()).await?;
    if found.is_empty() {
        return Ok(());
    }
    let ctx = app.ctx(Actor::System("ledger.check"), Origin::System);
    let mut tx = ctx.begin().await?;
    for mismatch in &found {
        tracing::error!(event = "ledger.mismatch", "{mismatch}");
        let detail = Some(serde_json::json!({ "what": mismatch.to_string() }).to_string());
        let object = Object::new("ledger", None, "");
        audit::record(&mut tx, &ctx, Stream::Alert, "ledger.mismatch", object, "failed", detail).await?;
    }
    tx.commit().await?;
    Ok(())
}
