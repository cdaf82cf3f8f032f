//! Run-time settings of the panel: rows `panel.NAME`, in the live snapshot, in force at once (specs/panel.md §4.1).
//!
//! A row holds what staff saved; what has none holds its default. Secrets are sealed. `secure_path` and `server_token` are made at
//! the first start.

mod rule;
mod table;

use std::sync::Arc;

use gatehouse_model::Secret;
use gatehouse_store::{Aspect, Query, Tx, setting as rows, setting::SettingRow};
use serde_json::{Map, Value, json};

pub use self::table::PanelSettings;
use self::table::{KEYS, Key};
use super::{
    plan, profile,
    refusal::{Outcome, Refusal},
};
use crate::{
    App, Ctx, Result,
    audit::{self, Object},
    permission::{self, Change},
    seal::Place,
};

/// What stands where a secret is set.
pub const MASK: &str = "********";
const PREFIX: &str = "panel.";

/// First parts of paths that other things answer at, on the shared listener or inside the panel.
const TAKEN: [&str; 14] = [
    "api", "passport", "user", "guest", "client", "server", "v1", "cgi-bin", "console", "media", "env.js", "healthz",
    "readyz", "assets",
];

fn place(row: &str) -> Place<'_> {
    Place { table: "setting", column: "value", row }
}

/// Whether a setting has this name.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// The name of a setting that is sealed at rest.
pub(crate) fn secret(name: &str) -> Option<&'static str> {
    find(name).filter(|key| (key.is_secret)()).map(|key| key.name)
}

