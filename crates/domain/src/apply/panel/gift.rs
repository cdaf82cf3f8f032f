//! Gift card templates, found by their keys, and the modules. Plans are named by their keys, node groups by their names.

use std::collections::BTreeMap;

use gatehouse_store::{Query, Tx, node, panel_gift as rows, plan as plans};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::content::{keyed, told};
use crate::{
    Ctx, Error, Result,
    apply::{Change, Presence, Work, check::Problems, pick},
    panel::{
        Failure,
        gift::{
            rule::{Conditions, Limits, Rewards, Special},
            template::{self, COLOR, GiftTemplate},
        },
        module::{self, Module},
    },
};

/// `[[panel.gift_template]]`, found by `key`. Its rules are those of the admin API; `plan` in a reward names a plan by its key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GiftTemplateEntry {
    /// Natural key.
    pub key: String,
    /// What it is called; default: the key.
    pub name: Option<String>,
    /// What people are told of it.
    pub description: Option<String>,
    /// 1 general, 2 plan, 3 mystery; default 1.
    #[serde(rename = "type")]
    pub kind: Option<i64>,
    /// Whether its codes count; default true.
    pub enabled: Option<bool>,
    /// All it gives; required for a new one.
    pub rewards: Option<Value>,
    /// All of whom it is for; `allowed_plans`: keys of plans. Default: everybody.
    pub conditions: Option<Value>,
    /// All of how often; default: any number of times.
    pub limits: Option<Value>,
    /// All of when it gives more; default: never.
    pub special_config: Option<Value>,
    /// Picture.
    pub icon: Option<String>,
    /// Address of a picture.
    pub background_image: Option<String>,
    /// `#RRGGBB`.
    pub theme_color: Option<String>,
    /// Place in the list.
    pub sort: Option<i64>,
    /// Absent: removed; refused while it has codes.
    pub state: Presence,
}

/// `[panel.module.CODE]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModuleEntry {
    /// Whether it is on; default true.
    pub enabled: Option<bool>,
    /// Settings by the names of `plugin/config`; `plan` and `allowed_plans` name plans by their keys, `group` a node group.
    pub config: Map<String, Value>,
}

const GIFT: &str = "panel.gift_template";
const MODULE: &str = "panel.module";

/// Every rule that the entries alone break.
pub(super) fn check(templates: &[GiftTemplateEntry], modules: &BTreeMap<String, ModuleEntry>, problems: &mut Problems) {
    keyed(GIFT, &templates.iter().map(|entry| &entry.key).collect::<Vec<_>>(), problems);
    for (code, entry) in modules {
        let name = format!("[panel.module.{code}]");
        let Some(module) = Module::parse(code) else {
            problems.refuse(&name, "code", "no module has this name");
            continue;
        };
        for key in entry.config.keys() {
            let is_reference =
                module == Module::Ipv6Subscription && matches!(key.as_str(), "plan" | "group" | "allowed_plans");
            if !is_reference && !module.fields().iter().any(|field| field.name == key) {
                problems.refuse(&name, key, "no setting of the module has this name");
            }
        }
    }
}

/// Makes, changes and removes templates; sets modules.
pub(super) async fn ensure(
    ctx: &Ctx,
    tx: &mut Tx,
    templates: &[GiftTemplateEntry],
    modules: &BTreeMap<String, ModuleEntry>,
    work: &mut Work,
) -> Result<()> {
    for entry in templates {
        let outcome = template(ctx, tx, entry).await;
        work.note(GIFT, entry.key.clone(), outcome)?;
    }
    for (code, entry) in modules {
        let Some(module) = Module::parse(code) else { continue };
        let outcome = set(ctx, tx, module, entry).await;
        work.note(MODULE, code.clone(), outcome)?;
    }
    Ok(())
}

/// What the panel refuses, as a problem of the entry.
fn refused(failure: Failure) -> Error {
    match failure {
        Failure::Refused(refusal) => told(&refusal),
        Failure::Error(error) => error,
    }
}

/// The id of a plan that a file names by its key.
async fn plan_id(q: &mut impl Query, key: &Value) -> Result<Value> {
    let missing = Error::NotFound { what: "plan" };
    let Some(key) = key.as_str() else { return Ok(key.clone()) };
    let row = plans::find_by_key(q, key).await?.ok_or(missing)?;
    Ok(json!(row.id))
}

async fn plan_ids(q: &mut impl Query, keys: &Value) -> Result<Value> {
    let mut ids = Vec::new();
    for key in keys.as_array().into_iter().flatten() {
        ids.push(plan_id(q, key).await?);
    }
    Ok(Value::Array(ids))
}

