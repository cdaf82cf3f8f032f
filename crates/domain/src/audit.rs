//! The audit trail: every change and login, success and failure, hash-chained per stream (DESIGN §4 "Audit").

use gatehouse_model::Origin;
use gatehouse_store::{Tx, audit as rows, audit::AuditRow};

use crate::{Actor, App, Ctx, Result, bastion::setting};

/// Which chain a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Logins and refused credentials.
    Login,
    /// Changes.
    Change,
    /// Stays through doors and reads of secrets.
    Access,
    /// What staff should look at.
    Alert,
}

impl Stream {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Change => "change",
            Self::Access => "access",
            Self::Alert => "alert",
        }
    }
}

/// What was acted on: a snapshot, never a reference.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// `account`, `node`, `oa_user` …
    pub kind: &'static str,
    /// Row id.
    pub id: Option<i64>,
    /// Name at the time.
    pub name: &'a str,
}

impl<'a> Object<'a> {
    /// An object by kind, id and name.
    pub fn new(kind: &'static str, id: impl Into<Option<i64>>, name: &'a str) -> Self {
        Self { kind, id: id.into(), name }
    }
}

/// Writes a row into the transaction that does the thing. `outcome` is `ok` or the reason of a refusal.
pub async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    stream: Stream,
    action: &'static str,
    object: Object<'_>,
    outcome: &str,
    detail: Option<String>,
) -> Result<()> {
    write(tx, ctx, (stream, action), object, (outcome, detail), ctx.actor_label()).await
}

/// Writes the row of a login, good or bad, of the account that is the object. Whoever is not known has no id and no label.
pub(crate) async fn login(
    tx: &mut Tx,
    ctx: &Ctx,
    object: Object<'_>,
    label: Option<&str>,
    outcome: &str,
) -> Result<()> {
    write(tx, ctx, (Stream::Login, "account.login"), object, (outcome, None), label).await
}

async fn write(
    tx: &mut Tx,
    ctx: &Ctx,
    (stream, action): (Stream, &'static str),
    object: Object<'_>,
    (outcome, detail): (&str, Option<String>),
    label: Option<&str>,
) -> Result<()> {
    let (actor_kind, actor_id, actor_name) = ctx.actor_name();
    let row = AuditRow {
        id: 0,
        at: ctx.now(),
        stream: stream.as_str().to_owned(),
        actor_kind: actor_kind.to_owned(),
        actor_id,
        actor_name,
        actor_label: label.map(str::to_owned),
        origin: ctx.origin.as_str().to_owned(),
        action: action.to_owned(),
        object_kind: object.kind.to_owned(),
        object_id: object.id,
        object_name: object.name.to_owned(),
        outcome: outcome.to_owned(),
        address: ctx.caller.address.map(|address| address.to_string()),
        request_id: ctx.caller.request_id.clone(),
        detail,
    };
    rows::insert(tx, &row).await?;
    Ok(())
}

/// Writes the row of a change that happened.
pub async fn changed(tx: &mut Tx, ctx: &Ctx, action: &'static str, object: Object<'_>) -> Result<()> {
    record(tx, ctx, Stream::Change, action, object, "ok", None).await
}

/// Writes the row of a change that was refused, in a transaction of its own. `outcome` is the reason.
pub async fn refused(ctx: &Ctx, action: &'static str, object: Object<'_>, outcome: &str) -> Result<()> {
    let mut tx = ctx.begin().await?;
    record(&mut tx, ctx, Stream::Change, action, object, outcome, None).await?;
    Ok(tx.commit().await?)
}

/// Hash of a row under the hash before it. Every field counts, with its length, so that nothing can be moved between fields.
fn link_hash(previous: &[u8], row: &AuditRow) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: Option<&str>| {
        let text = text.unwrap_or("\0none");
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    let (id, at) = (row.id.to_string(), row.at.0.to_string());
    let (actor_id, object_id) = (row.actor_id.map(|n| n.to_string()), row.object_id.map(|n| n.to_string()));
    for text in [
        Some(id.as_str()),
        Some(&at),
        Some(&row.stream),
        Some(&row.actor_kind),
        actor_id.as_deref(),
        Some(&row.actor_name),
        Some(&row.origin),
        Some(&row.action),
        Some(&row.object_kind),
        object_id.as_deref(),
        Some(&row.object_name),
        Some(&row.outcome),
        row.address.as_deref(),
        Some(&row.request_id),
        row.detail.as_deref(),
    ] {
        part(text);
    }
    // Rows of the first release have no label, and their hashes must stay as they are.
    if row.actor_label.is_some() {
        part(row.actor_label.as_deref());
    }
    hasher.update(previous);
    hasher.finalize().as_bytes().to_vec()
}

/// Whether any recent row is not chained yet.
pub(crate) async fn is_open(app: &App) -> Result<bool> {
    let above = rows::chained_to(&mut app.db().read(), app.now().minus(RECENT)).await?;
    Ok(!rows::list_unchained(&mut app.db().read(), above, 1).await?.is_empty())
}

/// No transaction lives longer than this between taking an id and its commit.
const RECENT: std::time::Duration = std::time::Duration::from_mins(1);

/// Chains rows that are not chained yet, oldest first, at most `limit`; gives how many. Run by the periodic task `audit.seal`.
pub async fn seal(app: &App, limit: i64) -> Result<usize> {
    let above = rows::chained_to(&mut app.db().read(), app.now().minus(RECENT)).await?;
    let open = rows::list_unchained(&mut app.db().read(), above, limit).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let mut tx = app.db().begin().await?;
    let mut heads: std::collections::HashMap<String, (i64, Vec<u8>)> = std::collections::HashMap::new();
    for row in &open {
        let head = match heads.get(&row.stream) {
            Some(head) => head.clone(),
            None => rows::find_head(&mut tx, &row.stream).await?.unwrap_or_default(),
        };
        let next = (head.0 + 1, link_hash(&head.1, row));
        rows::insert_link(&mut tx, &row.stream, next.0, row.id, &next.1).await?;
        heads.insert(row.stream.clone(), next);
    }
    tx.commit().await?;
    Ok(open.len())
}

/// A place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Break {
    /// The stream.
    pub stream: String,
    /// Position in its chain.
    pub seq: i64,
    /// The audit row.
    pub audit_id: i64,
    /// `gap`, `missing`, `altered`.
    pub what: &'static str,
}

