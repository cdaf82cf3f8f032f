//! Channels: a driver with the credentials of a merchant, as staff set them up (specs/panel.md §3.9, §4.3 payment/*).

use std::collections::BTreeMap;

use gatehouse_model::{Money, PaymentChannelId};
use gatehouse_store::{
    Aspect, Query, Tx,
    payment_channel::{self as rows, PaymentChannelFields},
};
use serde_json::{Map, Value, json};

pub use rows::PaymentChannelRow;

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    panel::{
        refusal::{Outcome, Refusal},
        setting::MASK,
        subscription,
    },
    payment::{DriverHandle, ProviderHandle, fee::Fee, provider::Field},
    permission::{self, Change},
    seal::Place,
};

const CODE: &str = "panel.payment";
const UNKNOWN: Refusal = Refusal::rule("Payment method does not exist");

/// What a driver must know, by key.
pub type Config = BTreeMap<String, String>;

/// What staff save.
#[derive(Debug, Clone, Default)]
pub struct Save {
    /// Which one; none: a new one.
    pub id: Option<PaymentChannelId>,
    /// What payers read.
    pub name: String,
    /// Picture.
    pub icon: Option<String>,
    /// Its driver, which stays what it was.
    pub driver: String,
    /// What the driver must know; a masked secret stays what it is.
    pub config: Config,
    /// Base of addresses of notices.
    pub notify_domain: Option<String>,
    /// Added to every sum.
    pub fee_fixed: Option<Money>,
    /// Hundredths of a percent, added to every sum.
    pub fee_percent: Option<i64>,
}

/// A channel as staff see it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The row.
    pub row: PaymentChannelRow,
    /// What the driver must know, secrets masked.
    pub config: Config,
    /// Where its provider reports to.
    pub notify_url: String,
}

fn place(row: &str) -> Place<'_> {
    Place { table: "payment_channel", column: "config", row }
}

/// What the driver of a row must know, in clear.
pub(crate) fn config(app: &App, row: &PaymentChannelRow) -> Result<Config> {
    let text = app.keys().open_text(place(&row.seal_ref), &row.config_sealed)?;
    serde_json::from_str(text.expose()).map_err(Error::internal)
}

fn driver<'a>(app: &'a App, name: &str) -> Option<&'a DriverHandle> {
    app.payments().and_then(|all| all.driver(name))
}

/// The provider of a row. Errors: `Internal` where its driver or configuration is not there any more.
pub(crate) fn provider(app: &App, row: &PaymentChannelRow) -> Result<ProviderHandle> {
    let driver = driver(app, &row.driver).ok_or_else(|| Error::internal(format!("no driver {}", row.driver)))?;
    driver.open(&config(app, row)?).map_err(|(key, rule)| Error::internal(format!("{} {key}: {rule}", row.driver)))
}

/// The fee of a row.
pub(crate) fn fee(row: &PaymentChannelRow) -> Fee {
    Fee { percent: row.fee_percent.unwrap_or(0), fixed: row.fee_fixed.unwrap_or_default() }
}

/// Where the provider of a row reports to.
pub(crate) fn notify_url(app: &App, row: &PaymentChannelRow) -> String {
    let base = row.notify_domain.clone().unwrap_or_else(|| subscription::base(app));
    format!("{}/api/v1/guest/payment/notify/{}/{}", base.trim_end_matches('/'), row.driver, row.uuid)
}

/// Lists the channels that payers are offered, in their order.
pub async fn offered(q: &mut impl Query) -> Result<Vec<PaymentChannelRow>> {
    Ok(rows::list(q).await?.into_iter().filter(|row| row.is_enabled).collect())
}

/// What a payer reads of a channel paid by hand; none: another driver.
pub fn instructions(app: &App, row: &PaymentChannelRow) -> Result<Option<String>> {
    if row.driver != "Manual" {
        return Ok(None);
    }
    Ok(config(app, row)?.remove("instructions"))
}

/// The publishable key of an enabled Stripe channel: of this one, or of the first.
pub async fn stripe_public_key(ctx: &Ctx, id: Option<PaymentChannelId>) -> Result<Option<String>> {
    let rows = offered(&mut ctx.read()).await?;
    let row = rows.iter().find(|row| row.driver == "StripeCheckout" && id.is_none_or(|id| id == row.id));
    match row {
        Some(row) => Ok(config(&ctx.app, row)?.remove("stripe_pk_live")),
        None => Ok(None),
    }
}

