//! The panel's built-in modules: their switches and settings (specs/panel.md §4.2, §5).
//!
//! All are on until staff switch them off, with settings that restrict nobody. What holds is in the live snapshot.

mod config;

use std::sync::Arc;

use gatehouse_store::{Aspect, Tx, panel_module as rows, panel_module::ModuleRow};
use serde_json::{Map, Value};

pub use self::config::{DeviceRules, Field, FieldKind, IdentityRules, ShadowRules};
use super::refusal::{Outcome, Refusal};
use crate::{
    App, Ctx, Result,
    audit::{self, Object},
    permission::{self, Change},
};

/// A built-in module. The codes are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// People prove who they are.
    RealName,
    /// People see from where their subscription is used.
    OnlineDevices,
    /// People get a second account on IPv6 nodes.
    Ipv6Subscription,
}

impl Module {
    /// Every module.
    pub const ALL: [Self; 3] = [Self::RealName, Self::OnlineDevices, Self::Ipv6Subscription];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RealName => "real_name_verification",
            Self::OnlineDevices => "user_online_devices",
            Self::Ipv6Subscription => "user_add_ipv6_subscription",
        }
    }

    /// By its code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.code() == code)
    }

    /// Its settings.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::RealName => config::REAL_NAME,
            Self::OnlineDevices => config::ONLINE_DEVICES,
            Self::Ipv6Subscription => config::IPV6_SUBSCRIPTION,
        }
    }
}

/// A module as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    /// Whether it is on.
    pub is_enabled: bool,
    /// Its settings.
    pub rules: T,
}

impl<T: Default> Default for Held<T> {
    fn default() -> Self {
        Self { is_enabled: true, rules: T::default() }
    }
}

/// All modules as they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modules {
    /// People prove who they are.
    pub identity: Held<IdentityRules>,
    /// People see from where their subscription is used.
    pub device: Held<DeviceRules>,
    /// People get a second account on IPv6 nodes.
    pub shadow: Held<ShadowRules>,
}

impl Modules {
    /// Whether a module is on.
    pub fn is_enabled(&self, module: Module) -> bool {
        match module {
            Module::RealName => self.identity.is_enabled,
            Module::OnlineDevices => self.device.is_enabled,
            Module::Ipv6Subscription => self.shadow.is_enabled,
        }
    }

    /// The settings of a module as they are shown.
    pub fn config(&self, module: Module) -> Map<String, Value> {
        let value = match module {
            Module::RealName => serde_json::to_value(&self.identity.rules),
            Module::OnlineDevices => serde_json::to_value(&self.device.rules),
            Module::Ipv6Subscription => serde_json::to_value(&self.shadow.rules),
        };
        match value {
            Ok(Value::Object(map)) => map,
            // Settings are objects; plain fields do not fail.
            _ => Map::new(),
        }
    }

    fn take(&mut self, row: &ModuleRow) -> serde_json::Result<()> {
        match Module::parse(&row.code) {
            Some(Module::RealName) => self.identity = held(row)?,
            Some(Module::OnlineDevices) => self.device = held(row)?,
            Some(Module::Ipv6Subscription) => self.shadow = held(row)?,
            None => {}
        }
        Ok(())
    }
}

fn held<T: serde::de::DeserializeOwned>(row: &ModuleRow) -> serde_json::Result<Held<T>> {
    Ok(Held { is_enabled: row.is_enabled, rules: serde_json::from_str(&row.config)? })
}

/// Loads all modules. One whose settings cannot be read is off, so that it is never half there.
pub(crate) async fn load(app: &App) -> Result<Arc<Modules>> {
    let mut modules = Modules::default();
    for row in rows::list(&mut app.db().read()).await? {
        if let Err(error) = modules.take(&row) {
            tracing::error!(event = "module.unreadable", code = row.code, %error, "module {} is off", row.code);
            let off = ModuleRow { is_enabled: false, config: "{}".to_owned(), ..row };
            // Empty settings are the defaults.
            let _ = modules.take(&off);
        }
    }
    Ok(Arc::new(modules))
}

