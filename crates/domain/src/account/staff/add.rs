//! A new user.

use gatehouse_model::{AccountId, Login, Secret};
use gatehouse_store::{Aspect, account as accounts, pass, role, staff as rows};

use super::taken;
use crate::{
    Ctx, Edit, Error, Result,
    account::{self, NewAccount},
    bastion::seed::CLIENT_ROLE,
    permission::{self, Change},
};

/// What a new user is made of. Lengths are the surface's.
#[derive(Debug, Clone)]
pub struct NewStaff {
    /// Login, see [`check_login`].
    pub login: Login,
    /// Password.
    pub password: Secret,
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Note.
    pub remark: Option<String>,
    /// Whether it may log in.
    pub is_enabled: bool,
}

/// A login as the bastion makes them: it stands in `account#resource` on the ssh door, so no white space, `#` and `/`.
///
/// Errors: `Fields` (account: characters).
pub fn check_login(text: &str) -> Result<Login> {
    let wrong = || Error::field("account", "characters");
    if text.contains(|c: char| c.is_whitespace() || matches!(c, '#' | '/')) {
        return Err(wrong());
    }
    Login::new(text).map_err(|_reason| wrong())
}

/// Makes an account with a staff pass and the role for everybody.
///
/// Errors: `Forbidden`; `Fields` naming every clash (`account`, `email`, `phone_number`: taken); `Invalid` on email.
/// Source: specs/bastion.md §6.1 row 4. The role holds the own profile only, so that whoever may add users may give it.
pub async fn add(ctx: &Ctx, new: &NewStaff) -> Result<AccountId> {
    ctx.require("system.user.create")?;
    let password = ctx.app.passwords().hash(ctx.app.random(), &new.password).await?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.create")?;
    let faults = taken(&mut tx, None, Some(&new.login), &set(new.email.as_ref()), &set(new.phone.as_ref())).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let account = NewAccount {
        login: new.login.clone(),
        name: Some(new.name.clone()),
        email: new.email.clone(),
        phone: new.phone.clone(),
        password: None,
    };
    let id = account::insert(&ctx, &mut tx, &account, Some(&password), false).await?;
    pass::insert_staff(&mut tx, id, ctx.now()).await?;
    if new.remark.is_some() {
        let remark = rows::StaffUpdate { remark: Some(new.remark.as_deref()), ..rows::StaffUpdate::default() };
        rows::update(&mut tx, id, remark, ctx.now()).await?;
    }
    if !new.is_enabled {
        accounts::update_enabled(&mut tx, id, false, None, ctx.now()).await?;
    }
    if let Some(role) = role::find_by_code(&mut tx, CLIENT_ROLE).await? {
        role::insert_member(&mut tx, id, role.id).await?;
    }
    tx.touch(Aspect::Permission, Some(id.0));
    tx.commit().await?;
    Ok(id)
}

fn set(field: Option<&String>) -> Edit<String> {
    field.cloned().map_or(Edit::Keep, Edit::Set)
}
