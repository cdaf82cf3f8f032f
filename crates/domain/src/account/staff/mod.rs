//! Users of the bastion: accounts with a staff pass (specs/bastion.md §1, §2.3, §6.2).
//!
//! Every change runs in [`permission::begin`] and asks in this order: right, existence, protection, escalation.

mod add;
mod delete;
mod edit;
mod list;
mod member;
mod status;

pub use add::{NewStaff, add, check_login};
pub use delete::delete;
pub use edit::{StaffEdit, edit};
pub use list::{Filter, Membership, list, memberships};
pub use member::{bind, bind_faults};
pub use status::{reset_factor, set_password, set_status, unlock};

use gatehouse_model::{AccountId, Login};
use gatehouse_store::{Query, account as accounts, account::AccountRow, pass, role, staff as rows};

use super::{administrator, own::taken_contacts};
use crate::{Ctx, Edit, Error, Result, error::Fault, permission};

/// Finds a user to act on. Errors: `NotFound`, also for accounts without a staff pass.
async fn find(q: &mut impl Query, id: AccountId) -> Result<AccountRow> {
    let unknown = Error::NotFound { what: "account" };
    if !pass::has_staff(q, id).await? {
        return Err(unknown);
    }
    accounts::find(q, id).await?.ok_or(unknown)
}

/// Refuses to act on a protected account.
fn require_unprotected(account: &AccountRow) -> Result<()> {
    if account.is_protected { Err(Error::Locked { what: "account", why: "it is protected" }) } else { Ok(()) }
}

/// Refuses what one does to others only: one's own password and second factor are changed by proving them.
fn require_other(ctx: &Ctx, account: &AccountRow) -> Result<()> {
    if ctx.account() == Some(account.id) {
        return Err(Error::Locked { what: "account", why: "it is your own" });
    }
    Ok(())
}

/// Refuses unless the actor holds all that the account holds.
async fn require_power(ctx: &Ctx, q: &mut impl Query, account: &AccountRow) -> Result<()> {
    permission::covers_account(ctx, q, account.id).await
}

/// Refuses a change after which no enabled account would have role 1 for good (specs/bastion.md §2.3, N4).
async fn require_administrator_left(q: &mut impl Query) -> Result<()> {
    let role = role::find_by_code(q, administrator::ROLE).await?.ok_or(Error::NotFound { what: "role" })?;
    if role::count_lasting_members(q, role.id).await? == 0 {
        return Err(Error::Locked { what: "account", why: "it is the last administrator" });
    }
    Ok(())
}

/// What of a form belongs to somebody already; `of` is whom the form is about, if he exists.
///
/// Asked before a change, so that every clash is told at once; the constraints decide.
pub async fn taken(
    q: &mut impl Query,
    of: Option<AccountId>,
    login: Option<&Login>,
    email: &Edit<String>,
    phone: &Edit<String>,
) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    if let Some(login) = login
        && rows::is_login_taken(q, &login.key()).await?
    {
        faults.push(Fault { field: "account", rule: "taken" });
    }
    faults.extend(taken_contacts(q, of, email, phone).await?);
    Ok(faults)
}
