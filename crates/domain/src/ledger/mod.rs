//! The ledger: every movement of money, double entry, append-only (DESIGN §10.1, specs/billing.md §10).
//!
//! [`post`] is the one way in. It writes the entry with its postings, a row of the statement for each wallet that moves, and
//! recalculates debt blocks, all in the caller's transaction. An entry has a key: an event that is posted again under the same
//! key moves nothing. Whoever decides about a wallet's money calls [`wallet`] first, which locks it.

mod author;
mod book;
pub mod check;
mod debt;
pub mod kind;

use gatehouse_model::{AccountId, LedgerAccountId, LedgerEntryId, Millis, Money, StatementId};
use gatehouse_store::{Query, Tx, ledger as rows, statement};

pub use author::Author;
pub use book::Book;
pub use debt::recalculate as recalculate_debt;

use crate::{Ctx, Error, Result};

/// A wallet whose row this transaction holds.
#[derive(Debug, Clone, Copy)]
pub struct Wallet {
    /// Its number in the ledger.
    pub id: LedgerAccountId,
    /// Whose it is.
    pub owner: AccountId,
    /// What it holds.
    pub balance: Money,
}

/// One line of an entry.
#[derive(Debug)]
pub struct Line<'a> {
    /// What it moves.
    pub book: Book<'a>,
    /// By how much: what a person may claim of us counts up.
    pub amount: Money,
    /// What the owner sees of it; wallets need one, no other book has one.
    pub shown: Option<Shown<'a>>,
}

impl<'a> Line<'a> {
    /// A line of the house.
    pub const fn house(book: Book<'a>, amount: Money) -> Self {
        Self { book, amount, shown: None }
    }

    /// A line of a wallet.
    pub const fn wallet(owner: AccountId, amount: Money, shown: Shown<'a>) -> Self {
        Self { book: Book::Wallet(owner), amount, shown: Some(shown) }
    }
}

/// The row of the statement that shows a posting.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// [`kind`].
    pub kind: i64,
    /// Time of the row; none: now.
    pub at: Option<Millis>,
    /// For programs.
    pub reason: &'a str,
    /// For people.
    pub comment: &'a str,
    /// What it is about, such as a subscription.
    pub reference: Option<&'a str>,
    /// The row that becomes it, such as an order that is paid; none: a new one.
    pub settles: Option<StatementId>,
}

/// One event that moves money.
#[derive(Debug)]
pub struct Event<'a> {
    /// What makes it happen once: `charge:SUBSCRIPTION:START`, `paid:CHANNEL:PAYMENT` …
    pub key: &'a str,
    /// The use case: `billing.renew`.
    pub reason: &'static str,
    /// Who.
    pub author: &'a Author,
    /// Its lines; their amounts add up to nothing.
    pub lines: &'a [Line<'a>],
}

/// What came of posting an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It was entered. The rows of the statement, one for each line of a wallet, in their order.
    Now {
        /// The entry.
        entry: LedgerEntryId,
        /// The rows.
        shown: Vec<StatementId>,
    },
    /// It had been entered before: nothing moved.
    Before,
}

impl Posted {
    /// The row of the first wallet, if it was entered now.
    pub fn row(&self) -> Option<StatementId> {
        match self {
            Self::Now { shown, .. } => shown.first().copied(),
            Self::Before => None,
        }
    }
}

/// Locks the wallet of an account, made if there is none, until the transaction ends. Of several wallets the smallest account
/// first.
///
/// Shape: the account and the currency (ISO 4217) → what it holds, hundredths. Source: specs/billing.md §8.3.
pub async fn wallet(ctx: &Ctx, tx: &mut Tx, owner: AccountId, currency: &str) -> Result<Wallet> {
    let (id, balance) = rows::lock_account(tx, Book::Wallet(owner).key(currency), ctx.now()).await?;
    Ok(Wallet { id, owner, balance })
}

/// What an account's wallet holds, for showing; nothing where there is none.
pub async fn balance(q: &mut impl Query, owner: AccountId, currency: &str) -> Result<Money> {
    let found = rows::find_account(q, Book::Wallet(owner).key(currency)).await?;
    Ok(found.map_or(Money::ZERO, |(_, balance)| balance))
}

/// What an account earned by inviting others, for showing; nothing where there is none.
pub async fn commission(q: &mut impl Query, owner: AccountId, currency: &str) -> Result<Money> {
    let found = rows::find_account(q, Book::Commission(owner).key(currency)).await?;
    Ok(found.map_or(Money::ZERO, |(_, balance)| balance))
}

/// What open orders of an account hold of its money, for showing; nothing where there is none.
pub async fn held(q: &mut impl Query, owner: AccountId, currency: &str) -> Result<Money> {
    let found = rows::find_account(q, Book::Hold(owner).key(currency)).await?;
    Ok(found.map_or(Money::ZERO, |(_, balance)| balance))
}

