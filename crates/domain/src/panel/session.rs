//! Sessions of the panel: a row that a JWT names; the row decides (specs/panel.md §1.4, DESIGN §10.3).

use std::{collections::BTreeSet, time::Duration};

use gatehouse_model::{AccountId, LoginSessionId, Millis, Origin};
use gatehouse_store::{
    Tx,
    login_session::{self as rows, LoginSessionRow, PanelSessionRow},
    role,
};
use uuid::Uuid;

use super::Who;
use crate::{
    Actor, App, Caller, Ctx, Result, Via,
    session::{
        self, Life,
        staff::{self, Facts},
    },
};

/// Stored kind of these sessions.
pub const KIND: &str = "panel";

/// Uses that follow each other faster than this are written once.
const GRAIN: Duration = Duration::from_mins(5);

/// What a JWT says.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// Whose it is.
    pub account: AccountId,
    /// The session's public name.
    pub uuid: Uuid,
    /// Its epoch.
    pub epoch: i64,
    /// When it was opened.
    pub issued_at: Millis,
    /// Its end.
    pub expires_at: Millis,
    /// Whether everything of staff is open to it.
    pub is_admin: bool,
}

/// A caller nobody knows yet.
pub fn anonymous(app: &App, caller: Caller) -> Ctx {
    Ctx { app: app.clone(), actor: Actor::Anonymous, origin: Origin::Panel, caller }
}

/// Opens a session in the transaction of a login.
pub(super) async fn open(
    ctx: &Ctx,
    tx: &mut Tx,
    (account, epoch): (AccountId, i64),
    factor_at: Option<Millis>,
    user_agent: Option<&str>,
) -> Result<Opened> {
    let life = ctx.app.settings().panel.session_life.0;
    let agent: Option<String> = user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(255).collect());
    let life = Life { kind: KIND, sliding: life, longest: life };
    let from = (ctx.caller.address, agent.as_deref());
    let opened = session::insert(ctx, tx, (account, epoch), life, (false, factor_at), from).await?;
    let expires_at = ctx.now().plus(life.longest);
    let is_admin = false;
    Ok(Opened { account, uuid: opened.session.uuid, epoch, issued_at: ctx.now(), expires_at, is_admin })
}

/// Who holds a session, if it still counts.
///
/// Shape: the session's name and account, as a JWT of ours claims them → the caller; none: unknown, ended, expired, of an account
/// that was disabled, lost its pass or got another password. Roles count as they are now. Source: specs/panel.md §1.4.
pub async fn admit(ctx: &Ctx, account: AccountId, uuid: Uuid) -> Result<Option<Who>> {
    let row = rows::find_panel(&mut ctx.read(), &uuid.to_string()).await?;
    let Some(row) = row.filter(|row| row.session.account_id == account && counts(ctx, row)) else { return Ok(None) };
    let codes = codes(ctx, &row).await?;
    if row.proxy_id.is_none() && !crate::permission::holds(&codes, "panel.admin") {
        return Ok(None);
    }
    note_use(ctx, &row.session);
    let id = row.session.id;
    let actor = Actor::Account { id: account, login: row.login, name: row.name, codes, via: Via::Session(id) };
    let ctx = Ctx { actor, ..ctx.clone() };
    Ok(Some(Who { ctx, account, session: id, uuid, is_shadow: row.main_account_id.is_some() }))
}

fn counts(ctx: &Ctx, row: &PanelSessionRow) -> bool {
    let session = &row.session;
    session.kind == KIND
        && session.revoked_at.is_none()
        && session.expires_at > ctx.now()
        && row.account_enabled
        && session.epoch == row.account_epoch
}

/// What staff may do by this session: nothing while a factor or a password is owed.
async fn codes(ctx: &Ctx, row: &PanelSessionRow) -> Result<BTreeSet<String>> {
    if row.staff_id.is_none() {
        return Ok(BTreeSet::new());
    }
    let facts = Facts {
        must_change_password: row.must_change_password,
        has_factor: row.factor_confirmed_at.is_some(),
        is_proved: row.session.factor_at.is_some(),
    };
    let account = row.session.account_id;
    if staff::owed(ctx, &mut ctx.read(), account, facts).await?.is_some() {
        return Ok(BTreeSet::new());
    }
    Ok(role::list_codes_of_account(&mut ctx.read(), account, ctx.now()).await?.into_iter().collect())
}

/// Writes a use behind the caller's back when the stored one is old: a reader waits for no writer.
fn note_use(ctx: &Ctx, session: &LoginSessionRow) {
    let (id, now, until) = (session.id, ctx.now(), session.expires_at);
    if session.last_used_at.plus(GRAIN) > now || !ctx.app.once_per(GRAIN, &format!("panel.session {id}")) {
        return;
    }
    let ctx = ctx.clone();
    ctx.app.clone().spawn("panel.session", async move {
        if let Err(error) = write_use(&ctx, id, until).await {
            // The next use tries again.
            tracing::debug!(error = error.chain(), "the use of a session could not be written");
        }
    });
}

async fn write_use(ctx: &Ctx, id: LoginSessionId, until: Millis) -> Result<()> {
    let mut tx = ctx.begin().await?;
    rows::update_used(&mut tx, id, ctx.now(), until).await?;
    Ok(tx.commit().await?)
}

/// The caller's open sessions, the last one used first. Source: specs/panel.md §2.3.
pub async fn list(who: &Who) -> Result<Vec<LoginSessionRow>> {
    Ok(rows::list_open(&mut who.ctx.read(), who.account, KIND, who.ctx.now()).await?)
}

/// Ends one of the caller's sessions; one that is unknown or another's is left alone. Source: specs/panel.md §2.3.
pub async fn remove(who: &Who, uuid: &str) -> Result<()> {
    let Some(found) = rows::find(&mut who.ctx.read(), uuid).await? else { return Ok(()) };
    if found.session.account_id == who.account && found.session.kind == KIND {
        session::revoke(&who.ctx, found.session.id, "logout").await?;
    }
    Ok(())
}
