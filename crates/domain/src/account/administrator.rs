//! Account 1 and role 1: made with the database.

use gatehouse_model::{Login, Millis, Origin, Secret};
use gatehouse_store::{account as rows, pass, role};

use super::NewAccount;
use crate::{Ctx, Error, Result, permission};

/// Code of the role that holds every code.
pub const ROLE: &str = "Administrator";
/// Date of seeded rows, 2025-01-01T08:00:00+08:00 (specs/bastion.md §2.2).
pub(crate) const SEEDED_AT: Millis = Millis(1_735_689_600_000);
/// Login of account 1.
pub const LOGIN: &str = "administrator";

/// Makes the administrator if the database has no account, and gives his password: a random one, or his login where
/// `bastion.compat.default_admin` says so.
///
/// Role 1 is brought up to the catalogue of this release each time.
pub(crate) async fn make_if_new(ctx: &Ctx) -> Result<Option<Secret>> {
    if is_current(ctx).await? {
        return Ok(None);
    }
    let password = if ctx.app.settings().bastion.compat.default_admin {
        Secret::new(LOGIN)
    } else {
        Secret::new(hex::encode(ctx.app.random().bytes::<12>()))
    };
    let hash = ctx.app.passwords().hash(ctx.app.random(), &password).await?;
    let mut tx = ctx.begin().await?;
    let id = if let Some(role) = role::find_by_code(&mut tx, ROLE).await? {
        role.id
    } else {
        let id = role::insert(&mut tx, ROLE, "管理员", true, SEEDED_AT).await?;
        role::update(&mut tx, id, "管理员", Some("超级管理员"), true, SEEDED_AT).await?;
        id
    };
    for code in permission::CATALOGUE {
        role::insert_code(&mut tx, id, code).await?;
    }
    let is_new = rows::count(&mut tx).await? == 0;
    if is_new {
        let login = Login::new(LOGIN).map_err(Error::internal)?;
        let new = NewAccount { login, name: Some("管理员".to_owned()), email: None, phone: None, password: None };
        let ctx = Ctx { origin: Origin::System, ..ctx.clone() };
        let account = super::insert(&ctx, &mut tx, &new, Some(&hash), true).await?;
        pass::insert_staff(&mut tx, account, ctx.now()).await?;
        role::insert_member(&mut tx, account, id).await?;
    }
    tx.commit().await?;
    Ok(is_new.then_some(password))
}

/// Whether the role exists with every code; reading first keeps each start from writing.
async fn is_current(ctx: &Ctx) -> Result<bool> {
    let Some(role) = role::find_by_code(&mut ctx.read(), ROLE).await? else { return Ok(false) };
    let codes = role::list_codes(&mut ctx.read(), role.id).await?;
    Ok(permission::CATALOGUE.iter().all(|code| codes.iter().any(|held| held == code)))
}
