//! What operators see and do of the oa rows: `gatehouse oa user …` and the state file.

use gatehouse_model::{AccountId, Millis, OaUserId, fold_key};
use gatehouse_store::{Aspect, Tx, account as accounts, job as jobs, job::JobRow, oa_user as rows, oa_user::OaUserRow};

use super::{
    backend::{self, Backend, Local, Made},
    derived_email,
};
use crate::{
    Ctx, Error, Result,
    account::vpn,
    audit::{self, Object},
    job::Kind,
};

/// A row with what its job says.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OaUserView {
    /// Exact name.
    pub username: String,
    /// `submit`, `processing`, `exists`, `markRemove`.
    pub state: String,
    /// 201, 102, 200, 202 or 500.
    pub code: i64,
    /// Back end.
    pub backend: String,
    /// Derived e-mail.
    pub email: String,
    /// Account, once made.
    pub account_id: Option<AccountId>,
    /// Why a creation was refused.
    pub reason: Option<String>,
    /// First submission.
    pub created_at: Millis,
    /// Request of the deletion.
    pub requested_at: Option<Millis>,
    /// Attempts of the open job.
    pub attempts: Option<i64>,
    /// Its next attempt.
    pub next_attempt_at: Option<Millis>,
    /// Its last error.
    pub last_error: Option<String>,
}

fn view(row: OaUserRow, job: Option<JobRow>) -> OaUserView {
    OaUserView {
        username: row.username,
        state: row.state,
        code: row.code,
        backend: row.backend,
        email: row.email,
        account_id: row.account_id,
        reason: row.reason,
        created_at: row.created_at,
        requested_at: row.requested_at,
        attempts: job.as_ref().map(|job| job.attempts),
        next_attempt_at: job.as_ref().map(|job| job.run_at),
        last_error: job.and_then(|job| job.last_error),
    }
}

fn kind_of(row: &OaUserRow) -> Kind {
    if row.state == "markRemove" { Kind::OaDelete } else { Kind::OaCreate }
}

async fn find(ctx: &Ctx, username: &str) -> Result<OaUserRow> {
    rows::find_by_name(&mut ctx.read(), username).await?.ok_or(Error::NotFound { what: "oa user" })
}

/// Lists rows after a row id; at most `limit`. Gives the id to go on from.
pub async fn list(ctx: &Ctx, after: OaUserId, limit: i64) -> Result<(Vec<OaUserView>, Option<OaUserId>)> {
    ctx.require("oa.user.read")?;
    let page = rows::list(&mut ctx.read(), after, limit).await?;
    let next = page.last().map(|row| row.id);
    let mut views = Vec::with_capacity(page.len());
    for row in page {
        let job = jobs::find_by_key(&mut ctx.read(), kind_of(&row).as_str(), &row.id.to_string()).await?;
        views.push(view(row, job));
    }
    Ok((views, next))
}

/// Shows one row.
pub async fn show(ctx: &Ctx, username: &str) -> Result<OaUserView> {
    ctx.require("oa.user.read")?;
    let row = find(ctx, username).await?;
    let job = jobs::find_by_key(&mut ctx.read(), kind_of(&row).as_str(), &row.id.to_string()).await?;
    Ok(view(row, job))
}

