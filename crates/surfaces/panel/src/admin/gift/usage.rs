//! `gift-card/usages`, `statistics`.

use gatehouse_domain::panel::gift::{code, usage};
use gatehouse_model::{AccountId, Millis, PanelGiftTemplateId};
use serde_json::{Map, Value, json};

use super::{super::notice::beside, template::pages};
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    gift::{factor, kind_name, stored},
    input::wrong,
    user::account::seconds,
};

/// Lists what was redeemed, the last first. Shape: `template_id`, `user_id`, page and size.
pub(super) async fn list(call: &Call) -> Outcome {
    let input = &call.input;
    let filter = (input.integer("user_id")?.map(AccountId), input.integer("template_id")?.map(PanelGiftTemplateId));
    let page = pages(input);
    let (rows, total) = usage::list(&call.ctx, filter, page).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "id": row.id,
            "code": row.code,
            "template_id": row.panel_gift_template_id,
            "template_name": row.template_name,
            "user_id": row.account_id,
            "user_email": row.email,
            "invite_user_id": row.inviter_id,
            "invite_user_email": row.inviter_email,
            "rewards_given": stored(&row.rewards),
            "invite_rewards": row.invite_rewards.as_deref().map(stored),
            "plan_id_at_use": row.plan_id_at_use,
            "multiplier_applied": factor(row.multiplier),
            "created_at": seconds(row.created_at),
        })
    });
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), shown.collect());
    Ok(Answer::Bare(Value::Object(body)))
}

/// A day `YYYY-MM-DD`, or seconds, as a moment.
fn moment(call: &Call, name: &'static str, plus_days: i64) -> Result<Option<Millis>, Failure> {
    let Some(text) = call.input.text(name) else { return Ok(None) };
    if let Some(seconds) = text.parse::<i64>().ok().filter(|seconds| (0..1 << 40).contains(seconds)) {
        return Ok(Some(Millis(seconds * 1_000)));
    }
    let start = gatehouse_domain::panel::day_start(&call.ctx.app, &text).ok_or_else(|| wrong(name))?;
    Ok(Some(Millis(start.0.saturating_add(plus_days * 86_400_000))))
}

/// Counts templates, codes and uses. Shape: `start_date`, `end_date`: the last 30 days where they are not sent.
pub(super) async fn statistics(call: &Call) -> Outcome {
    let (since, until) = (moment(call, "start_date", 0)?, moment(call, "end_date", 1)?);
    let counted = code::statistics(&call.ctx, since, until).await?;
    let (templates, active, codes, used, uses) = counted.totals;
    let days = counted.days.iter().map(|(day, count)| json!({"date": day, "count": count}));
    let types = counted.templates.iter().map(|(name, kind, count)| {
        json!({"template_name": name, "type": kind, "type_name": kind_name(*kind, call.language), "count": count})
    });
    Ok(Answer::Data(json!({
        "total_stats": {
            "templates_count": templates,
            "active_templates_count": active,
            "codes_count": codes,
            "used_codes_count": used,
            "usages_count": uses,
        },
        "daily_usages": days.collect::<Value>(),
        "type_stats": types.collect::<Value>(),
    })))
}