/// Locks what an account earned by inviting others; what it is. After [`wallet`].
pub(crate) async fn lock_commission(ctx: &Ctx, tx: &mut Tx, owner: AccountId, currency: &str) -> Result<Money> {
    Ok(rows::lock_account(tx, Book::Commission(owner).key(currency), ctx.now()).await?.1)
}

/// Enters an event. Whoever decided on a balance holds the wallet by [`wallet`]; others need not.
///
/// Shape: an [`Event`] → whether it was entered now. Units: hundredths of `currency`. Errors: `Internal` for lines that do not
/// add up to nothing, or a wallet without a row to show: faults of the caller. Source: specs/billing.md §10.
pub async fn post(ctx: &Ctx, tx: &mut Tx, currency: &str, event: &Event<'_>) -> Result<Posted> {
    let sum: i128 = event.lines.iter().map(|line| i128::from(line.amount.0)).sum();
    let is_shown = |line: &Line<'_>| matches!(line.book, Book::Wallet(_)) == line.shown.is_some();
    if sum != 0 || !event.lines.iter().all(is_shown) {
        return Err(Error::internal(format!("the lines of {} do not add up", event.reason)));
    }
    let now = ctx.now();
    // In one order everywhere: wallets first, as those who decide do.
    let mut lines: Vec<(&Line<'_>, LedgerAccountId)> = Vec::with_capacity(event.lines.len());
    let mut wallets: Vec<&Line<'_>> = event.lines.iter().filter(|line| line.shown.is_some()).collect();
    wallets.sort_by_key(|line| line.book.owner());
    for line in wallets {
        lines.push((line, rows::lock_account(tx, line.book.key(currency), now).await?.0));
    }
    let Some(entry) = rows::insert_entry(tx, event.key, now, event.reason, &event.author.text()).await? else {
        return Ok(Posted::Before);
    };
    for line in event.lines.iter().filter(|line| line.shown.is_none()) {
        let key = line.book.key(currency);
        let id = match rows::find_account(tx, key).await? {
            Some((id, _)) => id,
            None => rows::lock_account(tx, key, now).await?.0,
        };
        lines.push((line, id));
    }
    let mut shown = Vec::new();
    for (line, account) in &lines {
        rows::insert_posting(tx, entry, *account, line.amount).await?;
        if line.book.owner().0 != 0 {
            let balance = rows::add_balance(tx, *account, line.amount).await?;
            if let Some(show) = &line.shown {
                let id = state(tx, event.author, show, (line, *account), (entry, balance), now).await?;
                shown.push((line.book.owner(), id));
                // Debts are counted in the currency of services.
                if currency == ctx.app.settings().billing.pay.currency {
                    debt::recalculate(ctx, tx, line.book.owner(), balance).await?;
                }
            }
        }
    }
    // As the caller named them.
    let shown = event
        .lines
        .iter()
        .filter(|line| line.shown.is_some())
        .filter_map(|line| shown.iter().find(|(owner, _)| *owner == line.book.owner()).map(|(_, id)| *id));
    Ok(Posted::Now { entry, shown: shown.collect() })
}

/// Writes the row that shows a posting.
async fn state(
    tx: &mut Tx,
    author: &Author,
    show: &Shown<'_>,
    (line, account): (&Line<'_>, LedgerAccountId),
    (entry, balance): (LedgerEntryId, Money),
    now: Millis,
) -> Result<StatementId> {
    let address = author.address.map(|address| address.to_string());
    let row = statement::NewStatement {
        account_id: Some(line.book.owner()),
        ledger_account_id: Some(account),
        entry_id: Some(entry),
        at: show.at.unwrap_or(now),
        kind: show.kind,
        amount: line.amount,
        balance_after: Some(balance),
        reason: show.reason,
        comment: show.comment,
        reference: show.reference,
        actor: author.word,
        actor_no: author.number,
        actor_address: address.as_deref(),
        created_at: now,
    };
    let Some(settled) = show.settles else { return Ok(statement::insert(tx, &row).await?) };
    if statement::settle(tx, settled, &row).await? != 1 {
        return Err(Error::internal(format!("row {settled} of the statement is settled already")));
    }
    Ok(settled)
}

/// Writes a row that moves no money: an order, a message, a block, an event. Returns its number.
pub async fn note(
    ctx: &Ctx,
    tx: &mut Tx,
    account: Option<AccountId>,
    author: &Author,
    shown: &Shown<'_>,
) -> Result<StatementId> {
    let address = author.address.map(|address| address.to_string());
    let row = statement::NewStatement {
        account_id: account,
        ledger_account_id: None,
        entry_id: None,
        at: shown.at.unwrap_or(ctx.now()),
        kind: shown.kind,
        amount: Money::ZERO,
        balance_after: None,
        reason: shown.reason,
        comment: shown.comment,
        reference: shown.reference,
        actor: author.word,
        actor_no: author.number,
        actor_address: address.as_deref(),
        created_at: ctx.now(),
    };
    Ok(statement::insert(tx, &row).await?)
}
