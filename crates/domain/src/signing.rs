//! Keys that a surface signs its tokens with: a sealed setting, made at its first use, never shipped or shown.

use gatehouse_store::setting::{self as rows, SettingRow};
use zeroize::Zeroizing;

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    seal::Place,
};

/// Keys kept after a rotation, the new one included: a token outlives this many rotations less one.
const KEPT: usize = 3;

/// A key of 256 random bits.
#[derive(Clone)]
pub struct SigningKey {
    id: Option<String>,
    secret: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A key by its parts; the first of an installation has no name.
    pub fn new(id: Option<String>, secret: [u8; 32]) -> Self {
        Self { id, secret: Zeroizing::new(secret) }
    }

    /// Its name, which tokens carry; the first key has none.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The key itself. Never to be logged.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

/// All keys whose tokens count; the last one signs.
#[derive(Debug, Clone)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// The key that signs now.
    pub fn current(&self) -> Result<&SigningKey> {
        self.0.last().ok_or_else(|| Error::internal("a list of signing keys is empty"))
    }

    /// The key with this name.
    pub fn find(&self, id: Option<&str>) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.id() == id)
    }
}

/// How the nameless first key stands in the setting: a line per key, `<name> <64 hex digits>`.
const NAMELESS: &str = "-";

/// Reads the keys of a surface, and makes the first one.
pub async fn load(app: &App, name: &'static str) -> Result<SigningKeys> {
    if let Some(row) = rows::find(&mut app.db().read(), name).await? {
        return open(app, &row);
    }
    let seal_ref = app.request_id();
    let keys = SigningKeys(vec![SigningKey::new(None, app.random().bytes())]);
    let value_sealed = Some(seal(app, &seal_ref, &keys)?);
    let row = SettingRow { name: name.to_owned(), value: None, value_sealed, seal_ref };
    let mut tx = app.db().begin().await?;
    rows::insert(&mut tx, &row, app.now()).await?;
    tx.commit().await?;
    // Another process may have been quicker: the row decides.
    let row = rows::find(&mut app.db().read(), name).await?.ok_or(Error::NotFound { what: "signing keys" })?;
    open(app, &row)
}

/// Adds a key that signs from now on, and forgets all but the newest. Processes follow within a minute.
///
/// Errors: `Forbidden`; `Conflict` when somebody else rotates at the same time.
pub async fn rotate(ctx: &Ctx, name: &'static str) -> Result<()> {
    ctx.require("system.setting.update")?;
    let SigningKeys(mut keys) = load(&ctx.app, name).await?;
    let old = rows::find(&mut ctx.read(), name).await?.ok_or(Error::NotFound { what: "signing keys" })?;
    keys.push(SigningKey::new(Some(ctx.app.request_id()), ctx.app.random().bytes()));
    let surplus = keys.len().saturating_sub(KEPT);
    let keys = SigningKeys(keys.split_off(surplus));
    let sealed = seal(&ctx.app, &old.seal_ref, &keys)?;
    let mut tx = ctx.begin().await?;
    let before = old.value_sealed.unwrap_or_default();
    if rows::update_sealed(&mut tx, name, &before, &sealed, ctx.now()).await? == 0 {
        return Err(Error::Conflict { what: "signing keys", key: name.to_owned() });
    }
    audit::changed(&mut tx, ctx, "signing_key.rotate", Object::new("setting", None, name)).await?;
    Ok(tx.commit().await?)
}

fn place(row: &str) -> Place<'_> {
    Place { table: "setting", column: "value", row }
}

fn seal(app: &App, seal_ref: &str, keys: &SigningKeys) -> Result<String> {
    let mut text = Zeroizing::new(String::new());
    for key in &keys.0 {
        text.push_str(key.id().unwrap_or(NAMELESS));
        text.push(' ');
        text.push_str(&Zeroizing::new(hex::encode(key.secret())));
        text.push('\n');
    }
    app.keys().seal(app.random(), place(seal_ref), text.as_bytes())
}

fn open(app: &App, row: &SettingRow) -> Result<SigningKeys> {
    let sealed = row.value_sealed.as_deref().ok_or_else(|| Error::internal("the signing keys are not sealed"))?;
    let text = app.keys().open_text(place(&row.seal_ref), sealed)?;
    let mut keys = Vec::new();
    for line in text.expose().lines() {
        let (id, secret) = line.split_once(' ').ok_or_else(|| Error::internal("a signing key is damaged"))?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(secret, &mut bytes).map_err(Error::internal)?;
        keys.push(SigningKey::new((id != NAMELESS).then(|| id.to_owned()), bytes));
    }
    Ok(SigningKeys(keys))
}