/// The given settings that are not so yet; also those that cannot be, so that saving them is refused.
pub(crate) async fn differing(ctx: &Ctx, tx: &mut Tx, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let stored = read(&ctx.app, tx).await?;
    let differs = |(name, value): &(&String, &Value)| {
        let Some(key) = find(name) else { return false };
        let mut wanted = stored.clone();
        (key.set)(&mut wanted, value).is_err() || (key.get)(&wanted) != (key.get)(&stored)
    };
    Ok(given.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Loads the settings as they hold.
pub(crate) async fn load(app: &App) -> Result<Arc<PanelSettings>> {
    Ok(Arc::new(read(app, &mut app.db().read()).await?))
}

async fn read(app: &App, q: &mut impl Query) -> Result<PanelSettings> {
    let mut settings = PanelSettings::default();
    for row in rows::list_with_prefix(q, PREFIX).await? {
        let Some(key) = row.name.strip_prefix(PREFIX).and_then(find) else { continue };
        let value = match (&row.value, &row.value_sealed) {
            // One that does not open counts as unset, so that the rest of the house goes on; `doctor` names it.
            (_, Some(sealed)) => match app.keys().open_text(place(&row.seal_ref), sealed) {
                Ok(text) => json!(text.expose()),
                Err(error) => {
                    let (name, why) = (&row.name, error.chain());
                    tracing::error!(event = "setting.unreadable", name, error = why, "setting {name} cannot be opened");
                    Value::Null
                }
            },
            (Some(text), None) => serde_json::from_str(text).unwrap_or(Value::Null),
            (None, None) => continue,
        };
        if let Err(rule) = (key.set)(&mut settings, &value) {
            tracing::error!(
                event = "setting.unreadable",
                name = row.name,
                "setting {} {rule}: its default holds",
                row.name
            );
        }
    }
    Ok(settings)
}

/// Makes what must not be guessed, once: the path of staff and the shared credential of nodes.
pub(crate) async fn make_if_new(ctx: &Ctx) -> Result<()> {
    let random = ctx.app.random();
    let made = [("secure_path", hex::encode(random.bytes::<8>())), ("server_token", hex::encode(random.bytes::<16>()))];
    if rows::find(&mut ctx.read(), "panel.secure_path").await?.is_some() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    for (name, text) in made {
        if let Some(key) = find(name) {
            // Another process may have been quicker: its row stays.
            let row = row(ctx, key, &json!(text))?;
            rows::insert(&mut tx, &row, ctx.now()).await?;
        }
    }
    tx.touch(Aspect::Setting, None);
    Ok(tx.commit().await?)
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The row of a value.
fn row(ctx: &Ctx, key: &Key, value: &Value) -> Result<SettingRow> {
    let name = format!("{PREFIX}{}", key.name);
    if !(key.is_secret)() {
        return Ok(SettingRow { name, value: Some(value.to_string()), value_sealed: None, seal_ref: String::new() });
    }
    let seal_ref = ctx.app.request_id();
    let text = value.as_str().unwrap_or_default();
    let sealed = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), text.as_bytes())?;
    Ok(SettingRow { name, value: None, value_sealed: Some(sealed), seal_ref })
}

/// Shows the settings by group, secrets masked.
///
/// Shape: one group, or all → `{group: {name: value}}`. Errors: `Forbidden`; an unknown group shows nothing.
/// Source: specs/panel.md §4.1.
pub fn show(ctx: &Ctx, group: Option<&str>) -> Result<Map<String, Value>> {
    ctx.require("panel.config")?;
    let settings = ctx.app.live().panel();
    let groups = table::groups().into_iter().filter(|known| group.is_none_or(|group| group == *known));
    let mut shown: Map<String, Value> =
        groups.map(|group| (group.to_owned(), table::shown(&settings, group))).collect();
    for key in KEYS.iter().filter(|key| (key.is_secret)()) {
        if let Some(value) = shown.get_mut(key.group).and_then(|group| group.get_mut(key.name))
            && !value.is_null()
        {
            *value = json!(MASK);
        }
    }
    Ok(shown)
}

/// Shows the shared credential of nodes in clear; audited. Errors: `Forbidden` without `panel.admin`.
pub async fn reveal_server_token(ctx: &Ctx) -> Result<Option<Secret>> {
    ctx.require("panel.admin")?;
    let mut tx = ctx.begin().await?;
    audit::changed(&mut tx, ctx, "panel.config.reveal", Object::new("setting", None, "server_token")).await?;
    tx.commit().await?;
    Ok(ctx.app.live().panel().server_token.clone())
}

/// Saves settings, all or none; unknown names are dropped, a masked secret stays what it is.
///
/// Shape: name → value. Errors: an input refusal naming the key; `Forbidden`. Source: specs/panel.md §4.1.
pub async fn save(ctx: &Ctx, given: &Map<String, Value>) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.config")?;
    let names = save_in(&ctx, &mut tx, given).await?;
    if !names.is_empty() {
        let object = Object::new("setting", None, &names);
        audit::changed(&mut tx, &ctx, "panel.config.save", object).await?;
    }
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await?;
    if names.split(' ').any(|name| name == "reset_traffic_method") {
        plan::edit::follow_settings(&ctx).await?;
    }
    Ok(())
}

/// The same inside a transaction; gives the names that were saved.
pub(crate) async fn save_in(ctx: &Ctx, tx: &mut Tx, given: &Map<String, Value>) -> Outcome<String> {
    let mut settings = PanelSettings::clone(&ctx.app.live().panel());
    let mut changed = Vec::new();
    for (name, value) in given {
        let Some(key) = find(name) else { continue };
        if (key.is_secret)() && value.as_str() == Some(MASK) {
            continue;
        }
        if (key.set)(&mut settings, value).is_err() {
            return Err(Refusal::input(key.name, "The value of :name is not valid").with("name", key.name).into());
        }
        changed.push(key);
    }
    check(&settings, &changed)?;
    check_templates(ctx, &settings, &changed)?;
    for key in &changed {
        let value = (key.get)(&settings);
        rows::replace(tx, &row(ctx, key, &value)?, ctx.now()).await?;
    }
    if !changed.is_empty() {
        tx.touch(Aspect::Setting, None);
    }
    Ok(changed.iter().map(|key| key.name).collect::<Vec<_>>().join(" "))
}

