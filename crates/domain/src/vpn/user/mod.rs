//! Users of the vpn surface as they are staged: accounts with a VPN pass (specs/vpn.md §6 "Users", §7, §9).
//!
//! Faults name a field and a rule, one at a time, in the order of the checks; the files of the use cases list them.

mod add;
mod check;
mod delete;
mod edit;
mod enable;

use gatehouse_model::{AccountId, VpnRoleId, fold_key};
use gatehouse_store::{Query, vpn_user as rows};

use super::field::is_askable;
use crate::{Ctx, Error, Result};

pub use add::{NewUser, add};
pub use delete::delete;
pub use edit::{Expiry, UserEdit, edit};
pub use enable::set_enabled;
pub use rows::{VpnUserEntry, VpnUserRow};

/// Kind of object in the audit trail.
pub(crate) const OBJECT: &str = "account";

/// Most users of one page.
pub const PAGE_MAX: i64 = 50_000;

/// An external server as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerName {
    /// Its name.
    pub name: String,
    /// Its kind, `ldap` or `radius`, if it must be of one.
    pub kind: Option<&'static str>,
}

/// A user with the roles it holds by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The pass and what the account says.
    pub row: VpnUserRow,
    /// Roles by id.
    pub roles: Vec<(VpnRoleId, String)>,
}

impl User {
    /// Whether both the pass and the account are enabled.
    pub const fn is_enabled(&self) -> bool {
        self.row.is_enabled && self.row.is_account_enabled
    }
}

/// Shows a user as it is staged.
///
/// Errors: `Forbidden`; `Fields` (`name`: `empty`, `unknown`). Source: specs/vpn.md §7.2.
pub async fn show(ctx: &Ctx, name: &str) -> Result<User> {
    ctx.require("vpn.user.read")?;
    if name.is_empty() {
        return Err(Error::field("name", "empty"));
    }
    let unknown = || Error::field("name", "unknown");
    let mut q = ctx.read();
    let id = find_id(&mut q, name).await?.ok_or_else(unknown)?;
    let row = rows::find_view(&mut q, id).await?.ok_or_else(unknown)?;
    let roles = rows::list_roles(&mut q, id, id).await?;
    Ok(User { row, roles: roles.into_iter().map(|role| (role.id, role.name)).collect() })
}

/// One page of the users, as they are staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// How many users there are.
    pub total: i64,
    /// The page with the roles each user holds by itself, by id.
    pub users: Vec<(VpnUserEntry, Vec<(VpnRoleId, String)>)>,
}

/// Lists users by id, at most [`PAGE_MAX`]. Errors: `Forbidden`. Source: specs/vpn.md §7.7.
pub async fn list(ctx: &Ctx, limit: i64, offset: i64) -> Result<UserPage> {
    ctx.require("vpn.user.read")?;
    let (limit, offset) = (limit.clamp(0, PAGE_MAX), offset.max(0));
    let mut q = ctx.read();
    let total = rows::count(&mut q).await?;
    let entries = rows::list(&mut q, (limit, offset)).await?;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(UserPage { total, users: Vec::new() });
    };
    let mut roles = rows::list_roles(&mut q, first.id, last.id).await?.into_iter().peekable();
    let users = entries
        .into_iter()
        .map(|entry| {
            let mut own = Vec::new();
            while let Some(role) = roles.next_if(|role| role.account_id <= entry.id) {
                // A user that is not on the page lies between: made or moved meanwhile.
                if role.account_id == entry.id {
                    own.push((role.id, role.name));
                }
            }
            (entry, own)
        })
        .collect();
    Ok(UserPage { total, users })
}

/// Finds a user by its staged login, compared folded.
pub(crate) async fn find_id(q: &mut impl Query, name: &str) -> Result<Option<AccountId>> {
    if !is_askable(name) {
        return Ok(None);
    }
    Ok(rows::find_id(q, &fold_key(name)).await?)
}
