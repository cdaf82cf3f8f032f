//! What is kept of a stay: the visit from its opening to its end.

use gatehouse_model::{EndedWhy, fold_key};
use gatehouse_store::{
    visit as visit_rows,
    visit_terminal::{self as rows, NewStay, StayEnd},
};
use uuid::Uuid;

use super::{Admitted, Ended, Failure, PresentedKey, Purpose, admission};
use crate::{
    App, Ctx, Result, Via,
    audit::{self, Object, Stream},
};

/// Writes the visit of a stay whose channel is open. `host_key` is what the target showed.
///
/// Errors: `QuotaExceeded` when others opened meanwhile: nothing is written, and the stay must not begin.
pub async fn opened(ctx: &Ctx, admitted: &Admitted, host_key: &PresentedKey) -> Result<()> {
    let mut tx = ctx.begin().await?;
    admission::recount(ctx, &mut tx, admitted).await?;
    let id = rows::insert(&mut tx, &new_stay(ctx, admitted, Some(&host_key.fingerprint), &texts(admitted))).await?;
    if let Purpose::Exec(command) = &admitted.asked.purpose {
        let verdict = (admitted.verdict.rule.as_deref(), admitted.verdict.action.as_str());
        rows::insert_command(&mut tx, id, ctx.now(), command, verdict).await?;
    }
    let object = Object::new("resource", admitted.asked.resource.0, &admitted.resource_name);
    audit::record(&mut tx, ctx, Stream::Access, "terminal.open", object, "ok", Some(facts(admitted))).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the visit of a stay that never came to be. The alert of a changed host key is [`host_key::note_changed`].
///
/// [`host_key::note_changed`]: crate::bastion::host_key::note_changed
pub async fn failed(ctx: &Ctx, admitted: &Admitted, failure: &Failure) -> Result<()> {
    let uuid = admitted.visit.to_string();
    let mut tx = ctx.begin().await?;
    let host_key = match failure {
        Failure::HostKeyUnknown(presented) | Failure::HostKeyChanged { presented, .. } => {
            Some(presented.fingerprint.as_str())
        }
        _ => None,
    };
    rows::insert(&mut tx, &new_stay(ctx, admitted, host_key, &texts(admitted))).await?;
    let why = EndedWhy::Failed.as_str();
    let detail = match failure {
        Failure::Negotiation(what) => Some(what.as_str()),
        _ => None,
    };
    let end = StayEnd { why, cause: Some(failure.cause()), detail, ..StayEnd::default() };
    rows::close(&mut tx, &uuid, ctx.now(), &end).await?;
    let object = Object::new("resource", admitted.asked.resource.0, &admitted.resource_name);
    audit::record(&mut tx, ctx, Stream::Access, "terminal.open", object, failure.cause(), Some(facts(admitted)))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Bytes that went through a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// To the target.
    pub up: u64,
    /// From the target.
    pub down: u64,
}

/// Closes the visit of a stay. Repeating changes nothing.
pub async fn closed(app: &App, visit: Uuid, ended: &Ended, moved: Moved) -> Result<()> {
    let uuid = visit.to_string();
    let detail = ended.by.as_ref().map(|(by, reason)| serde_json::json!({ "by": by, "reason": reason }).to_string());
    let end = StayEnd {
        why: ended.why.as_str(),
        exit_code: ended.exit_code.map(i64::from),
        exit_signal: ended.exit_signal.as_deref(),
        cause: None,
        detail: detail.as_deref(),
    };
    let ctx = app.ctx(crate::Actor::System("ssh"), gatehouse_model::Origin::System);
    let mut tx = ctx.begin().await?;
    if rows::close(&mut tx, &uuid, app.now(), &end).await? > 0 {
        let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        visit_rows::add_usage(&mut tx, &uuid, bytes(moved.up), bytes(moved.down), app.now()).await?;
        let object = Object::new("visit", None, &uuid);
        audit::record(&mut tx, &ctx, Stream::Access, "terminal.close", object, ended.why.as_str(), detail).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Where a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the target.
    Upload,
    /// From the target.
    Download,
}

impl Direction {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// A file that was transferred, or was to be.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// As the client named it.
    pub path: String,
    /// Where to.
    pub direction: Direction,
    /// Bytes that moved.
    pub bytes: u64,
    /// Of the whole file in hex, when it moved in one piece from its beginning to its end.
    pub sha256: Option<String>,
    /// From opening to closing.
    pub duration: std::time::Duration,
    /// `ok`, `failed`, `aborted` (never closed), `denied`.
    pub outcome: &'static str,
}

/// Longest path that is kept, characters.
const PATH: usize = 4_096;

/// Keeps a file transfer of an open stay.
pub async fn transferred(app: &App, visit: Uuid, transfer: &Transfer) -> Result<()> {
    let number = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
    let path: String = transfer.path.chars().filter(|c| *c != '\0').take(PATH).collect();
    let row = rows::NewTransfer {
        uuid: &visit.to_string(),
        at: app.now(),
        path: &path,
        direction: transfer.direction.as_str(),
        bytes: number(transfer.bytes.into()),
        sha256: transfer.sha256.as_deref(),
        duration: number(transfer.duration.as_millis()),
        outcome: transfer.outcome,
    };
    let mut tx = app.db().begin().await?;
    rows::insert_transfer(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(())
}

/// Marks the open stays of this process as alive; the ssh door does so every few seconds while it has any.
pub async fn seen(app: &App) -> Result<()> {
    let mut tx = app.db().begin().await?;
    rows::update_seen(&mut tx, app.process_id(), app.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// A stay that somebody asked to end.
#[derive(Debug, Clone)]
pub struct AskedEnd {
    /// The visit.
    pub visit: Uuid,
    /// Why.
    pub why: EndedWhy,
    /// Who asked, and the reason he gave.
    pub by: Option<(String, String)>,
}

/// Stays of this process that somebody asked to end.
pub async fn to_end(app: &App) -> Result<Vec<AskedEnd>> {
    let asked = rows::list_asked(&mut app.db().read(), app.process_id()).await?;
    Ok(asked
        .into_iter()
        .filter_map(|row| {
            let why = row.end_asked_why.as_deref().and_then(EndedWhy::parse).unwrap_or(EndedWhy::Kicked);
            let by = row.end_asked_by.map(|by| (by, row.end_asked_detail.unwrap_or_default()));
            Some(AskedEnd { visit: row.uuid.parse().ok()?, why, by })
        })
        .collect())
}

/// Texts that the row borrows.
struct Texts {
    uuid: String,
    address: Option<String>,
    login_folded: String,
    name_folded: Option<String>,
    resource_name_folded: String,
}

fn texts(admitted: &Admitted) -> Texts {
    Texts {
        uuid: admitted.visit.to_string(),
        address: admitted.address.map(|address| address.to_string()),
        login_folded: fold_key(&admitted.login),
        name_folded: admitted.name.as_deref().map(fold_key),
        resource_name_folded: fold_key(&admitted.resource_name),
    }
}

fn new_stay<'a>(ctx: &Ctx, admitted: &'a Admitted, host_key: Option<&'a str>, texts: &'a Texts) -> NewStay<'a> {
    let (session, token) = match &admitted.via {
        Via::Session(id) => (Some(id.0), None),
        Via::Token { id, .. } => (None, Some(id.0)),
        Via::Door | Via::Limited(_) => (None, None),
    };
    NewStay {
        uuid: &texts.uuid,
        account_id: admitted.account,
        login: &admitted.login,
        login_folded: &texts.login_folded,
        name: admitted.name.as_deref(),
        name_folded: texts.name_folded.as_deref(),
        from_address: texts.address.as_deref(),
        process_id: ctx.app.process_id(),
        at: ctx.now(),
        kind: admitted.asked.purpose.as_str(),
        client: admitted.asked.client,
        resource_id: admitted.asked.resource,
        resource_name: &admitted.resource_name,
        resource_name_folded: &texts.resource_name_folded,
        resource_group_id: admitted.group,
        host: &admitted.host,
        port: admitted.port.into(),
        voucher_id: admitted.asked.voucher,
        voucher_name: &admitted.voucher_name,
        username: &admitted.username,
        login_session_id: session,
        api_token_id: token,
        access_request_id: admitted.request,
        command: match &admitted.asked.purpose {
            Purpose::Exec(command) => Some(command),
            Purpose::Shell | Purpose::Sftp | Purpose::Forward => None,
        },
        host_key,
    }
}

fn facts(admitted: &Admitted) -> String {
    serde_json::json!({
        "visit": admitted.visit.to_string(), "purpose": admitted.asked.purpose.as_str(), "client": admitted.asked.client,
        "voucher": admitted.voucher_name, "username": admitted.username, "host": admitted.host, "port": admitted.port,
    })
    .to_string()
}
