//! Shutting users out, one or many; new secrets; the end.

use gatehouse_model::AccountId;
use gatehouse_store::{
    Tx, account as accounts, account::AccountRow, filter::Condition, login_session, panel_user as rows, proxy_pass,
};

use super::{DENIED, UNKNOWN, guard, keep_last, target};
use crate::{
    Ctx,
    account::{change, pass},
    panel::{
        money, order,
        refusal::{Failure, Outcome},
        shadow, user,
    },
    permission::{self, Change},
};

/// Users changed in one transaction.
const BATCH: i64 = 100;

/// Whom.
#[derive(Debug, Clone)]
pub enum Scope {
    /// These.
    Selected(Vec<AccountId>),
    /// Whoever fulfils all conditions.
    Filtered(Vec<Condition>),
    /// Everybody.
    All,
}

/// Bans users: every door is shut, every session and connection ends.
///
/// Of those that are named each must be one the caller may ban; of a filter or all, those that he may not, himself and the last
/// administrator are left out. Source: specs/panel.md §4.3 user/ban.
pub async fn ban(ctx: &Ctx, scope: &Scope) -> Outcome<()> {
    ctx.require("panel.user")?;
    let (conditions, ids) = match scope {
        Scope::Selected(ids) => {
            let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
            ctx.require("panel.user")?;
            for id in ids {
                let account = target(&mut tx, *id).await?;
                ban_one(&ctx, &mut tx, &account).await?;
            }
            return Ok(tx.commit().await?);
        }
        Scope::Filtered(conditions) => (conditions.as_slice(), ctx.account()),
        Scope::All => (&[][..], ctx.account()),
    };
    let mut after = AccountId(0);
    loop {
        let now = ctx.now();
        let page = rows::list_ids(&mut ctx.read(), conditions, &money::currency(ctx), now, after, BATCH).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
        ctx.require("panel.user")?;
        for id in page.iter().filter(|id| Some(**id) != ids) {
            let Some(account) = accounts::find(&mut tx, *id).await? else { continue };
            match ban_one(&ctx, &mut tx, &account).await {
                // They were asked before anything was written.
                Ok(()) | Err(Failure::Refused(_) | Failure::Error(crate::Error::Forbidden { .. })) => {}
                Err(failure) => return Err(failure),
            }
        }
        tx.commit().await?;
    }
}

async fn ban_one(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Outcome<()> {
    if !account.is_enabled {
        return Ok(());
    }
    if account.is_protected {
        return Err(DENIED.into());
    }
    guard(ctx, tx, account).await?;
    keep_last(ctx, tx, account).await?;
    Ok(change::set_enabled_in(ctx, tx, account, false, Some("panel")).await?)
}

/// Gives a user a fresh uuid and subscription token. Source: specs/panel.md §4.3 user/resetSecret.
pub async fn reset_secret(ctx: &Ctx, id: AccountId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("panel.user")?;
    let account = target(&mut tx, id).await?;
    guard(&ctx, &mut tx, &account).await?;
    let row = proxy_pass::find(&mut tx, id).await?.ok_or(UNKNOWN)?;
    user::renew_secrets(&ctx, &mut tx, &row).await?;
    Ok(tx.commit().await?)
}

/// Takes a user's pass with everything that is the panel's; the account goes with its last pass. Ledger, visits and audit stay.
///
/// Source: specs/panel.md §0.1, §4.3 user/destroy.
pub async fn destroy(ctx: &Ctx, id: AccountId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("panel.user")?;
    let account = target(&mut tx, id).await?;
    if account.is_protected {
        return Err(DENIED.into());
    }
    guard(&ctx, &mut tx, &account).await?;
    keep_last(&ctx, &mut tx, &account).await?;
    order::cancel_open(&ctx, &mut tx, id).await?;
    shadow::ending(&ctx, &mut tx, id).await?;
    rows::delete_belongings(&mut tx, id).await?;
    login_session::revoke_all(&mut tx, id, crate::panel::session::KIND, "pass_revoked", ctx.now()).await?;
    pass::remove_proxy(&ctx, &mut tx, &account).await?;
    Ok(tx.commit().await?)
}
