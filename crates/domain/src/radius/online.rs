//! Who is in by a VPN pass, and putting people out (specs/vpn.md §11).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis, Paged, Paging, VisitId, VpnGroupId, fold_key};
use gatehouse_store::{account as accounts, vpn_online as rows, vpn_online::OnlineRow};

use super::outbox;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    vpn::{field, group},
};

/// How long a stay that we ended still counts, for callers who disable first and kill second.
const AFTERGLOW: Duration = Duration::from_mins(1);
/// How long [`kill`] waits for its NAS.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// An open stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Online {
    /// Identity.
    pub id: VisitId,
    /// 16 hex digits, the same as long as the stay lasts.
    pub key: String,
    /// Login.
    pub login: String,
    /// Note of the user.
    pub note: String,
    /// Phone of the user.
    pub phone: String,
    /// Where he comes from.
    pub from_address: Option<String>,
    /// His address in the tunnel.
    pub tunnel_address: Option<String>,
    /// Beginning.
    pub since_at: Millis,
    /// How long it has lasted.
    pub duration: Duration,
    /// Octets from the user.
    pub up: i64,
    /// Octets to the user.
    pub down: i64,
    /// Octets a second from the user, between the last two reports.
    pub rate_up: i64,
    /// Octets a second to the user.
    pub rate_down: i64,
    /// His group.
    pub group: VpnGroupId,
    /// Its path.
    pub path: String,
}

impl Online {
    fn of(row: OnlineRow, now: Millis) -> Self {
        let lasted = u64::try_from(now.0.saturating_sub(row.since_at.0)).unwrap_or(0);
        Self {
            id: row.id,
            key: row.uuid.chars().filter(|c| *c != '-').take(16).collect(),
            login: row.login,
            note: row.note,
            phone: row.phone,
            from_address: row.calling_station,
            tunnel_address: row.framed_ip,
            since_at: row.since_at,
            duration: Duration::from_millis(lasted),
            up: row.up,
            down: row.down,
            rate_up: row.rate_up,
            rate_down: row.rate_down,
            group: row.vpn_group_id,
            path: row.path,
        }
    }
}

/// Lists who is in of a live group and the groups below it, newest first. Who is being put out is left out.
///
/// Shape: path of a group, `/` for all → one page and the number of all. Units: octets, octets a second.
/// Errors: `Fields` (`path`: `malformed`, `unknown`), for no such live group. Source: specs/vpn.md §11.
pub async fn list(ctx: &Ctx, path: &str, paging: Paging) -> Result<Paged<Online>> {
    ctx.require("vpn.session.read")?;
    let path = group::normal(path).ok_or_else(|| Error::field("path", "malformed"))?;
    if !field::is_askable(path) || !rows::has_group(&mut ctx.read(), path).await? {
        return Err(Error::field("path", "unknown"));
    }
    let (from, to) = outbox::below(path);
    let total = rows::count(&mut ctx.read(), path, (&from, &to)).await?;
    let page = rows::list(&mut ctx.read(), path, (&from, &to), (paging.offset, paging.limit)).await?;
    Ok(Paged { total, rows: page.into_iter().map(|row| Online::of(row, ctx.now())).collect() })
}

/// Puts users out: every stay of theirs is asked to end and no longer shown, at once; gives how many of them were in.
///
/// Waits at most two seconds for the NAS to confirm; whether it does or not, the outbox goes on until it has. Names that are
/// nobody's, or whose user is not in, are passed over. A stay that we ended less than a minute ago counts as open.
/// Source: specs/vpn.md §11.
pub async fn kill(ctx: &Ctx, logins: &[String]) -> Result<usize> {
    ctx.require("vpn.session.end")?;
    let (_, _, by) = ctx.actor_name();
    let mut tx = ctx.begin().await?;
    let mut killed: Vec<AccountId> = Vec::new();
    for login in logins.iter().filter(|login| field::is_askable(login)) {
        let Some(account) = accounts::find_by_key(&mut tx, &fold_key(login)).await? else { continue };
        let is_new = !killed.contains(&account.id);
        if !is_new || !rows::is_online_since(&mut tx, account.id, ctx.now().minus(AFTERGLOW)).await? {
            continue;
        }
        outbox::disconnect_account_by(&mut tx, ctx.now(), account.id, &by).await?;
        let object = Object::new("account", account.id.0, &account.login);
        audit::record(&mut tx, ctx, Stream::Access, "vpn.session.end", object, "ok", None).await?;
        killed.push(account.id);
    }
    tx.commit().await?;
    let confirmed = async {
        for account in &killed {
            while rows::count_unconfirmed(&mut ctx.read(), *account).await? > 0 {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok::<_, Error>(())
    };
    match tokio::time::timeout(PATIENCE, confirmed).await {
        // The outbox goes on without us.
        Ok(Ok(())) | Err(_) => Ok(killed.len()),
        Ok(Err(error)) => Err(error),
    }
}