/// Tries a waiting creation or a failed deletion again now; a refused row goes back into the queue.
///
/// Errors: `Locked` when there is nothing to retry.
pub async fn retry(ctx: &Ctx, username: &str) -> Result<()> {
    ctx.require("oa.user.create")?;
    let row = find(ctx, username).await?;
    let key = row.id.to_string();
    let mut tx = ctx.begin().await?;
    if row.state == "markRemove" {
        if row.code != 500 {
            return Err(Error::Locked { what: "oa user", why: "its deletion waits for oa.delete_delay" });
        }
        jobs::update_run_at(&mut tx, Kind::OaDelete.as_str(), &key, ctx.now()).await?;
    } else {
        if rows::update_submit(&mut tx, row.id, ctx.now()).await? == 0 {
            return Err(Error::Locked { what: "oa user", why: "it exists and is healthy" });
        }
        jobs::insert(&mut tx, Kind::OaCreate.as_str(), Some(&key), None, ctx.now(), ctx.now()).await?;
        jobs::update_run_at(&mut tx, Kind::OaCreate.as_str(), &key, ctx.now()).await?;
    }
    audit::changed(&mut tx, ctx, "oa.user.retry", Object::new("oa_user", row.id.0, username)).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a request of deletion back; opens doors that it closed.
pub async fn restore(ctx: &Ctx, username: &str) -> Result<()> {
    ctx.require("oa.user.create")?;
    let row = find(ctx, username).await?;
    let mut tx = ctx.begin().await?;
    if rows::restore(&mut tx, row.id, ctx.now()).await? == 0 {
        return Err(Error::Locked { what: "oa user", why: "its deletion was not requested" });
    }
    jobs::delete_by_key(&mut tx, Kind::OaDelete.as_str(), &row.id.to_string()).await?;
    if let Some(id) = row.account_id
        && let Some(account) = accounts::find(&mut tx, id).await?
        && account.disabled_why.as_deref() == Some(backend::DELETE_REQUESTED)
    {
        accounts::update_enabled(&mut tx, id, true, None, ctx.now()).await?;
        vpn::switched(ctx, &mut tx, id, true).await?;
        tx.touch(Aspect::ProxyUser, Some(id.0));
    }
    audit::changed(&mut tx, ctx, "oa.user.restore", Object::new("oa_user", row.id.0, username)).await?;
    tx.commit().await?;
    Ok(())
}

/// Links an account made elsewhere, which must hold a proxy pass, so that the surface sees it as `exists`/200.
pub async fn adopt(ctx: &Ctx, login: &str) -> Result<()> {
    ctx.require("oa.user.create")?;
    let account = accounts::find_by_key(&mut ctx.read(), &fold_key(login)).await?;
    let account = account.ok_or(Error::NotFound { what: "account" })?;
    let mut tx = ctx.begin().await?;
    if !backend::has_pass(&mut tx, account.id).await? {
        return Err(Error::Locked {
            what: "account",
            why: "it has no proxy pass: `gatehouse account grant LOGIN proxy`",
        });
    }
    let email = derived_email(&account.login, &ctx.app.settings().oa.user_email_domain);
    let id = if let Some(id) = rows::insert(&mut tx, &account.login, backend::LOCAL, &email, ctx.now()).await? {
        id
    } else {
        let row = rows::find_by_name(&mut tx, &account.login).await?.ok_or(Error::NotFound { what: "oa user" })?;
        if rows::update_submit(&mut tx, row.id, ctx.now()).await? == 0 {
            return Err(Error::Conflict { what: "oa user", key: "oa_user_username_key".to_owned() });
        }
        row.id
    };
    rows::update_made(&mut tx, id, 200, Some(account.id), None, ctx.now()).await?;
    jobs::delete_by_key(&mut tx, Kind::OaCreate.as_str(), &id.to_string()).await?;
    audit::changed(&mut tx, ctx, "oa.user.adopt", Object::new("oa_user", id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes a user at once, as request and job together would; for the state file. Tells whether anything changed.
pub(crate) async fn make_in(ctx: &Ctx, tx: &mut Tx, username: &str) -> Result<bool> {
    if let Some(row) = rows::find_by_name(tx, username).await? {
        return match row.state.as_str() {
            "exists" if row.code == 200 => Ok(false),
            "markRemove" => Err(Error::Locked { what: "oa user", why: "its deletion was requested: restore it first" }),
            _ => finish_in(ctx, tx, row).await,
        };
    }
    let email = derived_email(username, &ctx.app.settings().oa.user_email_domain);
    rows::insert(tx, username, backend::LOCAL, &email, ctx.now()).await?;
    let row = rows::find_by_name(tx, username).await?.ok_or(Error::NotFound { what: "oa user" })?;
    finish_in(ctx, tx, row).await
}

async fn finish_in(ctx: &Ctx, tx: &mut Tx, row: OaUserRow) -> Result<bool> {
    rows::update_submit(tx, row.id, ctx.now()).await?;
    match Local.create(ctx, tx, &row).await? {
        Made::Account(account) => rows::update_made(tx, row.id, 200, Some(account), None, ctx.now()).await?,
        Made::Refused(reason) => return Err(Error::invalid("username", format!("{}: {reason}", row.username))),
    };
    jobs::delete_by_key(tx, Kind::OaCreate.as_str(), &row.id.to_string()).await?;
    audit::changed(tx, ctx, "oa.user.made", Object::new("oa_user", row.id.0, &row.username)).await?;
    Ok(true)
}

/// Removes a user without delay; for the state file. Tells whether anything changed.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, username: &str) -> Result<bool> {
    let Some(row) = rows::find_by_name(tx, username).await? else { return Ok(false) };
    Local.delete(ctx, tx, &row).await?;
    rows::delete(tx, row.id).await?;
    for kind in [Kind::OaCreate, Kind::OaDelete] {
        jobs::delete_by_key(tx, kind.as_str(), &row.id.to_string()).await?;
    }
    audit::changed(tx, ctx, "oa.user.deleted", Object::new("oa_user", row.id.0, username)).await?;
    Ok(true)
}