/// Lists all channels. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx) -> Result<Vec<Shown>> {
    ctx.require(CODE)?;
    let rows = rows::list(&mut ctx.read()).await?;
    rows.into_iter().map(|row| shown(ctx, row)).collect()
}

fn shown(ctx: &Ctx, row: PaymentChannelRow) -> Result<Shown> {
    let mut config = config(&ctx.app, &row)?;
    let form = driver(&ctx.app, &row.driver).map_or(&[][..], |driver| driver.form());
    for (key, value) in &mut config {
        // What no driver knows any more may be a secret.
        let is_open = form.iter().any(|field| field.key == key && !field.is_secret);
        if !is_open && !value.is_empty() {
            MASK.clone_into(value);
        }
    }
    let notify_url = notify_url(&ctx.app, &row);
    Ok(Shown { row, config, notify_url })
}

/// The drivers there are. Errors: `Forbidden`.
pub fn drivers(ctx: &Ctx) -> Result<Vec<&'static str>> {
    ctx.require(CODE)?;
    Ok(ctx.app.payments().map(|all| all.drivers().map(|driver| driver.name()).collect()).unwrap_or_default())
}

/// What a driver must know, with the values of a channel, secrets masked.
///
/// Errors: `Forbidden`; a refusal for an unknown driver or channel.
pub async fn form(ctx: &Ctx, name: &str, id: Option<PaymentChannelId>) -> Outcome<Vec<(&'static Field, String)>> {
    ctx.require(CODE)?;
    let driver = driver(&ctx.app, name).ok_or(UNKNOWN)?;
    let values = match id {
        Some(id) => shown(ctx, rows::find(&mut ctx.read(), id).await?.ok_or(UNKNOWN)?)?.config,
        None => Config::new(),
    };
    Ok(driver.form().iter().map(|field| (field, values.get(field.key).cloned().unwrap_or_default())).collect())
}

/// Makes or changes a channel. A new one is switched off.
///
/// Errors: `Forbidden`; refusals for an unknown driver or channel, a wrong value, a site without address.
pub async fn save(ctx: &Ctx, given: &Save) -> Outcome<PaymentChannelId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(CODE)?;
    if subscription::base(&ctx.app).is_empty() {
        return Err(Refusal::rule("请在站点配置中配置站点地址").into());
    }
    let old = match given.id {
        Some(id) => Some(rows::find(&mut tx, id).await?.ok_or(UNKNOWN)?),
        None => None,
    };
    let id = save_in(&ctx, &mut tx, given, old.as_ref(), None).await?;
    tx.commit().await?;
    Ok(id)
}

/// The same inside a transaction, `old` being the row that is changed; `key`: the state file's.
pub(crate) async fn save_in(
    ctx: &Ctx,
    tx: &mut Tx,
    given: &Save,
    old: Option<&PaymentChannelRow>,
    key: Option<&str>,
) -> Outcome<PaymentChannelId> {
    let name = old.map_or(given.driver.as_str(), |old| old.driver.as_str());
    let driver = driver(&ctx.app, name).ok_or(UNKNOWN)?;
    let known = old.map(|old| config(&ctx.app, old)).transpose()?.unwrap_or_default();
    let config = merged(driver.form(), given, &known)?;
    if let Err((key, _rule)) = driver.open(&config) {
        return Err(Refusal::input(key, "The value of :name is not valid").with("name", key).into());
    }
    let text = serde_json::to_string(&config).map_err(Error::internal)?;
    let seal_ref = ctx.app.request_id();
    let sealed = ctx.app.keys().seal(ctx.app.random(), place(&seal_ref), text.as_bytes())?;
    let fields = PaymentChannelFields {
        name: &given.name,
        icon: given.icon.as_deref(),
        config_sealed: &sealed,
        notify_domain: given.notify_domain.as_deref(),
        fee_fixed: given.fee_fixed,
        fee_percent: given.fee_percent,
        seal_ref: &seal_ref,
    };
    let (id, action) = if let Some(old) = old {
        rows::update(tx, old.id, &fields, ctx.now()).await?;
        (old.id, "panel.payment.update")
    } else {
        let uuid = hex::encode(ctx.app.random().bytes::<16>());
        (rows::insert(tx, (&uuid, key, driver.name()), &fields, ctx.now()).await?, "panel.payment.create")
    };
    tx.touch(Aspect::Setting, None);
    audit::changed(tx, ctx, action, Object::new("payment_channel", id.0, &given.name)).await?;
    Ok(id)
}

