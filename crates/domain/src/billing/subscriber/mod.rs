//! Subscribers in the hands of staff: the pass, its terms, the block, the end (specs/billing.md §6.1, §7).

mod edit;
mod pass;
mod view;

pub use edit::{SubscriberEdit, block, set_password, update};
pub use pass::NewSubscriber;
pub use view::SubscriberView;

pub(crate) use edit::{apply, block_in};
pub(crate) use pass::{ending, insert, revoke, switched};
pub(crate) use view::view;

use gatehouse_model::AccountId;
use gatehouse_store::{Query, pass as passes};

use crate::{Ctx, Error, Result, ledger::Author};

/// Largest number of a technical state (specs/billing.md §5.2).
const MAX_CSTATE: i64 = 13;

/// Whoever acts on a subscriber from outside of billing: the number of his staff pass, 0 for whoever runs commands.
pub(crate) async fn author(ctx: &Ctx, q: &mut impl Query) -> Result<Author> {
    let staff_no = match ctx.account() {
        Some(account) => passes::find_staff_no(q, account).await?,
        None => None,
    };
    Ok(Author::staff(ctx, staff_no.unwrap_or(0)))
}

/// Whether an account has a subscriber pass.
pub(crate) async fn exists(q: &mut impl Query, account: AccountId) -> Result<bool> {
    Ok(gatehouse_store::subscriber::find_group(q, account).await?.is_some())
}

/// Refuses terms that mean nothing.
fn check(row: &gatehouse_store::subscriber::SubscriberRow) -> Result<()> {
    let texts = [
        ("contract", &row.contract, 64),
        ("full_name", &row.full_name, 256),
        ("comment", &row.comment, 2_048),
        ("reason", &row.admin_block_why, 512),
    ];
    for (field, text, most) in texts {
        if text.chars().count() > most || text.contains('\0') {
            return Err(Error::invalid(field, format!("at most {most} characters")));
        }
    }
    if row.uid < 1 {
        return Err(Error::invalid("uid", "a number above 0"));
    }
    if !(0..=100).contains(&row.discount) {
        return Err(Error::invalid("discount", "a percentage from 0 to 100"));
    }
    if !(0..=MAX_CSTATE).contains(&row.cstate) {
        return Err(Error::invalid("cstate", format!("a number from 0 to {MAX_CSTATE}")));
    }
    Ok(())
}

/// Names what is taken.
fn taken(error: gatehouse_store::Error) -> Error {
    match Error::from(error) {
        Error::Conflict { key, .. } if key == "subscriber_pass_uid_key" => Error::Conflict { what: "uid", key },
        Error::Conflict { .. } => Error::Conflict { what: "pass", key: "subscriber".to_owned() },
        other => other,
    }
}
