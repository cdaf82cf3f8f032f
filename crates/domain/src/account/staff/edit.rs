//! Name, e-mail, phone number and note of a user.

use gatehouse_model::{AccountId, email_key};
use gatehouse_store::staff as rows;

use super::{find, require_power, require_unprotected, taken};
use crate::{
    Ctx, Edit, Error, Result, account,
    audit::{self, Object},
    permission::{self, Change, watched},
};

/// What an edit changes; fields that are kept are not written.
#[derive(Debug, Clone, Default)]
pub struct StaffEdit {
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Edit<String>,
    /// Phone number.
    pub phone: Edit<String>,
    /// Note.
    pub remark: Edit<String>,
}

/// Edits a user.
///
/// Errors: `Forbidden` also when he holds more than the caller; `NotFound`; `Locked` when protected; `Fields` (`email`,
/// `phone_number`: taken). Source: specs/bastion.md §6.1 row 5.
pub async fn edit(ctx: &Ctx, id: AccountId, edit: &StaffEdit) -> Result<()> {
    let object = Object::new("account", id.0, "");
    watched(ctx, "system.user.update", "account.edit", object, write(ctx, id, edit)).await
}

async fn write(ctx: &Ctx, id: AccountId, edit: &StaffEdit) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let account = find(&mut tx, id).await?;
    require_unprotected(&account)?;
    require_power(&ctx, &mut tx, &account).await?;
    let email = given(&edit.email);
    account::check_email(email.flatten())?;
    let faults = taken(&mut tx, Some(id), None, &edit.email, &edit.phone).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let key = email.flatten().map(email_key);
    let update = rows::StaffUpdate {
        name: edit.name.as_deref(),
        email: email.map(|email| email.zip(key.as_deref())),
        phone: given(&edit.phone),
        remark: given(&edit.remark),
    };
    rows::update(&mut tx, id, update, ctx.now()).await.map_err(account::taken)?;
    audit::changed(&mut tx, &ctx, "account.edit", Object::new("account", id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

/// An edit as statements take it: `None` keeps, `Some(None)` empties.
#[expect(clippy::option_option, reason = "three outcomes, as the statement tells them apart")]
fn given(edit: &Edit<String>) -> Option<Option<&str>> {
    match edit {
        Edit::Keep => None,
        Edit::Clear => Some(None),
        Edit::Set(text) => Some(Some(text)),
    }
}
