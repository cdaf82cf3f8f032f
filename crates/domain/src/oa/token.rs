//! Tokens of the OA systems: machine actors that hold the three oa codes (specs/oa.md §7).

use std::time::Duration;

use gatehouse_model::{ApiTokenId, Millis, Origin, Secret};
use gatehouse_store::{
    Query, Tx,
    api_token::{self as rows, ApiTokenRow, NewApiToken},
};

use crate::{
    Actor, App, Caller, Ctx, Error, Result,
    audit::{self, Object, Stream},
    seal::Place,
};

const KIND: &str = "oa";
pub(crate) const PURPOSE: &str = "api_token.secret";
const CODES: &str = "oa.user.create oa.user.read oa.user.delete";
/// How exact `last_used_at` is: a write per request would be the dearest part of a query.
const USE_GRAIN: Duration = Duration::from_mins(1);

/// A token as staff see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TokenView {
    /// Row id.
    pub id: ApiTokenId,
    /// Name of the OA system in the audit trail.
    pub label: String,
    /// The token, in clear or masked.
    pub token: String,
    /// When it was made.
    pub created_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
}

pub(crate) async fn find(app: &App, q: &mut impl Query, token: &str) -> Result<Option<ApiTokenRow>> {
    for hash in app.keys().hashes(PURPOSE, token) {
        if let Some(row) = rows::find(q, KIND, &hash).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Records the use of a token beside the request, which does not wait for it.
pub(super) fn note_used(app: &App, id: ApiTokenId, last: Option<Millis>) {
    if last.is_some_and(|at| app.now().minus(USE_GRAIN) < at) {
        return;
    }
    if !app.once_per(USE_GRAIN, &format!("api_token {id}")) {
        return;
    }
    let task_app = app.clone();
    app.spawn("token.used", async move {
        let app = task_app;
        let written = async {
            let mut tx = app.db().begin().await?;
            rows::update_used(&mut tx, id, app.now()).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::debug!(
                event = "token.use_not_recorded",
                error = Error::from(error).chain(),
                "last use of token {id} not recorded"
            );
        }
    });
}

/// Audits refused tokens, one row per address and minute: a flood must not become a flood of writes.
pub(super) async fn note_refused(app: &App, caller: Caller) {
    metrics::counter!("gatehouse_oa_refused_tokens_total").increment(1);
    if !app.once_per(USE_GRAIN, &format!("oa.token {:?}", caller.address)) {
        return;
    }
    let ctx = Ctx { app: app.clone(), actor: Actor::Anonymous, origin: Origin::Oa, caller };
    let written = async {
        let mut tx = ctx.begin().await?;
        let object = Object::new("api_token", None, "");
        audit::record(&mut tx, &ctx, Stream::Login, "oa.token.use", object, "unknown token", None).await?;
        tx.commit().await.map_err(Error::from)
    };
    if let Err(error) = written.await {
        tracing::warn!(event = "audit.failed", error = error.chain(), "a refused token could not be audited");
    }
}

/// Makes a token of 16 random bytes as 32 lower-case hex digits.
pub async fn generate(ctx: &Ctx, label: &str) -> Result<Secret> {
    let token = fresh(ctx);
    insert(ctx, label, &token).await?;
    Ok(token)
}

pub(crate) fn fresh(ctx: &Ctx) -> Secret {
    Secret::new(hex::encode(ctx.app.random().bytes::<16>()))
}

/// Stores a given token. One that exists already is `Conflict`.
///
/// Units: any non-empty text of at most 256 characters; an imported one may be longer.
pub async fn insert(ctx: &Ctx, label: &str, token: &Secret) -> Result<ApiTokenId> {
    if token.expose().chars().count() > 256 {
        return Err(Error::invalid("token", "1 to 256 characters"));
    }
    let mut tx = ctx.begin().await?;
    let id = insert_in(ctx, &mut tx, label, token).await?;
    tx.commit().await?;
    Ok(id)
}

pub(crate) async fn insert_in(ctx: &Ctx, tx: &mut Tx, label: &str, token: &Secret) -> Result<ApiTokenId> {
    ctx.require("system.token.manage")?;
    if token.expose().is_empty() {
        return Err(Error::invalid("token", "must not be empty"));
    }
    let seal_ref = ctx.app.request_id();
    let sealed = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), token.expose().as_bytes())?;
    let id = rows::insert(
        tx,
        &NewApiToken {
            kind: KIND,
            label,
            secret_hash: &ctx.app.keys().hash(PURPOSE, token.expose()),
            secret_sealed: Some(&sealed),
            codes: CODES,
            seal_ref: &seal_ref,
            at: ctx.now(),
        },
    )
    .await
    .map_err(|error| match Error::from(error) {
        Error::Conflict { key, .. } => Error::Conflict { what: "token", key },
        other => other,
    })?;
    audit::changed(tx, ctx, "oa.token.create", Object::new("api_token", id.0, label)).await?;
    Ok(id)
}

/// Lists tokens in order of making; masked to the first four characters unless `reveal`.
pub async fn list(ctx: &Ctx, reveal: bool) -> Result<Vec<TokenView>> {
    ctx.require("system.token.manage")?;
    let mut views = Vec::new();
    for row in rows::list(&mut ctx.read(), KIND).await? {
        let clear = match &row.secret_sealed {
            Some(sealed) => ctx.app.keys().open_text(place(&row.seal_ref), sealed)?,
            None => Secret::new(""),
        };
        views.push(TokenView {
            id: row.id,
            label: row.label,
            token: if reveal { clear.expose().to_owned() } else { mask(clear.expose()) },
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        });
    }
    Ok(views)
}

fn mask(token: &str) -> String {
    let shown: String = if token.chars().count() > 8 { token.chars().take(4).collect() } else { String::new() };
    format!("{shown}****")
}

/// Deletes a token; it is refused from the next request on. `NotFound` when nobody has it.
pub async fn delete(ctx: &Ctx, token: &str) -> Result<()> {
    ctx.require("system.token.manage")?;
    let row = find(&ctx.app, &mut ctx.read(), token).await?.ok_or(Error::NotFound { what: "token" })?;
    let mut tx = ctx.begin().await?;
    delete_in(ctx, &mut tx, &row).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn delete_in(ctx: &Ctx, tx: &mut Tx, row: &ApiTokenRow) -> Result<()> {
    ctx.require("system.token.manage")?;
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "oa.token.delete", Object::new("api_token", row.id.0, &row.label)).await
}

/// The tokens with a label, oldest first.
pub(crate) async fn labelled(q: &mut impl Query, label: &str) -> Result<Vec<ApiTokenRow>> {
    let mut tokens = rows::list(q, KIND).await?;
    tokens.retain(|token| token.label == label);
    Ok(tokens)
}

pub(crate) fn place(row: &str) -> Place<'_> {
    Place { table: "api_token", column: "secret", row }
}
