//! `plugin/*`: the built-in modules and the payment drivers, in the family's words. Code is never taken in.

use gatehouse_domain::panel::{
    Refusal,
    module::{self, Field, FieldKind, Module, Modules},
};
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::wrong,
    text::{self, Language},
};

fn bare(data: &Value) -> Answer {
    Answer::Bare(json!({"data": data}))
}

/// Name, description and long description of a module: keys of texts.
const fn words(module: Module) -> (&'static str, &'static str) {
    match module {
        Module::RealName => ("Real-name verification", "Users prove who they are; staff review it."),
        Module::OnlineDevices => ("Online devices", "Users see from where their subscription is used."),
        Module::Ipv6Subscription => ("IPv6 subscription", "Users get a second subscription on IPv6 nodes."),
    }
}

fn field(field: &Field, value: &Value, language: Language) -> Value {
    let kind = match field.kind {
        FieldKind::Switch => "boolean",
        FieldKind::Number(..) | FieldKind::Id => "number",
        FieldKind::Ids => "json",
        FieldKind::Text(_) => "text",
        FieldKind::Suffix => "string",
    };
    json!({
        "type": kind,
        "label": text::of(field.label, language),
        "placeholder": "",
        "description": text::of(field.label, language),
        "value": value,
        "options": [],
    })
}

fn fields(module: Module, values: &Map<String, Value>, language: Language) -> Value {
    let shown = module.fields().iter().map(|it| {
        let value = values.get(it.name).unwrap_or(&Value::Null);
        (it.name.to_owned(), field(it, value, language))
    });
    Value::Object(shown.collect())
}

fn plugin(code: &str, (name, description): (&str, &str), kind: &str, is_enabled: bool, config: &Value) -> Value {
    json!({
        "code": code,
        "name": name,
        "version": env!("CARGO_PKG_VERSION"),
        "description": description,
        "author": "Gatehouse",
        "type": kind,
        "is_installed": true,
        "is_enabled": is_enabled,
        "is_protected": true,
        "can_be_deleted": false,
        "config": config,
        "readme": description,
        "need_upgrade": false,
        "admin_menus": null,
        "admin_crud": null,
    })
}

fn feature(module: Module, modules: &Modules, language: Language) -> Value {
    let (name, description) = words(module);
    let (name, description) = (text::of(name, language), text::of(description, language));
    let config = fields(module, &modules.config(module), language);
    plugin(module.code(), (&name, &description), "feature", modules.is_enabled(module), &config)
}

/// Lists modules and payment drivers. Shape: `type` (feature, payment).
pub(super) async fn list(call: &Call) -> Outcome {
    let kind = call.input.text("type");
    let wants = |name: &str| kind.as_deref().is_none_or(|kind| kind == name);
    let modules = call.ctx.app.live().modules();
    let mut plugins: Vec<Value> = Vec::new();
    if wants("feature") {
        plugins.extend(Module::ALL.map(|module| feature(module, &modules, call.language)));
    }
    if let Some(providers) = call.ctx.app.payments().filter(|_| wants("payment")) {
        let description =
            text::of("A payment system; its credentials are set with the payment methods.", call.language);
        let shown = providers
            .drivers()
            .map(|driver| plugin(driver.name(), (driver.name(), &description), "payment", true, &json!({})));
        plugins.extend(shown);
    }
    Ok(bare(&json!(plugins)))
}

/// Lists what kinds of plugins there are.
pub(super) async fn types(call: &Call) -> Outcome {
    let kind = |value: &str, label: &str, description: &str, icon: &str| {
        json!({
            "value": value,
            "label": text::of(label, call.language),
            "description": text::of(description, call.language),
            "icon": icon,
        })
    };
    Ok(bare(&json!([
        kind("feature", "Features", "Modules that add functions for users and staff", "🔧"),
        kind("payment", "Payment", "Payment systems", "💳"),
    ])))
}

/// Tells how far each module is part of this product, and whether it is on.
pub(super) async fn integration(call: &Call) -> Outcome {
    let modules = call.ctx.app.live().modules();
    let shown = Module::ALL.map(|module| {
        let status = match module {
            Module::RealName | Module::OnlineDevices => "complete",
            Module::Ipv6Subscription => "integrated_with_runtime_sync",
        };
        (module.code().to_owned(), json!({"enabled": modules.is_enabled(module), "status": status}))
    });
    Ok(bare(&Value::Object(shown.into_iter().collect())))
}

fn code(call: &Call) -> Result<String, Failure> {
    call.input.text("code").ok_or_else(|| wrong("code"))
}

/// Switches a module on. Shape: `code`.
pub(super) async fn enable(call: &Call) -> Outcome {
    module::set_enabled(&call.ctx, &code(call)?, true).await?;
    Ok(bare(&json!(true)))
}

/// Switches a module off. Shape: `code`.
pub(super) async fn disable(call: &Call) -> Outcome {
    module::set_enabled(&call.ctx, &code(call)?, false).await?;
    Ok(bare(&json!(true)))
}

/// Shows the settings of a module. Shape: `code`.
pub(super) async fn config(call: &Call) -> Outcome {
    let (module, values) = module::config(&call.ctx, &code(call)?)?;
    Ok(bare(&fields(module, &values, call.language)))
}

/// Saves settings of a module, all or none. Shape: `code`, `config`: an object, or its JSON as text.
pub(super) async fn save_config(call: &Call) -> Outcome {
    let given = match call.input.value("config") {
        Some(Value::Object(given)) => given.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| wrong("config"))?,
        Some(_) => return Err(wrong("config")),
        None => Map::new(),
    };
    module::save_config(&call.ctx, &code(call)?, &given).await?;
    Ok(bare(&json!(true)))
}

/// Refuses: code and archives are never taken in.
pub(super) async fn unsupported(_: &Call) -> Outcome {
    Err(Refusal::rule("not supported").into())
}