/// What was given for the fields of a form; masked secrets are the known ones.
fn merged(form: &[Field], given: &Save, known: &Config) -> Result<Config, Refusal> {
    let refuse = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
    let mut config = Config::new();
    for field in form {
        let old = known.get(field.key).cloned().unwrap_or_default();
        let value = match given.config.get(field.key) {
            Some(value) if field.is_secret && value == MASK => old,
            Some(value) => value.trim().to_owned(),
            None => old,
        };
        let is_proper = value.len() <= 4_096 && !value.chars().any(|c| c.is_control() && c != '\n');
        let is_listed = value.is_empty() || field.options.is_empty() || field.options.contains(&value.as_str());
        if !is_proper || !is_listed || (field.is_required && value.is_empty()) {
            return Err(refuse(field.key));
        }
        config.insert(field.key.to_owned(), value);
    }
    if given.name.is_empty() || given.name.chars().count() > 255 || given.name.chars().any(char::is_control) {
        return Err(refuse("name"));
    }
    if given.fee_percent.is_some_and(|percent| !(0..=10_000).contains(&percent)) {
        return Err(refuse("handling_fee_percent"));
    }
    if given.fee_fixed.is_some_and(|fixed| !(0..=1_000_000_000).contains(&fixed.0)) {
        return Err(refuse("handling_fee_fixed"));
    }
    let is_web = |text: &String| text.len() <= 128 && (text.starts_with("https://") || text.starts_with("http://"));
    if given.notify_domain.as_ref().is_some_and(|domain| !is_web(domain)) {
        return Err(refuse("notify_domain"));
    }
    Ok(config)
}

/// Switches a channel on or off, to what it was not. Errors: `Forbidden`; a refusal for an unknown one.
pub async fn toggle(ctx: &Ctx, id: PaymentChannelId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(CODE)?;
    let row = rows::find(&mut tx, id).await?.ok_or(UNKNOWN)?;
    rows::update_enabled(&mut tx, id, !row.is_enabled, ctx.now()).await?;
    let action = if row.is_enabled { "panel.payment.disable" } else { "panel.payment.enable" };
    audit::changed(&mut tx, &ctx, action, Object::new("payment_channel", id.0, &row.name)).await?;
    Ok(tx.commit().await?)
}

/// Deletes a channel. Errors: `Forbidden`; refusals for an unknown one and for one that open orders use.
pub async fn remove(ctx: &Ctx, id: PaymentChannelId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(CODE)?;
    let row = rows::find(&mut tx, id).await?.ok_or(UNKNOWN)?;
    if rows::count_open_orders(&mut tx, id).await? > 0 {
        return Err(Refusal::rule("Open orders use this payment method").into());
    }
    rows::delete(&mut tx, id).await?;
    audit::changed(&mut tx, &ctx, "panel.payment.delete", Object::new("payment_channel", id.0, &row.name)).await?;
    Ok(tx.commit().await?)
}

/// Puts channels into an order. Errors: `Forbidden`; a refusal for an unknown one.
pub async fn sort(ctx: &Ctx, ids: &[PaymentChannelId]) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(CODE)?;
    for (position, id) in (1_i64..).zip(ids) {
        if rows::update_sort(&mut tx, *id, position, ctx.now()).await? == 0 {
            return Err(UNKNOWN.into());
        }
    }
    audit::changed(&mut tx, &ctx, "panel.payment.sort", Object::new("payment_channel", None, "")).await?;
    Ok(tx.commit().await?)
}

/// A form as `payment/getPaymentForm` and `plugin/getPlugins` show it.
pub fn form_json(form: &[(&'static Field, String)]) -> Value {
    let fields = form.iter().map(|(field, value)| {
        let kind = if field.options.is_empty() { "string" } else { "select" };
        let mut shown = json!({
            "label": field.label, "type": kind, "placeholder": field.description, "description": field.description, "value": value,
        });
        if let (Some(object), false) = (shown.as_object_mut(), field.options.is_empty()) {
            let options = field.options.iter().map(|option| json!({"value": option, "label": option}));
            object.insert("options".to_owned(), options.collect());
        }
        (field.key.to_owned(), shown)
    });
    Value::Object(fields.collect::<Map<_, _>>())
}
