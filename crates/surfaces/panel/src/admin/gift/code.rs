//! `gift-card/generate-codes`, `codes`, `export-codes`, `toggle-code`, `update-code`, `delete-code`.

use gatehouse_domain::panel::gift::{
    self,
    code::{self, Batch, CodeChange, CodeFilter, GiftCodeRow},
};
use gatehouse_model::{Millis, PanelGiftCodeId, PanelGiftTemplateId};
use serde_json::{Map, Value, json};

use super::{super::notice::beside, template::pages};
use crate::{
    answer::{Answer, Failure, Outcome},
    csv,
    endpoint::Call,
    input::{Input, wrong},
    text,
    user::account::seconds,
};

/// Makes codes. Shape: `template_id`, `count`, `prefix`, `expires_hours`, `max_usage`; `download_csv`: answers them as a file.
pub(super) async fn generate(call: &Call) -> Outcome {
    let input = &call.input;
    let new = Batch {
        template: PanelGiftTemplateId(input.integer("template_id")?.ok_or_else(|| wrong("template_id"))?),
        count: input.integer("count")?.ok_or_else(|| wrong("count"))?,
        prefix: input.text("prefix"),
        hours: input.integer("expires_hours")?,
        max_usage: input.integer("max_usage")?.unwrap_or(1),
    };
    let wants_file = input.flag("download_csv")?.unwrap_or(false);
    let made = code::generate(&call.ctx, &new).await?;
    if wants_file {
        let head = ["code", "template", "batch_id", "max_usage", "expires_at"].map(str::to_owned).to_vec();
        let end = made.expires_at.map(|at| seconds(at).to_string()).unwrap_or_default();
        let row = |code: &String| {
            vec![code.clone(), made.template.clone(), made.batch.clone(), made.max_usage.to_string(), end.clone()]
        };
        let rows: Vec<Vec<String>> = [head].into_iter().chain(made.codes.iter().map(row)).collect();
        return Ok(csv::file("gift-codes.csv", &rows));
    }
    let message = text::of("兑换码生成成功", call.language);
    Ok(Answer::Data(json!({"batch_id": made.batch, "count": made.codes.len(), "message": message})))
}

fn shown(call: &Call, row: &GiftCodeRow) -> Value {
    let status = gift::status(row, call.ctx.now());
    json!({
        "id": row.id,
        "template_id": row.panel_gift_template_id,
        "template_name": row.template_name,
        "code": row.code,
        "batch_id": row.batch,
        "status": status,
        "status_name": text::of(gift::status_name(status), call.language),
        "user_id": row.account_id,
        "user_email": row.email,
        "used_at": row.used_at.map(seconds),
        "expires_at": row.expires_at.map(seconds),
        "usage_count": row.usage_count,
        "max_usage": row.max_usage,
        "created_at": seconds(row.created_at),
    })
}

/// What a call looks for: template, batch, state, beginning of the code.
struct Asked(Option<PanelGiftTemplateId>, Option<String>, Option<i64>, Option<String>);

impl Asked {
    fn of(input: &Input) -> Result<Self, Failure> {
        let template = input.integer("template_id")?.map(PanelGiftTemplateId);
        let code = input.text("code").map(|code| gatehouse_domain::panel::pattern(&code.to_ascii_uppercase()));
        Ok(Self(template, input.text("batch_id"), input.integer("status")?, code))
    }

    fn filter(&self) -> CodeFilter<'_> {
        CodeFilter { template: self.0, batch: self.1.as_deref(), status: self.2, code: self.3.as_deref() }
    }
}

/// Lists codes, the newest first. Shape: `template_id`, `batch_id`, `status`, `code`, page and size.
pub(super) async fn list(call: &Call) -> Outcome {
    let (asked, page) = (Asked::of(&call.input)?, pages(&call.input));
    let (rows, total) = code::list(&call.ctx, &asked.filter(), page).await?;
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), rows.iter().map(|row| shown(call, row)).collect());
    Ok(Answer::Bare(Value::Object(body)))
}

/// The codes of a batch as a file. Shape: `batch_id`.
pub(super) async fn export(call: &Call) -> Outcome {
    if call.input.text("batch_id").is_none() {
        return Err(wrong("batch_id"));
    }
    let asked = Asked::of(&call.input)?;
    let (found, _) = code::list(&call.ctx, &asked.filter(), (1, 10_000)).await?;
    let head = ["code", "template", "status", "usage_count", "max_usage", "expires_at"].map(str::to_owned).to_vec();
    let row = |row: &GiftCodeRow| {
        vec![
            row.code.clone(),
            row.template_name.clone(),
            gift::status(row, call.ctx.now()).to_string(),
            row.usage_count.to_string(),
            row.max_usage.to_string(),
            row.expires_at.map(|at| seconds(at).to_string()).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = [head].into_iter().chain(found.iter().map(row)).collect();
    Ok(csv::file("gift-codes.csv", &rows))
}

fn id(input: &Input) -> Result<PanelGiftCodeId, Failure> {
    input.id("id").map(PanelGiftCodeId)
}

/// Switches a code on or off. Shape: `id`, `action` (disable, enable).
pub(super) async fn toggle(call: &Call) -> Outcome {
    let is_enabled = match call.input.text("action").as_deref() {
        Some("enable") => true,
        Some("disable") => false,
        _ => return Err(wrong("action")),
    };
    let change = CodeChange { is_enabled: Some(is_enabled), ..CodeChange::default() };
    code::update(&call.ctx, id(&call.input)?, change).await?;
    Ok(Answer::done())
}

/// Changes a code: what is not sent stays. Shape: `id`, `expires_at` (seconds or null), `max_usage`, `status` (0 on, 3 off).
pub(super) async fn update(call: &Call) -> Outcome {
    let input = &call.input;
    let end = input.integer("expires_at")?;
    if end.is_some_and(|end| !(0..=1 << 40).contains(&end)) {
        return Err(wrong("expires_at"));
    }
    let is_enabled = match input.integer("status")? {
        None | Some(1 | 2) => None,
        Some(0) => Some(true),
        Some(3) => Some(false),
        Some(_) => return Err(wrong("status")),
    };
    let expires_at = input.has("expires_at").then(|| end.map(|end| Millis(end * 1_000)));
    let change = CodeChange { is_enabled, expires_at, max_usage: input.integer("max_usage")? };
    code::update(&call.ctx, id(input)?, change).await?;
    Ok(Answer::done())
}

/// Deletes a code that was never used. Shape: `id`.
pub(super) async fn drop(call: &Call) -> Outcome {
    code::drop(&call.ctx, id(&call.input)?).await?;
    Ok(Answer::done())
}
