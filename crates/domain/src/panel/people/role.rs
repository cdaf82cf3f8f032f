//! `is_admin` and `is_staff`: the roles `panel-admin` and `panel-staff` (specs/panel.md §0.1).

use std::collections::BTreeSet;

use gatehouse_model::RoleId;
use gatehouse_store::{
    Aspect, Tx,
    account::AccountRow,
    pass as passes,
    role::{self as rows},
};

use super::{DENIED, guard, keep_last};
use crate::{
    Ctx, Result,
    account::pass,
    audit::{self, Object},
    panel::refusal::{Outcome, Refusal},
    permission,
};

const ADMIN: (&str, &str, &str) = ("panel-admin", "Panel administrator", "panel.admin");
const STAFF: (&str, &str, &str) = ("panel-staff", "Panel staff", "panel.ticket");

/// Binds or takes the roles where that changes something. Only whoever may do everything may; the last one stays.
pub(super) async fn set(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &AccountRow,
    is_admin: Option<bool>,
    is_staff: Option<bool>,
) -> Outcome<()> {
    let (was_admin, was_staff) = held(ctx, tx, account).await?;
    let is_admin = is_admin.filter(|wanted| *wanted != was_admin);
    // An administrator is staff, too: forms send back what they were shown.
    let is_staff =
        is_staff.filter(|wanted| *wanted != was_staff && !(was_admin && !*wanted && is_admin != Some(false)));
    if is_admin.is_none() && is_staff.is_none() {
        return Ok(());
    }
    if ctx.require("panel.admin").is_err() {
        return Err(DENIED.into());
    }
    guard(ctx, tx, account).await?;
    if is_admin == Some(false) {
        keep_last(ctx, tx, account).await?;
    }
    for (role, wanted) in [(ADMIN, is_admin), (STAFF, is_staff)] {
        match wanted {
            Some(true) => bind(ctx, tx, account, role).await?,
            Some(false) => take(ctx, tx, account, role).await?,
            None => {}
        }
    }
    let (now_admin, now_staff) = held(ctx, tx, account).await?;
    let is_kept =
        is_admin == Some(false) && now_admin || is_staff == Some(false) && is_admin != Some(true) && now_staff;
    if is_kept {
        return Err(Refusal::rule("Another role of this account allows it").into());
    }
    // A staff pass without any role opens nothing, and would stand in the way of the mailbox.
    if rows::list_members(tx, account.id).await?.is_empty() && passes::has_staff(tx, account.id).await? {
        pass::revoke_in(ctx, tx, account, gatehouse_model::PassKind::Staff).await?;
    }
    Ok(())
}

/// `(is_admin, is_staff)` now.
async fn held(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<(bool, bool)> {
    let codes: BTreeSet<String> = rows::list_codes_of_account(tx, account.id, ctx.now()).await?.into_iter().collect();
    let is_staff = codes.iter().any(|code| code.starts_with("panel."));
    Ok((permission::holds(&codes, "panel.admin"), is_staff))
}

async fn bind(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, role: (&str, &str, &str)) -> Outcome<()> {
    let id = ensure(ctx, tx, role).await?;
    let codes: BTreeSet<String> = rows::list_codes(tx, id).await?.into_iter().collect();
    ctx.require_covers(&codes)?;
    if !passes::has_staff(tx, account.id).await? {
        passes::insert_staff(tx, account.id, ctx.now()).await?;
        audit::changed(tx, ctx, "account.grant", Object::new("staff", account.id.0, &account.login)).await?;
    }
    // A membership that has run out would stay as it is.
    rows::delete_member(tx, account.id, id).await?;
    rows::insert_member(tx, account.id, id).await?;
    note(ctx, tx, "account.role.grant", id, account).await
}

async fn take(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, (code, ..): (&str, &str, &str)) -> Outcome<()> {
    let Some(role) = rows::find_by_code(tx, code).await? else { return Ok(()) };
    if rows::delete_member(tx, account.id, role.id).await? == 0 {
        return Ok(());
    }
    note(ctx, tx, "account.role.revoke", role.id, account).await
}

async fn note(ctx: &Ctx, tx: &mut Tx, action: &'static str, role: RoleId, account: &AccountRow) -> Outcome<()> {
    tx.touch(Aspect::Permission, Some(account.id.0));
    tx.touch(Aspect::Access, Some(account.id.0));
    Ok(audit::changed(tx, ctx, action, Object::new("role", role.0, &account.login)).await?)
}

/// The role, made at its first use; staff may give it more codes by the state file.
async fn ensure(ctx: &Ctx, tx: &mut Tx, (code, name, holds): (&str, &str, &str)) -> Result<RoleId> {
    if let Some(role) = rows::find_by_code(tx, code).await? {
        return Ok(role.id);
    }
    let id = rows::insert(tx, code, name, false, ctx.now()).await?;
    rows::insert_code(tx, id, holds).await?;
    audit::changed(tx, ctx, "role.create", Object::new("role", id.0, code)).await?;
    Ok(id)
}
