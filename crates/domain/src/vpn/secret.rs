//! The secret that callers of the WebApi sign with: a sealed setting, made at the first use (specs/vpn.md §3, §13).

use gatehouse_model::Secret;
use gatehouse_store::{
    Tx,
    setting::{self as rows, SettingRow},
};

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object, Stream},
    seal::Place,
};

/// Name of the setting.
const NAME: &str = "vpn.api_secret";

/// Reads the secret, and makes one if there is none. Read it for every call: after a rotation the old one is dead at once.
pub async fn load(app: &App) -> Result<Secret> {
    if let Some(row) = rows::find(&mut app.db().read(), NAME).await? {
        return open(app, &row);
    }
    let mut tx = app.db().begin().await?;
    insert(app, &mut tx, &fresh(app)).await?;
    tx.commit().await?;
    // Another process may have been quicker: the row decides.
    let row = rows::find(&mut app.db().read(), NAME).await?.ok_or(Error::NotFound { what: "API secret" })?;
    open(app, &row)
}

/// Shows the secret. Audited. Errors: `Forbidden`.
pub async fn show(ctx: &Ctx) -> Result<Secret> {
    ctx.require("system.setting.update")?;
    let secret = load(&ctx.app).await?;
    let mut tx = ctx.begin().await?;
    audit::record(&mut tx, ctx, Stream::Access, "vpn.secret.show", object(), "ok", None).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Replaces the secret by a fresh one, 32 lower-case hex digits; the old one is dead when this returns. Audited.
///
/// Errors: `Forbidden`; `Conflict` when somebody else replaces it at the same time.
pub async fn rotate(ctx: &Ctx) -> Result<Secret> {
    ctx.require("system.setting.update")?;
    let secret = fresh(&ctx.app);
    let mut tx = ctx.begin().await?;
    replace(ctx, &mut tx, &secret).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Sets the secret, for the state file; false: it is this one already. Errors: `Invalid` for one that is too short or unprintable.
pub async fn set_in(ctx: &Ctx, tx: &mut Tx, secret: &Secret) -> Result<bool> {
    let text = secret.expose();
    if !(16..=128).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("secret", "16 to 128 printable ASCII characters without blanks"));
    }
    if let Some(row) = rows::find(tx, NAME).await?
        && open(&ctx.app, &row)? == *secret
    {
        return Ok(false);
    }
    replace(ctx, tx, secret).await?;
    Ok(true)
}

async fn replace(ctx: &Ctx, tx: &mut Tx, secret: &Secret) -> Result<()> {
    match rows::find(tx, NAME).await? {
        None => insert(&ctx.app, tx, secret).await?,
        Some(row) => {
            let sealed = seal(&ctx.app, &row.seal_ref, secret)?;
            let before = row.value_sealed.unwrap_or_default();
            if rows::update_sealed(tx, NAME, &before, &sealed, ctx.now()).await? == 0 {
                return Err(Error::Conflict { what: "API secret", key: NAME.to_owned() });
            }
        }
    }
    audit::changed(tx, ctx, "vpn.secret.rotate", object()).await
}

async fn insert(app: &App, tx: &mut Tx, secret: &Secret) -> Result<()> {
    let seal_ref = app.request_id();
    let value_sealed = Some(seal(app, &seal_ref, secret)?);
    rows::insert(tx, &SettingRow { name: NAME.to_owned(), value: None, value_sealed, seal_ref }, app.now()).await?;
    Ok(())
}

fn object() -> Object<'static> {
    Object::new("setting", None, NAME)
}

fn fresh(app: &App) -> Secret {
    Secret::new(hex::encode(app.random().bytes::<16>()))
}

fn place(row: &str) -> Place<'_> {
    Place { table: "setting", column: "value", row }
}

fn seal(app: &App, seal_ref: &str, secret: &Secret) -> Result<String> {
    app.keys().seal(app.random(), place(seal_ref), secret.expose().as_bytes())
}

fn open(app: &App, row: &SettingRow) -> Result<Secret> {
    let sealed = row.value_sealed.as_deref().ok_or_else(|| Error::internal("the API secret is not sealed"))?;
    app.keys().open_text(place(&row.seal_ref), sealed)
}
