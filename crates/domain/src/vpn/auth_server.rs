//! Foreign authentication servers: rows as values, secrets opened (specs/vpn.md §12).

use std::sync::Arc;

use gatehouse_model::AuthServerId;
use gatehouse_store::{auth_server as rows, auth_server::AuthServerRow};

use super::external::{AuthServer, ServerKind};
use crate::{App, Ctx, Error, Result, seal::Place};

/// Where the secret of a server stands.
pub(crate) const fn place(seal_ref: &str) -> Place<'_> {
    Place { table: "auth_server", column: "secret", row: seal_ref }
}

/// Loads one server.
pub(crate) async fn load(app: &App, id: AuthServerId) -> Result<Option<Arc<AuthServer>>> {
    let row = rows::find(&mut app.db().read(), id).await?;
    row.map(|row| open(app, row).map(Arc::new)).transpose()
}

/// Lists all servers by id, for `gatehouse doctor`. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx) -> Result<Vec<Arc<AuthServer>>> {
    ctx.require("radius.server.read")?;
    let rows = rows::list(&mut ctx.read()).await?;
    rows.into_iter().map(|row| open(&ctx.app, row).map(Arc::new)).collect()
}

/// Reads settings and secret.
pub(crate) fn open(app: &App, row: AuthServerRow) -> Result<AuthServer> {
    let broken = |error: serde_json::Error| Error::internal(format!("auth_server {}: {error}", row.name));
    let kind = match row.kind.as_str() {
        "ldap" => ServerKind::Ldap(Arc::new(serde_json::from_str(&row.settings).map_err(broken)?)),
        "radius" => ServerKind::Radius(Arc::new(serde_json::from_str(&row.settings).map_err(broken)?)),
        other => return Err(Error::internal(format!("auth_server {}: no such kind `{other}`", row.name))),
    };
    let secret = row.secret_sealed.map(|sealed| app.keys().open_text(place(&row.seal_ref), &sealed)).transpose()?;
    Ok(AuthServer { id: row.id, name: row.name, kind, secret })
}
