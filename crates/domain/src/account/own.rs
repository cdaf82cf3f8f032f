//! What people see and change of themselves on the bastion.

use gatehouse_model::{AccountId, Millis, RoleId};
use gatehouse_store::own_account as rows;

use crate::{Ctx, Error, Result};

/// An account of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Wire id.
    pub id: AccountId,
    /// Login.
    pub login: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The switch.
    pub is_enabled: bool,
    /// Neither disabled nor deleted.
    pub is_protected: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// Note.
    pub remark: Option<String>,
    /// Path of a picture.
    pub avatar: Option<String>,
    /// Last login.
    pub last_login_at: Option<Millis>,
    /// Its roles.
    pub roles: Vec<RoleId>,
}

/// Shows the caller's own account. Errors: `Unauthenticated` for whoever is no person with a staff pass.
pub async fn show(ctx: &Ctx) -> Result<Person> {
    let nobody = || Error::Unauthenticated { why: "no account of staff" };
    let id = ctx.account().ok_or_else(nobody)?;
    let row = rows::find(&mut ctx.read(), id).await?.ok_or_else(nobody)?;
    Ok(Person {
        id,
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
        roles: rows::list_roles(&mut ctx.read(), id, ctx.now()).await?,
    })
}
