//! Redeeming: whether a card may be used, and using it (specs/panel.md §2.8, §3.5).
//!
//! Locks, in the order of everything that moves money: passes by account, code, wallets.

use std::time::Duration;

use gatehouse_model::{AccountId, Millis};
use gatehouse_store::{
    Query, Tx, panel_gift as templates, panel_gift_code as codes,
    panel_gift_code::GiftCodeRow,
    panel_gift_usage::{self as usages, NewGiftUsage},
    panel_order, proxy_pass,
    proxy_pass::PanelUserRow,
};
use serde_json::{Map, Value};

use super::{
    super::{
        Who,
        limit::{self, Limit},
        pass::Pass,
        plan::{self, Plan},
        refusal::{Outcome, Refusal},
    },
    code::masked,
    reward, status,
    template::GiftTemplate,
};
use crate::{
    Ctx,
    audit::{self, Object},
};

/// Codes that nobody made may be tried so often.
const UNKNOWN: Limit = Limit { scope: "panel.code", most: 20, window: Duration::from_mins(10) };
const GONE: Refusal = Refusal::rule("The user does not exist");

/// A card as it is looked at.
#[derive(Debug, Clone)]
pub struct Card {
    /// The code.
    pub code: GiftCodeRow,
    /// What it is of.
    pub template: GiftTemplate,
    /// The plan it gives.
    pub plan: Option<Plan>,
    /// Why the caller may not redeem it; none: he may.
    pub reason: Option<Refusal>,
    /// What he would get.
    pub preview: Value,
}

/// Shows a card and whether the caller may redeem it.
///
/// Errors: rules for one that is unknown, off, or cannot be used by anybody; `often` after many unknown ones.
/// Source: specs/panel.md §2.8 check.
pub async fn check(who: &Who, typed: &str) -> Outcome<Card> {
    let ctx = &who.ctx;
    let code = find(who, typed).await?;
    let q = &mut ctx.read();
    let template = template(q, &code).await?;
    usable(&code, ctx.now())?;
    let user = proxy_pass::find(q, who.account).await?.ok_or(GONE)?;
    let reason = match who.no_shadow() {
        Err(refusal) => Some(refusal),
        Ok(()) => refused(ctx, q, &code, &template, &user).await?,
    };
    let plan = match template.rewards.fixed.plan {
        Some((id, _)) => plan::find(q, id).await?,
        None => None,
    };
    let preview = template.rewards.preview(template.special.factor(ctx.now()));
    Ok(Card { code, template, plan, reason, preview })
}

/// What was redeemed.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// What the caller got.
    pub rewards: Map<String, Value>,
    /// What his inviter got.
    pub invite_rewards: Option<Map<String, Value>>,
    /// What the template is called.
    pub template: String,
}

/// Redeems a card: everything it gives is given in one transaction, once.
///
/// Errors: rules as of [`check`], and where the caller is not whom it is for. Source: specs/panel.md §2.8 redeem, §3.5.
pub async fn redeem(who: &Who, typed: &str, user_agent: Option<&str>) -> Outcome<Redeemed> {
    who.no_shadow()?;
    let ctx = &who.ctx;
    let known = find(who, typed).await?;
    let user = proxy_pass::find(&mut ctx.read(), who.account).await?.ok_or(GONE)?;
    let mut tx = ctx.begin().await?;
    let (mut pass, mut inviter) = lock(&mut tx, who.account, user.inviter_id).await?;
    codes::lock(&mut tx, &known.code).await?;
    let code = codes::find(&mut tx, &known.code).await?.ok_or(NO_SUCH)?;
    let template = template(&mut tx, &code).await?;
    usable(&code, ctx.now())?;
    let user = proxy_pass::find(&mut tx, who.account).await?.ok_or(GONE)?;
    if let Some(refusal) = refused(ctx, &mut tx, &code, &template, &user).await? {
        return Err(refusal.into());
    }
    if codes::redeem(&mut tx, code.id, who.account, ctx.now()).await? == 0 {
        return Err(Refusal::rule("兑换码不可用：已使用").into());
    }
    let given = reward::decide(ctx, &template);
    let factor = template.special.factor(ctx.now());
    let invited = inviter.as_ref().map(|_| reward::of_inviter(&given, template.rewards.invite_rate));
    let invited = invited.filter(|reward| !reward.is_nothing());
    let (rewards, invite_rewards) = (given.shown(), invited.as_ref().map(super::rule::Reward::shown));
    let address = ctx.caller.address.map(|address| address.to_string());
    let agent: Option<String> = user_agent.map(|text| text.chars().filter(|c| !c.is_control()).take(255).collect());
    let usage = usages::insert(
        &mut tx,
        &NewGiftUsage {
            code: code.id,
            template: code.panel_gift_template_id,
            account: who.account,
            inviter: user.inviter_id,
            rewards: &Value::Object(rewards.clone()).to_string(),
            invite_rewards: invite_rewards.clone().map(|shown| Value::Object(shown).to_string()).as_deref(),
            plan: user.plan_id,
            multiplier: factor,
            address: address.as_deref(),
            user_agent: agent.as_deref(),
            at: ctx.now(),
        },
    )
    .await?;
    reward::improve(ctx, &mut tx, &mut pass, &given).await?;
    pass.save(ctx, &mut tx).await?;
    reward::pay(ctx, &mut tx, who.account, &given, &format!("panel.gift:{usage}")).await?;
    if let (Some(reward), Some(mut pass)) = (&invited, inviter.take()) {
        let account = pass.row().account_id;
        reward::improve(ctx, &mut tx, &mut pass, reward).await?;
        pass.save(ctx, &mut tx).await?;
        reward::pay(ctx, &mut tx, account, reward, &format!("panel.gift.invite:{usage}")).await?;
    }
    let name = masked(&code.code);
    audit::changed(&mut tx, ctx, "panel.gift.redeem", Object::new("panel_gift_code", code.id.0, &name)).await?;
    tx.commit().await?;
    Ok(Redeemed { rewards, invite_rewards, template: template.name })
}