/// A reward whose plan is named by its id.
async fn resolved(q: &mut impl Query, reward: &Value) -> Result<Value> {
    let mut reward = reward.clone();
    if let Some(object) = reward.as_object_mut()
        && let Some(key) = object.remove("plan")
    {
        object.insert("plan_id".to_owned(), plan_id(q, &key).await?);
    }
    Ok(reward)
}

async fn rewards(q: &mut impl Query, given: &Value) -> Result<Rewards> {
    let mut given = resolved(q, given).await?;
    if let Some(Value::Array(items)) = given.get_mut("random_rewards") {
        for item in items {
            *item = resolved(q, item).await?;
        }
    }
    Rewards::read(Some(&given)).map_err(|refusal| told(&refusal))
}

async fn conditions(q: &mut impl Query, given: &Value) -> Result<Conditions> {
    let mut given = given.clone();
    if let Some(plans) = given.get_mut("allowed_plans") {
        *plans = plan_ids(q, plans).await?;
    }
    Conditions::read(Some(&given)).map_err(|refusal| told(&refusal))
}

async fn template(ctx: &Ctx, tx: &mut Tx, entry: &GiftTemplateEntry) -> Result<Change> {
    let row = rows::find_by_key(tx, &entry.key).await?;
    let row = match (entry.state, row) {
        (Presence::Absent, None) => return Ok(Change::Unchanged),
        (Presence::Absent, Some(row)) => {
            if !template::delete(ctx, tx, &row).await? {
                return Err(Error::Locked { what: "state", why: "it has codes: delete these first" });
            }
            return Ok(Change::Removed);
        }
        (Presence::Present, row) => row,
    };
    let old = row.as_ref().map(GiftTemplate::of).transpose().map_err(|refusal| told(&refusal))?;
    let known = old.clone().unwrap_or_else(|| GiftTemplate {
        name: entry.key.clone(),
        description: None,
        kind: 1,
        is_enabled: true,
        rewards: Rewards::default(),
        conditions: Conditions::default(),
        limits: Limits::default(),
        special: Special::default(),
        icon: None,
        background_image: None,
        theme_color: COLOR.to_owned(),
        sort: None,
    });
    let text =
        |named: &Option<String>, stored: &Option<String>| pick(named.as_ref(), stored.as_ref()).map(str::to_owned);
    let new = GiftTemplate {
        name: entry.name.clone().unwrap_or(known.name),
        description: text(&entry.description, &known.description),
        kind: entry.kind.unwrap_or(known.kind),
        is_enabled: entry.enabled.unwrap_or(known.is_enabled),
        rewards: match &entry.rewards {
            Some(given) => rewards(tx, given).await?,
            None => known.rewards,
        },
        conditions: match &entry.conditions {
            Some(given) => conditions(tx, given).await?,
            None => known.conditions,
        },
        limits: match &entry.limits {
            Some(given) => Limits::read(Some(given)).map_err(|refusal| told(&refusal))?,
            None => known.limits,
        },
        special: match &entry.special_config {
            Some(given) => Special::read(Some(given)).map_err(|refusal| told(&refusal))?,
            None => known.special,
        },
        icon: text(&entry.icon, &known.icon),
        background_image: text(&entry.background_image, &known.background_image),
        theme_color: entry.theme_color.clone().unwrap_or(known.theme_color),
        sort: entry.sort.or(known.sort),
    };
    new.check().map_err(|refusal| told(&refusal))?;
    new.check_plans(tx).await.map_err(refused)?;
    match (row, old) {
        (Some(_), Some(old)) if old == new => Ok(Change::Unchanged),
        (Some(row), _) => template::write(ctx, tx, row.id, &new).await.map(|()| Change::Updated),
        (None, _) => template::insert(ctx, tx, Some(&entry.key), &new).await.map(|()| Change::Created),
    }
}

async fn set(ctx: &Ctx, tx: &mut Tx, module: Module, entry: &ModuleEntry) -> Result<Change> {
    let mut config = entry.config.clone();
    if let Some(key) = config.remove("plan") {
        config.insert("plan_id".to_owned(), plan_id(tx, &key).await?);
    }
    if let Some(keys) = config.remove("allowed_plans") {
        config.insert("allowed_plan_ids".to_owned(), plan_ids(tx, &keys).await?);
    }
    if let Some(name) = config.remove("group") {
        let name = name.as_str().ok_or(Error::NotFound { what: "node group" })?;
        let group = node::find_group(tx, name).await?.ok_or(Error::NotFound { what: "node group" })?;
        config.insert("group_id".to_owned(), json!(group));
    }
    let written = module::write(ctx, tx, module, entry.enabled, Some(&config), "panel.module.config").await;
    Ok(if written.map_err(refused)? { Change::Updated } else { Change::Unchanged })
}
