//! Codes of gift cards, as staff make and manage them (specs/panel.md §4.3 gift-card/*).

use std::time::Duration;

use gatehouse_model::{Millis, PanelGiftCodeId, PanelGiftTemplateId};
use gatehouse_store::{Tx, panel_gift as templates, panel_gift_code as rows};

pub use gatehouse_store::panel_gift_code::{CodeFilter, GiftCodeRow};

use super::super::{
    calendar,
    refusal::{Outcome, Refusal},
};
use crate::{
    App, Ctx, Error,
    audit::{self, Object},
    permission::{self, Change},
};

/// Codes of a batch, and those written by one statement.
const MOST: i64 = 10_000;
const AT_ONCE: usize = 1_000;
const UNKNOWN: Refusal = Refusal::rule("兑换码不存在");

/// Codes to be made.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Of which template.
    pub template: PanelGiftTemplateId,
    /// How many.
    pub count: i64,
    /// How they begin; none: `GC`.
    pub prefix: Option<String>,
    /// When they end; none: never.
    pub hours: Option<i64>,
    /// How often each may be used.
    pub max_usage: i64,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The batch.
    pub batch: String,
    /// Its codes.
    pub codes: Vec<String>,
    /// What they are of.
    pub template: String,
    /// When they end.
    pub expires_at: Option<Millis>,
    /// How often each may be used.
    pub max_usage: i64,
}

/// Makes codes: the prefix and 12 random hexadecimal digits each.
///
/// Errors: input refusals; a rule for an unknown template; `Forbidden`. Source: specs/panel.md §3.5.
pub async fn generate(ctx: &Ctx, new: &Batch) -> Outcome<Made> {
    let wrong = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
    let prefix = new.prefix.clone().unwrap_or_else(|| "GC".to_owned());
    let is_prefix = prefix.len() <= 10 && prefix.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if !is_prefix {
        return Err(wrong("prefix").into());
    }
    if !(1..=MOST).contains(&new.count) {
        return Err(wrong("count").into());
    }
    if !(1..=1_000).contains(&new.max_usage) {
        return Err(wrong("max_usage").into());
    }
    let expires_at = match new.hours {
        None => None,
        Some(hours) if (1..=876_000).contains(&hours) => {
            Some(ctx.now().plus(Duration::from_hours(hours.unsigned_abs())))
        }
        Some(_) => return Err(wrong("expires_hours").into()),
    };
    let random = ctx.app.random();
    let batch = random.uuid().hyphenated().to_string();
    let fresh = || format!("{prefix}{}", hex::encode_upper(random.bytes::<6>()));
    let codes: Vec<String> = (0..new.count).map(|_| fresh()).collect();
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    let missing = Refusal::rule("The gift card template does not exist");
    let template = templates::find(&mut tx, new.template).await?.ok_or(missing)?;
    let facts = (batch.as_str(), new.max_usage, expires_at);
    for some in codes.chunks(AT_ONCE) {
        let inserted = rows::insert_many(&mut tx, new.template, some, facts, ctx.now()).await?;
        if inserted != some.len() as u64 {
            // One in hundreds of millions of millions: the whole batch is not made, and may be asked for again.
            return Err(Error::Unavailable("a code was made twice".into()).into());
        }
    }
    audit::changed(&mut tx, &ctx, "panel.gift.generate", Object::new("panel_gift_template", template.id.0, &batch))
        .await?;
    tx.commit().await?;
    Ok(Made { batch, codes, template: template.name, expires_at, max_usage: new.max_usage })
}

/// Lists codes, the newest first, one page, and how many there are. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, filter: &CodeFilter<'_>, (page, size): (i64, i64)) -> Outcome<(Vec<GiftCodeRow>, i64)> {
    ctx.require("panel.giftcard")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}

/// What staff change of a code; none: as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeChange {
    /// Whether it counts.
    pub is_enabled: Option<bool>,
    /// When it ends; none in it: never.
    pub expires_at: Option<Option<Millis>>,
    /// How often it may be used.
    pub max_usage: Option<i64>,
}

