//! Run-time settings: what staff see of the configuration, and what they may change without a restart (DESIGN §10.6,
//! specs/bastion.md §17).
//!
//! A stored value holds unless the configuration file or the environment names the key: then that one holds, is shown, and
//! cannot be edited.

mod key;

use gatehouse_store::{Aspect, Query, Tx, setting as rows};
use serde_json::{Map, Value};

use self::key::{KEYS, Key};
use crate::{
    App, Ctx, Error, Result, Settings,
    audit::{self, Object},
    permission::{self, Change},
};

const READ: &str = "system.setting.read";
const UPDATE: &str = "system.setting.update";

/// The settings as they hold now: the configured ones, and what staff set.
///
/// Errors: `Internal` for a stored value that cannot be read.
pub(crate) async fn in_force(app: &App, q: &mut impl Query) -> Result<Settings> {
    let mut settings = app.settings().clone();
    for row in rows::list_plain(q).await? {
        let Some(value) = row.value.filter(|_| !settings.pinned.contains(&row.name)) else { continue };
        if let Some(key) = find(&row.name).filter(|key| key.is_editable()) {
            key.set(&mut settings, &value).map_err(|rule| Error::internal(format!("setting {}: {rule}", row.name)))?;
        }
    }
    Ok(settings)
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Dotted name.
    pub name: &'static str,
    /// The value that holds; durations and sizes as texts with a unit.
    pub value: Value,
    /// Whether it can be edited here: it holds at once, and file and environment do not name it.
    pub is_editable: bool,
}

/// Lists the settings in the order of their names.
pub async fn list(ctx: &Ctx) -> Result<Vec<Shown>> {
    ctx.require(READ)?;
    let mut settings = in_force(&ctx.app, &mut ctx.read()).await?;
    let shown = KEYS.iter().map(|key| Shown {
        name: key.name,
        value: key.get(&mut settings),
        is_editable: key.is_editable() && !ctx.app.settings().pinned.contains(key.name),
    });
    Ok(shown.collect())
}

/// Refuses callers who may not change settings.
pub fn may_edit(ctx: &Ctx) -> Result<()> {
    ctx.require(UPDATE)
}

/// Sets settings, in force at once; `null` goes back to the configured value.
///
/// Errors: `Invalid` naming an unknown setting or a wrong value; `Locked` for one that file or environment names, or that
/// holds from the start on.
pub async fn edit(ctx: &Ctx, values: &Map<String, Value>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    may_edit(&ctx)?;
    for (name, value) in values {
        set(&ctx, &mut tx, name, value).await?;
    }
    tx.touch(Aspect::Setting, None);
    tx.touch(Aspect::Access, None);
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    audit::changed(&mut tx, &ctx, "setting.edit", Object::new("setting", None, &names.join(" "))).await?;
    tx.commit().await?;
    Ok(())
}

async fn set(ctx: &Ctx, tx: &mut Tx, name: &str, value: &Value) -> Result<()> {
    let key = find(name).ok_or_else(|| Error::invalid(name, "no such setting"))?;
    if !key.is_editable() {
        return Err(Error::Locked { what: "setting", why: "it holds from the start of the server on" });
    }
    let configured = ctx.app.settings();
    if configured.pinned.contains(name) {
        return Err(Error::Locked { what: "setting", why: "the configuration file or the environment sets it" });
    }
    if value.is_null() {
        rows::delete(tx, name).await?;
        return Ok(());
    }
    let text = value.to_string();
    key.set(&mut configured.clone(), &text).map_err(|rule| Error::invalid(name, rule))?;
    rows::update_plain(tx, name, &text, ctx.now()).await?;
    Ok(())
}
