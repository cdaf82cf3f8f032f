//! What staff see of users.

use gatehouse_model::{AccountId, Millis, Paged, Paging, RoleId, fold_key};
use gatehouse_store::{like, role, role::RoleRow, staff as rows, staff::StaffRow};

use super::find;
use crate::{Ctx, Result, account::own::Person};

/// Which users are listed; texts are searched for anywhere, whatever their case.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In the display name.
    pub name: Option<String>,
    /// In the login.
    pub login: Option<String>,
    /// In the e-mail.
    pub email: Option<String>,
    /// In the phone number.
    pub phone: Option<String>,
    /// Only enabled or only disabled ones.
    pub is_enabled: Option<bool>,
}

impl From<StaffRow> for Person {
    fn from(row: StaffRow) -> Self {
        let ids = row.role_ids.as_deref().unwrap_or_default().split(',');
        // The column is made of ids by the statement; the empty text is none.
        let mut roles: Vec<RoleId> = ids.filter_map(|id| id.parse().ok()).map(RoleId).collect();
        roles.sort_unstable();
        Self {
            id: row.id,
            login: row.login,
            name: row.name,
            email: row.email,
            phone: row.phone,
            is_enabled: row.is_enabled,
            is_protected: row.is_protected,
            created_at: row.created_at,
            updated_at: row.updated_at,
            remark: row.remark,
            avatar: row.avatar,
            last_login_at: row.last_login_at,
            roles,
        }
    }
}

/// Lists users by id.
///
/// Errors: `Forbidden`. Source: specs/bastion.md §6.1 row 7.
pub async fn list(ctx: &Ctx, filter: &Filter, paging: Paging) -> Result<Paged<Person>> {
    ctx.require("system.user.read")?;
    let pattern = |text: &Option<String>| text.as_deref().map(|text| like::contains(&fold_key(text)));
    let (name, login, email) = (pattern(&filter.name), pattern(&filter.login), pattern(&filter.email));
    let phone = pattern(&filter.phone);
    let filter = rows::StaffFilter {
        name: name.as_deref(),
        login: login.as_deref(),
        email: email.as_deref(),
        phone: phone.as_deref(),
        is_enabled: filter.is_enabled,
    };
    let total = rows::count(&mut ctx.read(), filter).await?;
    let part = (paging.limit, paging.offset);
    let page = rows::list(&mut ctx.read(), filter, ctx.now(), paging.is_descending, part).await?;
    Ok(Paged { total, rows: page.into_iter().map(Person::from).collect() })
}

/// A role of a user.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The role.
    pub role: RoleRow,
    /// Until when he has it; none: for good.
    pub valid_until: Option<Millis>,
}

/// Lists the roles a user has now, by id, with their ends.
///
/// Errors: `Forbidden`; `NotFound`. Source: specs/bastion.md §13 `user/role/get`.
pub async fn memberships(ctx: &Ctx, id: AccountId) -> Result<Vec<Membership>> {
    ctx.require("system.permission.read")?;
    find(&mut ctx.read(), id).await?;
    let ends = role::list_members(&mut ctx.read(), id).await?;
    let roles = role::list_of_account(&mut ctx.read(), id, ctx.now()).await?;
    let end = |role: RoleId| ends.iter().find(|(id, _)| *id == role).and_then(|(_, end)| *end);
    Ok(roles.into_iter().map(|role| Membership { valid_until: end(role.id), role }).collect())
}