/// Templates parse, also with what else of the settings stands in them.
fn check_templates(ctx: &Ctx, settings: &PanelSettings, changed: &[&Key]) -> Result<(), Refusal> {
    let of = |key: Option<&str>| {
        let named =
            changed.iter().find(|known| key.is_some_and(|key| known.name == format!("subscribe_template_{key}")));
        named.or_else(|| changed.iter().find(|known| known.name == "app_name"))
    };
    if !changed.iter().any(|key| key.group == "subscribe_template" || key.name == "app_name") {
        return Ok(());
    }
    let Err((key, fault)) = profile::check(&ctx.app, settings) else { return Ok(()) };
    // A template that was stored before and does not parse any more is not this call's fault.
    let Some(key) = of(key) else { return Ok(()) };
    Err(Refusal::input(key.name, "The template :fault").with("fault", fault))
}

/// Rules that one value alone cannot break.
fn check(settings: &PanelSettings, changed: &[&Key]) -> Result<(), Refusal> {
    let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let refuse = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
    let touches = |name: &str| changed.iter().any(|key| key.name == name);
    let (secure, subscribe) = (&settings.secure_path, &settings.subscribe_path);
    let is_taken = |path: &str| TAKEN.contains(&path) || secure == subscribe;
    if touches("secure_path") && (secure.len() < 8 || !is_word(secure) || is_taken(secure)) {
        return Err(refuse("secure_path"));
    }
    if touches("subscribe_path") && (subscribe.is_empty() || !is_word(subscribe) || is_taken(subscribe)) {
        return Err(refuse("subscribe_path"));
    }
    let is_currency = settings.currency.len() == 3 && settings.currency.bytes().all(|b| b.is_ascii_uppercase());
    if touches("currency") && !is_currency {
        return Err(refuse("currency"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_may_be_saved() {
        let mut settings = PanelSettings::default();
        for key in KEYS {
            let shown = (key.get)(&settings);
            (key.set)(&mut settings, &shown).unwrap_or_else(|rule| panic!("{}: {rule}", key.name));
            assert_eq!((key.get)(&settings), shown, "{}", key.name);
        }
    }

    #[test]
    fn names_are_unique_and_the_groups_those_of_the_wire() {
        let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        let groups = ["invite", "site", "subscribe", "frontend", "server", "email", "telegram", "app", "safe"];
        assert_eq!(table::groups(), [groups.as_slice(), &["subscribe_template"]].concat());
    }

    #[test]
    fn values_come_in_every_form_and_wrong_ones_are_refused() {
        let mut settings = PanelSettings::default();
        let mut set = |name: &str, value: Value| find(name).is_some_and(|key| (key.set)(&mut settings, &value).is_ok());
        for value in [json!(1), json!("1"), json!(true), json!("0"), json!(null), json!("")] {
            assert!(set("stop_register", value));
        }
        for (name, value) in [
            ("stop_register", json!(2)),
            ("stop_register", json!([1])),
            ("reset_traffic_method", json!(5)),
            ("reset_traffic_method", json!("1.5")),
            ("app_url", json!("javascript:alert(1)")),
            ("app_url", json!("https://")),
            ("app_url", json!("https://user@host/")),
            ("logo", json!("ftp://example.com")),
            ("server_token", json!("short")),
            ("commission_withdraw_limit", json!("1.234")),
            ("commission_withdraw_limit", json!("-1")),
            ("recaptcha_v3_score_threshold", json!("1.1")),
            ("frontend_theme_color", json!("pink")),
            ("app_name", json!("a\u{0}b")),
            ("server_pull_interval", json!(4)),
        ] {
            assert!(!set(name, value.clone()), "{name} took {value}");
        }
        assert!(set("server_ws_url", json!("wss://example.com/ws")));
        assert!(set("email_whitelist_suffix", json!("a.com, b.com")));
    }
}