/// Links read at a time.
const PAGE: i64 = 500;

/// Walks every chain and names the first break of each. For `gatehouse doctor`.
///
/// Only the stream `login` is pruned: there the first link may stand for removed rows, as the hash they ended with.
pub async fn verify(app: &App) -> Result<(u64, Vec<Break>)> {
    let mut breaks = Vec::new();
    let mut checked = 0;
    for stream in rows::list_streams(&mut app.db().read()).await? {
        let is_pruned = stream == Stream::Login.as_str();
        let mut previous: Option<(i64, Vec<u8>)> = None;
        'stream: loop {
            let after = previous.as_ref().map_or(0, |(seq, _)| *seq);
            let links = rows::list_links(&mut app.db().read(), &stream, after, PAGE).await?;
            if links.is_empty() {
                break;
            }
            for link in links {
                if let Err(what) = holds(previous.as_ref(), &link, is_pruned) {
                    breaks.push(Break { stream: stream.clone(), seq: link.seq, audit_id: link.audit_id, what });
                    break 'stream;
                }
                checked += 1;
                previous = Some((link.seq, link.hash));
            }
        }
    }
    Ok((checked, breaks))
}

/// Whether a link follows from the one before it, or how it does not.
fn holds(
    previous: Option<&(i64, Vec<u8>)>,
    link: &rows::LinkRow,
    is_pruned: bool,
) -> std::result::Result<(), &'static str> {
    let (seq, hash) = match (previous, &link.row) {
        (None, None) if is_pruned => return Ok(()),
        (Some((seq, hash)), _) => (*seq, hash.as_slice()),
        (None, _) => (0, &[][..]),
    };
    let row = link.row.as_ref().ok_or("missing")?;
    if link.seq != seq + 1 {
        return Err("gap");
    }
    if link_hash(hash, row) == link.hash { Ok(()) } else { Err("altered") }
}

/// Rows that one transaction of [`prune`] removes at most.
const SEGMENT: i64 = 1_000;

/// Removes logins that are older than `audit.login_retention` or beyond `audit.login_max_rows`; gives how many rows. Run by
/// the periodic task `retention`.
///
/// What goes is the beginning of the chain, link by link; the last link of it stays, so that the next one can be verified.
pub async fn prune(app: &App) -> Result<u64> {
    let stream = Stream::Login.as_str();
    let settings = setting::in_force(app, &mut app.db().read()).await?.audit;
    let before = app.now().minus(settings.login_retention.0);
    let head = rows::find_head(&mut app.db().read(), stream).await?.unwrap_or_default().0;
    let beyond = match i64::try_from(settings.login_max_rows) {
        Ok(most) if most > 0 => head.saturating_sub(most),
        _ => 0,
    };
    let mut pruned = 0;
    loop {
        let links = rows::list_links(&mut app.db().read(), stream, 0, SEGMENT + 1).await?;
        let goes = |link: &&rows::LinkRow| link.seq <= beyond || link.row.as_ref().is_none_or(|row| row.at < before);
        let segment: Vec<_> = links.iter().take_while(goes).collect();
        // The first link may be all that is left of the segment before.
        let Some(end) = segment.last().filter(|_| segment.iter().any(|link| link.row.is_some())) else { break };
        let mut tx = app.db().begin().await?;
        pruned += rows::delete_segment(&mut tx, stream, end.seq).await?;
        tx.commit().await?;
        if app.shutdown().is_cancelled() {
            break;
        }
    }
    if pruned > 0 {
        let ctx = app.ctx(Actor::System("retention"), Origin::System);
        let mut tx = ctx.begin().await?;
        let detail = serde_json::json!({ "rows": pruned, "before": before.to_rfc3339() });
        let object = Object::new("audit", None, stream);
        record(&mut tx, &ctx, Stream::Change, "audit.prune", object, "ok", Some(detail.to_string())).await?;
        tx.commit().await?;
    }
    Ok(pruned)
}

/// Lists rows before an id, newest first.
pub async fn list(ctx: &Ctx, before: Option<i64>, action: Option<&str>, limit: i64) -> Result<Vec<AuditRow>> {
    ctx.require("audit.operation.read")?;
    Ok(rows::list(&mut ctx.read(), before.unwrap_or(i64::MAX), action, limit.clamp(1, 1_000)).await?)
}
