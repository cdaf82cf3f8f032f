//! Foreign authentication servers: rows as values, secrets opened (specs/vpn.md §12).

use std::sync::Arc;

use gatehouse_model::{AuthServerId, Secret};
use gatehouse_store::{Tx, auth_server as rows, auth_server::AuthServerRow};

use super::external::{AuthServer, LdapSettings, RadiusSettings, ServerKind};
use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    proxy::manage::Change,
    seal::Place,
};

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

/// A server as it shall be.
#[derive(Debug)]
pub(crate) struct ServerSpec<'a> {
    pub(crate) name: &'a str,
    /// `ldap` or `radius`.
    pub(crate) kind: &'a str,
    /// All settings of the kind.
    pub(crate) settings: serde_json::Value,
    /// None: as it is.
    pub(crate) secret: Option<&'a Secret>,
}

/// Makes or changes a server, found by name.
///
/// Errors: `Invalid` naming the key that cannot be.
pub(crate) async fn save_in(ctx: &Ctx, tx: &mut Tx, spec: &ServerSpec<'_>) -> Result<Change> {
    let settings = check(spec)?;
    let old = rows::find_by_name(tx, spec.name).await?;
    if spec.kind == "radius" && spec.secret.is_none() && old.as_ref().is_none_or(|old| old.secret_sealed.is_none()) {
        return Err(Error::invalid("secret", "a RADIUS server needs one"));
    }
    let seal_ref = old.as_ref().map_or_else(|| ctx.app.request_id(), |old| old.seal_ref.clone());
    let held = match &old {
        Some(AuthServerRow { secret_sealed: Some(sealed), .. }) => {
            ctx.app.keys().open_text(place(&seal_ref), sealed).ok()
        }
        _ => None,
    };
    let secret_sealed = match spec.secret {
        Some(secret) if held.as_ref() != Some(secret) => {
            Some(ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), secret.expose().as_bytes())?)
        }
        _ => old.as_ref().and_then(|old| old.secret_sealed.clone()),
    };
    let row = AuthServerRow {
        id: old.as_ref().map_or(AuthServerId(0), |old| old.id),
        name: spec.name.to_owned(),
        kind: spec.kind.to_owned(),
        settings,
        secret_sealed,
        seal_ref,
    };
    if old.as_ref() == Some(&row) {
        return Ok(Change::Unchanged);
    }
    if let Some(servers) = ctx.app.external() {
        let server = open(&ctx.app, row.clone())?;
        servers.check(&server).map_err(|what| Error::invalid("settings", what))?;
    }
    let (id, change) = match old {
        Some(_) => {
            rows::update(tx, &row, ctx.now()).await?;
            (row.id, Change::Updated)
        }
        None => (rows::insert(tx, &row, ctx.now()).await?, Change::Created),
    };
    audit::changed(tx, ctx, "radius.server.save", Object::new("auth_server", id.0, spec.name)).await?;
    Ok(change)
}

/// The settings as they are stored: every key, in one order, so that equal ones are equal texts.
fn check(spec: &ServerSpec<'_>) -> Result<String> {
    let wrong = |error: serde_json::Error| Error::invalid("settings", error.to_string());
    if spec.name.trim().is_empty() || spec.name.chars().count() > 100 {
        return Err(Error::invalid("name", "1 to 100 characters"));
    }
    match spec.kind {
        "ldap" => {
            let settings: LdapSettings = serde_json::from_value(spec.settings.clone()).map_err(wrong)?;
            if settings.urls.is_empty() {
                return Err(Error::invalid("urls", "at least one, such as \"ldaps://directory.example.com\""));
            }
            if settings.filter.is_none() == settings.dn_template.is_none() {
                return Err(Error::invalid("filter", "either filter or dn_template, with {login}"));
            }
            if !["base", "one", "sub"].contains(&settings.scope.as_str()) {
                return Err(Error::invalid("scope", "base, one or sub"));
            }
            serde_json::to_string(&settings).map_err(Error::internal)
        }
        "radius" => {
            let settings: RadiusSettings = serde_json::from_value(spec.settings.clone()).map_err(wrong)?;
            serde_json::to_string(&settings).map_err(Error::internal)
        }
        _ => Err(Error::invalid("kind", "ldap or radius")),
    }
}