/// Refuses while a module is off: as if there were no such thing.
///
/// Errors: a `missing` refusal. Source: specs/panel.md §5.
pub fn require(app: &App, module: Module) -> Result<(), Refusal> {
    if app.live().modules().is_enabled(module) { Ok(()) } else { Err(Refusal::missing("Not Found")) }
}

fn find(code: &str) -> Result<Module, Refusal> {
    Module::parse(code).ok_or(Refusal::rule("There is no such plugin"))
}

/// Switches a module on or off. Errors: a rule for an unknown code; `Forbidden`. Source: specs/panel.md §4.2.
pub async fn set_enabled(ctx: &Ctx, code: &str, is_enabled: bool) -> Outcome<()> {
    let module = find(code)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.plugin")?;
    let action = if is_enabled { "panel.module.enable" } else { "panel.module.disable" };
    write(&ctx, &mut tx, module, Some(is_enabled), None, action).await?;
    settle(&ctx, tx, module).await
}

/// Shows the settings of a module. Errors: a rule for an unknown code; `Forbidden`. Source: specs/panel.md §4.2.
pub fn config(ctx: &Ctx, code: &str) -> Outcome<(Module, Map<String, Value>)> {
    ctx.require("panel.plugin")?;
    let module = find(code)?;
    Ok((module, ctx.app.live().modules().config(module)))
}

/// Saves settings of a module, all or none; unknown names are dropped.
///
/// Errors: an input refusal naming the setting; a rule for an unknown code; `Forbidden`. Source: specs/panel.md §4.2.
pub async fn save_config(ctx: &Ctx, code: &str, given: &Map<String, Value>) -> Outcome<()> {
    let module = find(code)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.plugin")?;
    write(&ctx, &mut tx, module, None, Some(given), "panel.module.config").await?;
    settle(&ctx, tx, module).await
}

/// Writes a module as it shall be; whether that changed anything.
pub(crate) async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    module: Module,
    is_enabled: Option<bool>,
    given: Option<&Map<String, Value>>,
    action: &'static str,
) -> Outcome<bool> {
    // What another one saved meanwhile counts: the row, not the snapshot.
    let mut before = Modules::default();
    for row in rows::list(tx).await? {
        if before.take(&row).is_err() && Module::parse(&row.code) == Some(module) {
            before = Modules::default();
        }
    }
    let mut values = before.config(module);
    for (name, value) in given.into_iter().flatten() {
        let Some(field) = module.fields().iter().find(|field| field.name == name) else { continue };
        let value = field
            .read(value)
            .ok_or_else(|| Refusal::input(field.name, "The value of :name is not valid").with("name", field.name))?;
        values.insert(name.clone(), value);
    }
    let row = ModuleRow {
        code: module.code().to_owned(),
        is_enabled: is_enabled.unwrap_or_else(|| before.is_enabled(module)),
        config: Value::Object(values).to_string(),
    };
    let mut after = before.clone();
    after.take(&row).map_err(crate::Error::internal)?;
    if after == before {
        return Ok(false);
    }
    rows::replace(tx, &row, ctx.now()).await?;
    tx.touch(Aspect::Setting, None);
    audit::changed(tx, ctx, action, Object::new("panel_module", None, module.code())).await?;
    Ok(true)
}

async fn settle(ctx: &Ctx, tx: Tx, module: Module) -> Outcome<()> {
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await?;
    if module == Module::Ipv6Subscription {
        super::shadow::mirror_all(ctx).await?;
    }
    Ok(())
}

/// Reads all modules anew. Source: specs/panel.md §5.1 clear-cache.
pub(crate) async fn reload(ctx: &Ctx, mut tx: Tx) -> Result<()> {
    tx.touch(Aspect::Setting, None);
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await
}
