//! The two jobs: making a user and removing one (specs/oa.md §2).

use gatehouse_model::{Millis, OaUserId, Origin};
use gatehouse_store::{Tx, job as jobs, job::JobRow, oa_user as rows};

use super::backend::{Backend, Local, Made};
use crate::{
    Actor, App, Ctx, Error, Result,
    audit::{self, Object, Stream},
};

fn system(app: &App) -> Ctx {
    app.ctx(Actor::System("oa"), Origin::Oa)
}

fn row_id(job: &JobRow) -> Result<OaUserId> {
    let id = job.key.as_deref().and_then(|key| key.parse().ok());
    id.map(OaUserId).ok_or_else(|| Error::internal(format!("job {} names no oa user", job.id)))
}

/// Moves the rows of claimed jobs to `processing`, in the transaction that claims them: 102 becomes visible.
pub(crate) async fn begin_creations(tx: &mut Tx, claimed: &[JobRow], now: Millis) -> Result<()> {
    for job in claimed {
        rows::update_processing(tx, row_id(job)?, now).await?;
    }
    Ok(())
}

/// Makes the user of a row, or records why not; row, account, pass, audit and the end of the job are one transaction.
pub(crate) async fn create(app: &App, job: &JobRow) -> Result<()> {
    let (ctx, id) = (system(app), row_id(job)?);
    let mut tx = ctx.begin().await?;
    if jobs::finish(&mut tx, job.id, job.attempts).await? == 0 {
        // The lease ran out and somebody else has the job now.
        return Ok(());
    }
    if let Some(row) = rows::find(&mut tx, id).await? {
        let object = Object::new("oa_user", id.0, &row.username);
        match Local.create(&ctx, &mut tx, &row).await? {
            Made::Account(account) => {
                rows::update_made(&mut tx, id, 200, Some(account), None, ctx.now()).await?;
                audit::changed(&mut tx, &ctx, "oa.user.made", object).await?;
            }
            Made::Refused(reason) => {
                rows::update_made(&mut tx, id, 202, None, Some(reason), ctx.now()).await?;
                audit::record(&mut tx, &ctx, Stream::Change, "oa.user.made", object, reason, None).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Removes the user of a row whose delay is over, and the row.
pub(crate) async fn delete(app: &App, job: &JobRow) -> Result<()> {
    let (ctx, id) = (system(app), row_id(job)?);
    let mut tx = ctx.begin().await?;
    if jobs::finish(&mut tx, job.id, job.attempts).await? == 0 {
        return Ok(());
    }
    if let Some(row) = rows::find(&mut tx, id).await?.filter(|row| row.state == "markRemove") {
        Local.delete(&ctx, &mut tx, &row).await?;
        rows::delete(&mut tx, id).await?;
        audit::changed(&mut tx, &ctx, "oa.user.deleted", Object::new("oa_user", id.0, &row.username)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Shows a refused deletion as 500 and audits its first failure. A database that is away is no refusal.
pub(crate) async fn note_delete_failed(app: &App, tx: &mut Tx, job: &JobRow, error: &Error) -> Result<()> {
    if matches!(error, Error::Unavailable(_)) {
        return Ok(());
    }
    let (ctx, id) = (system(app), row_id(job)?);
    let Some(row) = rows::find(tx, id).await? else { return Ok(()) };
    rows::update_remove_failed(tx, id, ctx.now()).await?;
    if row.code != 500 {
        let object = Object::new("oa_user", id.0, &row.username);
        audit::record(tx, &ctx, Stream::Alert, "oa.user.delete_failed", object, error.code(), None).await?;
    }
    Ok(())
}

/// Applies the present `oa.delete_delay` to deletions requested under another one.
pub(crate) async fn reschedule(app: &App, tx: &mut Tx) -> Result<()> {
    let delay = i64::try_from(app.settings().oa.delete_delay.0.as_millis()).unwrap_or(i64::MAX);
    rows::reschedule_deletions(tx, delay).await?;
    Ok(())
}