const NO_SUCH: Refusal = Refusal::rule("兑换码不存在");

/// Finds a code; one that nobody made counts against whoever typed it.
async fn find(who: &Who, typed: &str) -> Outcome<GiftCodeRow> {
    let (ctx, key) = (&who.ctx, who.account.to_string());
    let often = Refusal::often("Too many requests, please try again later");
    if limit::is_used_up(ctx, UNKNOWN, &key).await? {
        return Err(often.into());
    }
    let typed = typed.trim().to_ascii_uppercase();
    if let Some(code) = codes::find(&mut ctx.read(), &typed).await? {
        return Ok(code);
    }
    let mut tx = ctx.begin().await?;
    let is_allowed = limit::take(ctx, &mut tx, UNKNOWN, &key).await?;
    tx.commit().await?;
    Err(if is_allowed { NO_SUCH.into() } else { often.into() })
}

/// The template of a code, if it is on.
async fn template(q: &mut impl Query, code: &GiftCodeRow) -> Outcome<GiftTemplate> {
    let row = templates::find(q, code.panel_gift_template_id).await?.filter(|row| row.is_enabled);
    let row = row.ok_or(Refusal::rule("该礼品卡类型已停用"))?;
    // What is kept can be read: it was written by us.
    Ok(GiftTemplate::of(&row)?)
}

/// Refuses a code that nobody can use any more.
fn usable(code: &GiftCodeRow, now: Millis) -> Result<(), Refusal> {
    match status(code, now) {
        0 => Ok(()),
        1 if code.usage_count < code.max_usage => Ok(()),
        1 => Err(Refusal::rule("兑换码不可用：已使用")),
        2 => Err(Refusal::rule("兑换码不可用：已过期")),
        _ => Err(Refusal::rule("兑换码不可用：已禁用")),
    }
}

/// Why a user may not redeem a card that others may.
async fn refused(
    ctx: &Ctx,
    q: &mut impl Query,
    code: &GiftCodeRow,
    template: &GiftTemplate,
    user: &PanelUserRow,
) -> Outcome<Option<Refusal>> {
    let (conditions, limits, now) = (&template.conditions, template.limits, ctx.now());
    let unfit = Ok(Some(Refusal::rule("您不满足此礼品卡的使用条件")));
    let too_often = Ok(Some(Refusal::rule("您已达到此礼品卡的使用限制")));
    let days = |days: i64| Duration::from_hours(24 * days.unsigned_abs());
    let is_old = conditions.new_user_days.is_some_and(|most| user.created_at.plus(days(most)) < now);
    let is_of_plan = conditions.allowed_plans.is_empty()
        || user.plan_id.is_some_and(|plan| conditions.allowed_plans.contains(&plan));
    if is_old || !is_of_plan || conditions.require_invite && user.inviter_id.is_none() {
        return unfit;
    }
    if conditions.paid_user_only && !panel_order::has_counted(q, user.account_id).await? {
        return unfit;
    }
    let is_active = user.plan_id.is_some() && user.expires_at.is_none_or(|end| end > now);
    let lacks_plan = template.kind == 1 && template.rewards.fixed.needs_plan() && user.plan_id.is_none();
    if lacks_plan || template.kind == 2 && is_active {
        return unfit;
    }
    let (count, last_at) = usages::count_of(q, code.panel_gift_template_id, user.account_id).await?;
    if limits.per_user.is_some_and(|most| count >= most) {
        return too_often;
    }
    let cooldown = limits.cooldown_hours.map(|hours| Duration::from_hours(hours.unsigned_abs()));
    if cooldown.zip(last_at).is_some_and(|(cooldown, at)| at.plus(cooldown) > now) {
        return too_often;
    }
    Ok(None)
}

/// Locks the passes of the caller and of who invited him, the lower account first, so that two that invited each other do not wait
/// for one another.
async fn lock(tx: &mut Tx, account: AccountId, inviter: Option<AccountId>) -> Outcome<(Pass, Option<Pass>)> {
    let inviter = inviter.filter(|inviter| *inviter != account);
    let before = match inviter.filter(|inviter| *inviter < account) {
        Some(inviter) => Pass::lock(tx, inviter).await?,
        None => None,
    };
    let own = Pass::lock(tx, account).await?.ok_or(GONE)?;
    let after = match inviter.filter(|inviter| *inviter > account) {
        Some(inviter) => Pass::lock(tx, inviter).await?,
        None => None,
    };
    Ok((own, before.or(after)))
}
