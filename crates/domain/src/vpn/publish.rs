//! Publication: what was staged becomes what logins go by, all of it, in one transaction (specs/vpn.md §9).
//!
//! The staged rows stay as they are; exactly those that `vpn_pending` names are copied, so that the time is that of the changes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use gatehouse_model::EndedWhy;
use gatehouse_store::{Aspect, Tx, lock, vpn_pending, vpn_publish as rows, vpn_visitor};
use tokio::sync::Mutex;

use super::staged::Twin;
use crate::{
    App, Ctx, Result,
    audit::{self, Object, Stream},
    radius::outbox,
};

/// What an apply published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Its number, the applied generation.
    pub id: i64,
    /// Rows whose twins differed.
    pub changes: i64,
}

/// Requests to publish in this process: those that wait share the next publication.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    asked: AtomicU64,
    /// The last request that a publication has covered. Held while one runs.
    covered: Mutex<u64>,
}

/// Publishes everything that is staged, whoever staged it. None: nothing was, or the publication that this request waited for
/// took all of it along.
///
/// What was staged before the call is live on return, in this process at once, and decides logins in every other. A request that
/// arrives while a publication runs waits for the next, which serves all that wait. A failure leaves live as it was.
///
/// Errors: `Forbidden`; `Unavailable`. Source: specs/vpn.md §7.1, §9.
pub async fn apply(ctx: &Ctx) -> Result<Option<Publication>> {
    ctx.require("vpn.staged.apply")?;
    let turns = ctx.app.publications();
    let ticket = turns.asked.fetch_add(1, Ordering::SeqCst) + 1;
    let mut covered = turns.covered.lock().await;
    if *covered >= ticket {
        return Ok(None);
    }
    let covers = turns.asked.load(Ordering::SeqCst);
    let began = ctx.now();
    let result = publish(ctx).await;
    let outcome = match &result {
        Ok(Some(_)) => "published",
        Ok(None) => "nothing",
        Err(_) => "failed",
    };
    metrics::counter!("gatehouse_vpn_applies_total", "outcome" => outcome).increment(1);
    let published = result?;
    if let Some(publication) = published {
        let took = Duration::from_millis(ctx.now().0.saturating_sub(began.0).try_into().unwrap_or(0));
        metrics::histogram!("gatehouse_vpn_apply_seconds").record(took);
        tracing::info!(
            event = "vpn.published",
            applied_generation = publication.id,
            changes = publication.changes,
            took = ?took,
            "staged changes of the vpn surface are live"
        );
    }
    // Committed, so it counts, whatever becomes of the rest.
    *covered = covers;
    // Following drops what was remembered of whom the publication concerns. Where that fails, nothing remembered may decide.
    if let Err(error) = ctx.app.live().refresh(&ctx.app).await {
        ctx.app.recent().forget_all();
        tracing::warn!(event = "vpn.refresh_failed", error = error.chain(), "cannot follow the publication yet");
    }
    Ok(published)
}

async fn publish(ctx: &Ctx) -> Result<Option<Publication>> {
    // Reading first keeps an apply without changes from writing.
    if !vpn_pending::exists(&mut ctx.read()).await? {
        return Ok(None);
    }
    let began = ctx.now();
    let mut tx = ctx.begin().await?;
    lock::own_staged(&mut tx).await?;
    rows::plan_afresh(&mut tx).await?;
    let waiting = rows::count_pending(&mut tx).await?;
    let changes: i64 = waiting.iter().map(|(_, count)| count).sum();
    if changes == 0 {
        tx.commit().await?;
        return Ok(None);
    }
    let mut changing = vpn_visitor::list_changing(&mut tx).await?;
    let repassworded = vpn_visitor::list_repassworded(&mut tx).await?;
    copy(ctx, &mut tx).await?;
    let mut ending = outbox::disconnect_denied(&mut tx, ctx.now()).await?;
    if ctx.app.settings().vpn.cut_sessions_on_password_change {
        outbox::disconnect_accounts(&mut tx, ctx.now(), &repassworded, EndedWhy::CredentialsChanged).await?;
        ending.extend(repassworded);
    }
    changing.retain(|account| !ending.contains(account));
    outbox::change_accounts(&mut tx, ctx.now(), &changing).await?;
    announce(&mut tx, &waiting).await?;
    let (_, _, actor) = ctx.actor_name();
    let took = ctx.now().0.saturating_sub(began.0);
    let id = rows::insert(&mut tx, began, changes, took, &actor).await?;
    let facts = serde_json::Value::Object(waiting.into_iter().map(|(kind, n)| (kind, n.into())).collect());
    let object = Object::new("vpn_publication", id, "");
    audit::record(&mut tx, ctx, Stream::Change, "vpn.staged.apply", object, "ok", Some(facts.to_string())).await?;
    vpn_pending::clear(&mut tx).await?;
    tx.commit().await?;
    metrics::gauge!("gatehouse_vpn_pending_changes").set(0.0);
    metrics::gauge!("gatehouse_vpn_applied_generation").set(as_gauge(id));
    metrics::gauge!("gatehouse_vpn_staged_generation").set(as_gauge(id));
    Ok(Some(Publication { id, changes }))
}

/// Copies, then deletes, so that no link points into the void on the way.
async fn copy(ctx: &Ctx, tx: &mut Tx) -> Result<()> {
    rows::copy_groups(tx).await?;
    rows::copy_resource_groups(tx).await?;
    rows::copy_resources(tx).await?;
    rows::copy_roles(tx).await?;
    rows::copy_users(tx).await?;
    rows::copy_passwords(tx, ctx.now()).await?;
    rows::copy_logins(tx, ctx.now()).await?;
    for (id, login) in rows::list_leaving(tx).await? {
        audit::changed(tx, ctx, "account.delete", Object::new("account", id.0, &login)).await?;
    }
    rows::delete_users(tx).await?;
    rows::delete_roles(tx).await?;
    rows::delete_resources(tx).await?;
    rows::delete_groups(tx).await?;
    Ok(())
}

/// Tells followers what changed: users one by one, everything else as a whole.
async fn announce(tx: &mut Tx, waiting: &[(String, i64)]) -> Result<()> {
    let users = Twin::User.as_str();
    if waiting.iter().any(|(kind, _)| kind != users) {
        tx.touch(Aspect::Vpn, None);
    }
    for id in vpn_pending::list(tx, users).await? {
        tx.touch(Aspect::VpnUser, Some(id));
    }
    Ok(())
}

/// Exports what waits; run by the periodic task `process.reap`.
pub(crate) async fn measure(app: &App) -> Result<()> {
    let waiting: i64 = rows::count_pending(&mut app.db().read()).await?.iter().map(|(_, count)| count).sum();
    let applied = rows::find_last(&mut app.db().read()).await?;
    metrics::gauge!("gatehouse_vpn_pending_changes").set(as_gauge(waiting));
    metrics::gauge!("gatehouse_vpn_applied_generation").set(as_gauge(applied));
    metrics::gauge!("gatehouse_vpn_staged_generation").set(as_gauge(applied + i64::from(waiting > 0)));
    Ok(())
}

fn as_gauge(count: i64) -> f64 {
    // Far above any count that occurs; a gauge has no better type.
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
