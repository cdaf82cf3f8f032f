//! Users as staff see and change them (specs/panel.md §4.3 user).
//!
//! Whoever holds more than the caller, or is protected, is not changed in what could take him over or shut him out: password, e-mail,
//! ban, roles, secrets, end.

mod ban;
mod edit;
mod generate;
mod role;

use gatehouse_model::{AccountId, Secret};
use gatehouse_store::{
    Tx,
    account::{self as accounts, AccountRow},
    filter::{Condition, Field, Given, Kind, Listing, Test},
    panel_user as rows, proxy_pass,
};

pub use ban::{Scope, ban, destroy, reset_secret};
pub use edit::{Edit, update};
pub use gatehouse_store::panel_user::{FIELDS, StaffUserRow};
pub use generate::{Made, NewUsers, generate, random_email};

use super::{
    money,
    refusal::{Outcome, Refusal},
    subscription,
};
use crate::{
    Ctx, Result, account,
    proxy::row::{token_place, uuid_place},
};

const UNKNOWN: Refusal = Refusal::rule("The user does not exist");
const DENIED: Refusal = Refusal::denied("Unauthorized");
const LAST: Refusal = Refusal::rule("The last administrator must stay");

/// A user with his secrets in clear, which staff may see.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What is stored.
    pub row: StaffUserRow,
    /// The secret all proxy protocols derive from.
    pub uuid: Secret,
    /// The subscription token.
    pub token: Secret,
    /// The subscription link.
    pub url: String,
}

/// A page of users and how many there are. Errors: `Forbidden`. Source: specs/panel.md §4.3 user/fetch.
pub async fn list(ctx: &Ctx, listing: &Listing) -> Result<(Vec<Shown>, i64)> {
    ctx.require("panel.user")?;
    let currency = money::currency(ctx);
    let rows = rows::list(&mut ctx.read(), listing, &currency, ctx.now()).await?;
    let total = rows::count(&mut ctx.read(), &listing.conditions, &currency, ctx.now()).await?;
    let shown: Result<Vec<Shown>> = rows.into_iter().map(|row| show(ctx, row)).collect();
    Ok((shown?, total))
}

/// One user. Errors: the rule "The user does not exist". Source: specs/panel.md §4.3 user/getUserInfoById.
pub async fn find(ctx: &Ctx, id: AccountId) -> Outcome<Shown> {
    static ID: Option<&Field> = FIELDS.first();
    ctx.require("panel.user")?;
    let field = ID.filter(|field| field.kind == Kind::Number).ok_or(UNKNOWN)?;
    let conditions = vec![Condition { field, test: Test::Eq, given: Given::Number(id.0) }];
    let listing = Listing { conditions, order: None, limit: 1, offset: 0 };
    let rows = rows::list(&mut ctx.read(), &listing, &money::currency(ctx), ctx.now()).await?;
    Ok(show(ctx, rows.into_iter().next().ok_or(UNKNOWN)?)?)
}

fn show(ctx: &Ctx, row: StaffUserRow) -> Result<Shown> {
    let keys = ctx.app.keys();
    let uuid = keys.open_text(uuid_place(&row.user.seal_ref), &row.user.uuid_sealed)?;
    let token = keys.open_text(token_place(&row.user.seal_ref), &row.user.token_sealed)?;
    let url = subscription::link(&ctx.app, token.expose());
    Ok(Shown { row, uuid, token, url })
}

/// The account of a user. Errors: the rule "The user does not exist", also for accounts without a proxy pass.
async fn target(tx: &mut Tx, id: AccountId) -> Outcome<AccountRow> {
    let row = accounts::find(tx, id).await?.ok_or(UNKNOWN)?;
    if proxy_pass::is_enabled(tx, id).await?.is_none() { Err(UNKNOWN.into()) } else { Ok(row) }
}

/// Refuses for accounts that hold more than the caller, or are protected and not his own.
async fn guard(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Outcome<()> {
    if account.is_protected && ctx.account() != Some(account.id) {
        return Err(DENIED.into());
    }
    Ok(account::guard(ctx, tx, account).await?)
}

/// Refuses to shut the last administrator out.
async fn keep_last(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Outcome<()> {
    let codes = gatehouse_store::role::list_codes_of_account(tx, account.id, ctx.now()).await?;
    let is_admin = codes.iter().any(|code| code == "panel.admin");
    if is_admin && rows::count_admins_beside(tx, account.id).await? == 0 { Err(LAST.into()) } else { Ok(()) }
}
