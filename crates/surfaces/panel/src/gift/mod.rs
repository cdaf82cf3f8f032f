//! Gift cards of users (specs/panel.md §2.8).

use gatehouse_domain::panel::{
    Refusal,
    gift::{
        self,
        redeem::{self, Card},
        usage,
    },
    plan::Listed,
};
use gatehouse_model::PanelGiftUsageId;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{as_integer, wrong},
    plan::resource::resource,
    text::{self, Language},
    user::account::seconds,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Post "v1/user/gift-card/check", For::User, check),
    endpoint!(Post "v1/user/gift-card/redeem", For::User, redeem),
    endpoint!(Get "v1/user/gift-card/history", For::User, history),
    endpoint!(Get "v1/user/gift-card/detail", For::User, detail),
    endpoint!(Get "v1/user/gift-card/types", For::User, types),
];

/// What a kind of card is called.
pub(crate) fn kind_name(kind: i64, language: Language) -> String {
    text::of(gift::kind_name(kind), language)
}

/// A factor in hundredths as a number.
#[expect(clippy::cast_precision_loss, reason = "at most five digits")]
pub(crate) fn factor(hundredths: i64) -> Value {
    json!(hundredths as f64 / 100.0)
}

/// Stored JSON as JSON.
pub(crate) fn stored(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn code(call: &Call) -> Result<String, Failure> {
    let code = call.input.text("code").ok_or_else(|| wrong("code"))?;
    if (8..=32).contains(&code.chars().count()) { Ok(code) } else { Err(wrong("code")) }
}

/// Shows a card and whether the caller may redeem it. Shape: `code`.
async fn check(call: &Call) -> Outcome {
    let card = redeem::check(call.who()?, &code(call)?).await?;
    let mut info = shown(call, &card);
    if let Some(plan) = card.plan.clone().filter(|_| card.template.kind == 2) {
        // How many hold it is nobody's business here.
        let plan = resource(call, &Listed { plan, holders: 0, active: 0 });
        if let Some(object) = info.as_object_mut() {
            object.insert("plan_info".to_owned(), plan);
        }
    }
    Ok(Answer::Data(json!({
        "code_info": info,
        "reward_preview": card.preview,
        "can_redeem": card.reason.is_none(),
        "reason": card.reason.as_ref().map(|reason| text::filled(reason, call.language)),
    })))
}

fn shown(call: &Call, card: &Card) -> Value {
    let (code, template) = (&card.code, &card.template);
    let status = gift::status(code, call.ctx.now());
    json!({
        "code": code.code,
        "template": {
            "name": template.name,
            "description": template.description,
            "type": template.kind,
            "type_name": kind_name(template.kind, call.language),
            "icon": template.icon,
            "background_image": template.background_image,
            "theme_color": template.theme_color,
        },
        "status": status,
        "status_name": text::of(gift::status_name(status), call.language),
        "expires_at": code.expires_at.map(seconds),
        "usage_count": code.usage_count,
        "max_usage": code.max_usage,
    })
}

/// Redeems a card. Shape: `code`.
async fn redeem(call: &Call) -> Outcome {
    let redeemed = redeem::redeem(call.who()?, &code(call)?, call.user_agent()).await?;
    Ok(Answer::Data(json!({
        "message": text::of("兑换成功！", call.language),
        "rewards": redeemed.rewards,
        "invite_rewards": redeemed.invite_rewards,
        "template_name": redeemed.template,
    })))
}

/// Lists what the caller redeemed. Shape: `page`, `per_page`.
async fn history(call: &Call) -> Outcome {
    let (page, size) = call.input.page("page", "per_page", 15, 100);
    let (rows, total) = usage::list_own(call.who()?, (page, size)).await?;
    let data = rows.iter().map(|row| {
        let code: String = row.code.chars().take(8).collect();
        json!({
            "id": row.id,
            "code": format!("{code}****"),
            "template_name": row.template_name,
            "template_type": row.template_kind,
            "template_type_name": kind_name(row.template_kind, call.language),
            "rewards_given": stored(&row.rewards),
            "invite_rewards": row.invite_rewards.as_deref().map(stored),
            "multiplier_applied": factor(row.multiplier),
            "created_at": seconds(row.created_at),
        })
    });
    let last = total.saturating_add(size - 1).div_euclid(size).max(1);
    let pagination = json!({"current_page": page, "last_page": last, "per_page": size, "total": total});
    Ok(Answer::Bare(json!({"data": data.collect::<Value>(), "pagination": pagination})))
}

/// Shows one redemption of the caller. Shape: `id`.
async fn detail(call: &Call) -> Outcome {
    let id = call.input.value("id").and_then(as_integer).ok_or(Refusal::missing("记录不存在"))?;
    let row = usage::find_own(call.who()?, PanelGiftUsageId(id)).await?;
    let inviter = row.inviter_id.map(|id| json!({"id": id, "email": row.inviter_email.as_deref().map(masked)}));
    Ok(Answer::Data(json!({
        "id": row.id,
        "code": row.code,
        "template": {
            "name": row.template_name,
            "description": row.template_description,
            "type": row.template_kind,
            "type_name": kind_name(row.template_kind, call.language),
            "icon": row.template_icon,
            "theme_color": row.template_color,
        },
        "rewards_given": stored(&row.rewards),
        "invite_rewards": row.invite_rewards.as_deref().map(stored),
        "invite_user": inviter,
        "user_level_at_use": row.level_at_use,
        "plan_id_at_use": row.plan_id_at_use,
        "multiplier_applied": factor(row.multiplier),
        "notes": row.notes,
        "created_at": seconds(row.created_at),
    })))
}

/// The first letters of an address, and where it is.
fn masked(email: &str) -> String {
    let (local, host) = email.rsplit_once('@').unwrap_or((email, ""));
    let shown: String = local.chars().take(3).collect();
    format!("{shown}***@{host}")
}

/// Names the kinds of cards.
pub(crate) async fn types(call: &Call) -> Outcome {
    let named = gift::KINDS.map(|(kind, name)| (kind.to_string(), json!(text::of(name, call.language))));
    Ok(Answer::Data(json!({"types": named.into_iter().collect::<Map<String, Value>>()})))
}
