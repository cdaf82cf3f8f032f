//! `gift-card/templates`, `create-template`, `update-template`, `delete-template`.

use gatehouse_domain::panel::gift::{
    GiftTemplateRow,
    rule::{Conditions, Limits, Rewards, Special},
    template::{self, COLOR, GiftTemplate},
};
use gatehouse_model::PanelGiftTemplateId;
use serde_json::{Map, Value, json};

use super::super::notice::beside;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    gift::{kind_name, stored},
    input::{Input, wrong},
    text::Language,
    user::account::seconds,
};

fn shown(row: &GiftTemplateRow, language: Language) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "type": row.kind,
        "type_name": kind_name(row.kind, language),
        "status": row.is_enabled,
        "conditions": stored(&row.conditions),
        "rewards": stored(&row.rewards),
        "limits": stored(&row.limits),
        "special_config": stored(&row.special),
        "icon": row.icon,
        "background_image": row.background_image,
        "theme_color": row.theme_color,
        "sort": row.sort,
        "admin_id": row.author_id,
        "created_at": seconds(row.created_at),
        "updated_at": seconds(row.updated_at),
    })
}

/// Lists templates. Shape: `type`, `status`, `current` or `page`, `pageSize` or `per_page`.
pub(super) async fn list(call: &Call) -> Outcome {
    let input = &call.input;
    let page = pages(input);
    let filter = (input.integer("type")?, input.flag("status")?);
    let (rows, total) = template::list(&call.ctx, filter, page).await?;
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), rows.iter().map(|row| shown(row, call.language)).collect());
    Ok(Answer::Bare(Value::Object(body)))
}

/// Page and size by either pair of names.
pub(super) fn pages(input: &Input) -> (i64, i64) {
    let (page, size) = if input.has("page") { ("page", "per_page") } else { ("current", "pageSize") };
    let size = if input.has("per_page") { "per_page" } else { size };
    input.page(page, size, 15, 500)
}

/// Makes a template. Shape: `name`, `type`, `rewards`, and the rest of what a template says.
pub(super) async fn create(call: &Call) -> Outcome {
    let input = &call.input;
    let template = GiftTemplate {
        name: input.text("name").ok_or_else(|| wrong("name"))?,
        description: input.text("description"),
        kind: input.integer("type")?.ok_or_else(|| wrong("type"))?,
        is_enabled: input.flag("status")?.unwrap_or(true),
        rewards: Rewards::read(Some(input.value("rewards").ok_or_else(|| wrong("rewards"))?))?,
        conditions: Conditions::read(input.value("conditions"))?,
        limits: Limits::read(input.value("limits"))?,
        special: Special::read(input.value("special_config"))?,
        icon: input.text("icon"),
        background_image: input.text("background_image"),
        theme_color: input.text("theme_color").unwrap_or_else(|| COLOR.to_owned()),
        sort: input.integer("sort")?,
    };
    template::create(&call.ctx, &template).await?;
    Ok(Answer::done())
}

fn id(input: &Input) -> Result<PanelGiftTemplateId, Failure> {
    input.id("id").map(PanelGiftTemplateId)
}

/// Changes a template: what is not sent stays. Shape: `id`, and any of what a template says.
pub(super) async fn update(call: &Call) -> Outcome {
    let input = &call.input;
    let (kind, is_enabled, sort) = (input.integer("type")?, input.flag("status")?, input.integer("sort")?);
    let text = |name: &str, old: Option<String>| if input.has(name) { input.text(name) } else { old };
    template::update(&call.ctx, id(input)?, |old| {
        Ok(GiftTemplate {
            name: if input.has("name") { input.text("name").unwrap_or_default() } else { old.name },
            description: text("description", old.description),
            kind: kind.unwrap_or(old.kind),
            is_enabled: is_enabled.unwrap_or(old.is_enabled),
            rewards: if input.has("rewards") { Rewards::read(input.value("rewards"))? } else { old.rewards },
            conditions: if input.has("conditions") {
                Conditions::read(input.value("conditions"))?
            } else {
                old.conditions
            },
            limits: if input.has("limits") { Limits::read(input.value("limits"))? } else { old.limits },
            special: if input.has("special_config") {
                Special::read(input.value("special_config"))?
            } else {
                old.special
            },
            icon: text("icon", old.icon),
            background_image: text("background_image", old.background_image),
            theme_color: input.text("theme_color").unwrap_or(old.theme_color),
            sort: if input.has("sort") { sort } else { old.sort },
        })
    })
    .await?;
    Ok(Answer::done())
}

/// Deletes a template without codes. Shape: `id`.
pub(super) async fn drop(call: &Call) -> Outcome {
    template::drop(&call.ctx, id(&call.input)?).await?;
    Ok(Answer::done())
}
