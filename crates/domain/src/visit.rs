//! Access sessions as staff see them: who is in, through which door; put them out.

use gatehouse_model::EndedWhy;
use gatehouse_store::{Aspect, radius_outbox, visit as rows, visit::VisitRow};

use crate::{
    App, Ctx, Error, Result, account,
    audit::{self, Object, Stream},
    radius::outbox,
};

/// Lists visits newest first before an id: open ones only, or all; of one login or of everybody.
pub async fn list(
    ctx: &Ctx,
    before: Option<i64>,
    only_open: bool,
    login: Option<&str>,
    limit: i64,
) -> Result<Vec<VisitRow>> {
    ctx.require("audit.session.read")?;
    let account = match login {
        Some(login) => Some(account::find(ctx, login).await?.id),
        None => None,
    };
    Ok(rows::list(&mut ctx.read(), before.unwrap_or(i64::MAX), only_open, account, limit.clamp(1, 1_000)).await?)
}

/// Asks the process that holds a visit, or its NAS, to end it; it obeys within a second. `NotFound` when it is over.
pub async fn end(ctx: &Ctx, uuid: &str) -> Result<()> {
    ctx.require("audit.session.terminate")?;
    let (_, _, by) = ctx.actor_name();
    let mut tx = ctx.begin().await?;
    if rows::ask_end(&mut tx, uuid, EndedWhy::Kicked.as_str(), &by, ctx.now()).await? == 0 {
        return Err(Error::NotFound { what: "open visit" });
    }
    // A stay through the radius door is its NAS's.
    radius_outbox::insert_end_job(&mut tx, uuid, &outbox::payload(EndedWhy::Kicked), ctx.now()).await?;
    // The ssh door looks at once, not at its next second.
    tx.touch(Aspect::Access, None);
    audit::record(
        &mut tx,
        ctx,
        Stream::Access,
        "audit.session.terminate",
        Object::new("visit", None, uuid),
        "ok",
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes visits of the proxy door that are older than `visits.proxy_retention`, in small steps.
pub(crate) async fn retain(app: &App) -> Result<()> {
    let before = app.now().minus(app.settings().visits.proxy_retention.0);
    loop {
        let mut tx = app.db().begin().await?;
        let deleted = rows::delete_old(&mut tx, "proxy", before, 1_000).await?;
        tx.commit().await?;
        if deleted == 0 || app.shutdown().is_cancelled() {
            return Ok(());
        }
    }
}