/// Changes a code. Errors: input refusals; a rule for an unknown id; `Forbidden`.
pub async fn update(ctx: &Ctx, id: PanelGiftCodeId, change: CodeChange) -> Outcome<()> {
    if change.max_usage.is_some_and(|most| !(1..=1_000).contains(&most)) {
        let text = "The value of :name is not valid";
        return Err(Refusal::input("max_usage", text).with("name", "max_usage").into());
    }
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    let row = rows::find_by_id(&mut tx, id).await?.ok_or(UNKNOWN)?;
    rows::lock(&mut tx, &row.code).await?;
    let row = rows::find_by_id(&mut tx, id).await?.ok_or(UNKNOWN)?;
    let status = match change.is_enabled {
        Some(false) => 3,
        // What was used stays so; what had ended may go on with a new end.
        Some(true) => i64::from(row.usage_count > 0),
        None if row.status == 2 && change.expires_at.is_some() => i64::from(row.usage_count > 0),
        None => row.status,
    };
    let expires_at = change.expires_at.unwrap_or(row.expires_at);
    let max_usage = change.max_usage.unwrap_or(row.max_usage);
    rows::update(&mut tx, id, (status, max_usage, expires_at), ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "panel.gift.code", Object::new("panel_gift_code", id.0, masked(&row.code).as_str()))
        .await?;
    Ok(tx.commit().await?)
}

/// A code as it may stand in trails: whoever reads it there cannot use it.
pub(super) fn masked(code: &str) -> String {
    let shown: String = code.chars().take(8).collect();
    format!("{shown}****")
}

/// Deletes a code that was never used. Errors: a rule for one that was, or is unknown; `Forbidden`.
pub async fn drop(ctx: &Ctx, id: PanelGiftCodeId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    let row = rows::find_by_id(&mut tx, id).await?.ok_or(UNKNOWN)?;
    if rows::delete(&mut tx, id).await? == 0 {
        return Err(Refusal::rule("A gift card that was used cannot be deleted").into());
    }
    audit::changed(&mut tx, &ctx, "panel.gift.drop", Object::new("panel_gift_code", id.0, masked(&row.code).as_str()))
        .await?;
    Ok(tx.commit().await?)
}

/// Figures of all gift cards.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Templates, those switched on, codes, used ones, uses.
    pub totals: (i64, i64, i64, i64, i64),
    /// Uses on each day that had some: `YYYY-MM-DD`.
    pub days: Vec<(String, i64)>,
    /// Uses of each template: name, kind, how many.
    pub templates: Vec<(String, i64, i64)>,
}

/// Counts, for days of the last 30 or between two moments. Errors: `Forbidden`.
pub async fn statistics(ctx: &Ctx, since: Option<Millis>, until: Option<Millis>) -> Outcome<Statistics> {
    ctx.require("panel.giftcard")?;
    let since = since.unwrap_or_else(|| ctx.now().minus(Duration::from_hours(24 * 30)));
    let until = until.unwrap_or_else(|| ctx.now().plus(Duration::from_secs(1)));
    let q = &mut ctx.read();
    let offset = offset(&ctx.app);
    let days = templates::list_daily(q, since, until, offset).await?;
    let shown = days.into_iter().filter_map(|(day, count)| {
        let midnight = jiff::Timestamp::from_second(day.checked_mul(86_400)?).ok()?;
        Some((midnight.strftime("%Y-%m-%d").to_string(), count))
    });
    Ok(Statistics {
        totals: templates::totals(q).await?,
        days: shown.collect(),
        templates: templates::list_by_template(q, since, until).await?,
    })
}

/// How far east of UTC the panel's zone is now, milliseconds.
fn offset(app: &App) -> i64 {
    let now = jiff::Timestamp::from_millisecond(app.now().0).unwrap_or_default();
    i64::from(calendar::zone(app).to_offset(now).seconds()) * 1_000
}

/// Marks unused codes whose time is over: they do not count as it is, but lists of a state should find them.
pub(crate) async fn expire(app: &App, tx: &mut Tx) -> crate::Result<()> {
    rows::expire(tx, app.now()).await?;
    Ok(())
}
