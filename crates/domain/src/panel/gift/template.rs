//! Kinds of gift cards, as staff set them up (specs/panel.md §4.3 gift-card/*).

use gatehouse_model::{AccountId, PanelGiftTemplateId};
use gatehouse_store::{
    Query, Tx,
    panel_gift::{self as rows, GiftTemplateFields, GiftTemplateRow},
};
use serde_json::Value;

use super::{
    super::{
        notice::is_web_address,
        plan,
        refusal::{Outcome, Refusal},
    },
    rule::{Conditions, Limits, Rewards, Special},
};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
};

const MISSING: Refusal = Refusal::rule("The gift card template does not exist");

/// A template as staff write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiftTemplate {
    /// What it is called.
    pub name: String,
    /// What people are told of it.
    pub description: Option<String>,
    /// 1 general, 2 plan, 3 mystery.
    pub kind: i64,
    /// Whether its codes count.
    pub is_enabled: bool,
    /// What it gives.
    pub rewards: Rewards,
    /// Whom it is for.
    pub conditions: Conditions,
    /// How often.
    pub limits: Limits,
    /// When it gives more.
    pub special: Special,
    /// Picture.
    pub icon: Option<String>,
    /// Address of a picture.
    pub background_image: Option<String>,
    /// `#RRGGBB`.
    pub theme_color: String,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// Colour of templates that name none.
pub const COLOR: &str = "#1890ff";

impl GiftTemplate {
    /// Checks what can be said without the database. Errors: an input refusal.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let wrong = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
        let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        if self.name.is_empty() || self.name.chars().count() > 255 {
            return Err(wrong("name"));
        }
        if !(1..=3).contains(&self.kind) {
            return Err(wrong("type"));
        }
        if length(&self.description) > 10_000 {
            return Err(wrong("description"));
        }
        if length(&self.icon) > 2_048 {
            return Err(wrong("icon"));
        }
        let is_address = self.background_image.as_deref().is_none_or(is_web_address);
        if !is_address || length(&self.background_image) > 2_048 {
            return Err(wrong("background_image"));
        }
        let is_color = self
            .theme_color
            .strip_prefix('#')
            .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_color {
            return Err(wrong("theme_color"));
        }
        let gives = match self.kind {
            1 => !self.rewards.fixed.is_nothing(),
            2 => self.rewards.fixed.plan.is_some(),
            _ => self.rewards.weight() > 0,
        };
        if gives { Ok(()) } else { Err(wrong("rewards")) }
    }

    /// Checks that the plans it gives exist. Errors: an input refusal.
    pub(crate) async fn check_plans(&self, q: &mut impl Query) -> Outcome<()> {
        let given = self.rewards.random.iter().map(|(_, reward)| reward).chain([&self.rewards.fixed]);
        for (id, _) in given.filter_map(|reward| reward.plan) {
            if plan::find(q, id).await?.is_none() {
                let text = "The value of :name is not valid";
                return Err(Refusal::input("rewards", text).with("name", "rewards").into());
            }
        }
        Ok(())
    }

    /// Reads a row.
    pub(crate) fn of(row: &GiftTemplateRow) -> Result<Self, Refusal> {
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        Ok(Self {
            name: row.name.clone(),
            description: row.description.clone(),
            kind: row.kind,
            is_enabled: row.is_enabled,
            rewards: Rewards::read(json(&row.rewards).as_ref())?,
            conditions: Conditions::read(json(&row.conditions).as_ref())?,
            limits: Limits::read(json(&row.limits).as_ref())?,
            special: Special::read(json(&row.special).as_ref())?,
            icon: row.icon.clone(),
            background_image: row.background_image.clone(),
            theme_color: row.theme_color.clone(),
            sort: row.sort,
        })
    }

    fn rules(&self) -> [String; 4] {
        let rules = [self.conditions.stored(), self.rewards.stored(), self.limits.stored(), self.special.stored()];
        rules.map(|rule| rule.to_string())
    }

    fn fields<'a>(&'a self, [conditions, rewards, limits, special]: &'a [String; 4]) -> GiftTemplateFields<'a> {
        GiftTemplateFields {
            name: &self.name,
            description: self.description.as_deref(),
            kind: self.kind,
            is_enabled: self.is_enabled,
            rules: [conditions, rewards, limits, special],
            icon: self.icon.as_deref(),
            background_image: self.background_image.as_deref(),
            theme_color: &self.theme_color,
            sort: self.sort,
        }
    }
}

/// Lists templates, one page, and how many there are. Errors: `Forbidden`.
pub async fn list(
    ctx: &Ctx,
    filter: (Option<i64>, Option<bool>),
    (page, size): (i64, i64),
) -> Outcome<(Vec<GiftTemplateRow>, i64)> {
    ctx.require("panel.giftcard")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}

/// Makes a template. Errors: an input refusal; `Forbidden`.
pub async fn create(ctx: &Ctx, template: &GiftTemplate) -> Outcome<()> {
    template.check()?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    template.check_plans(&mut tx).await?;
    insert(&ctx, &mut tx, None, template).await?;
    Ok(tx.commit().await?)
}

/// Changes a template: `change` is given what it is and gives what it shall be.
///
/// Errors: an input refusal; a rule for an unknown id; `Forbidden`.
pub async fn update<F>(ctx: &Ctx, id: PanelGiftTemplateId, change: F) -> Outcome<()>
where
    F: FnOnce(GiftTemplate) -> Result<GiftTemplate, Refusal> + Send,
{
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    let template = change(GiftTemplate::of(&row)?)?;
    template.check()?;
    template.check_plans(&mut tx).await?;
    write(&ctx, &mut tx, id, &template).await?;
    Ok(tx.commit().await?)
}

/// Inserts a checked template.
pub(crate) async fn insert(ctx: &Ctx, tx: &mut Tx, key: Option<&str>, template: &GiftTemplate) -> crate::Result<()> {
    let author = ctx.account().unwrap_or(AccountId(0));
    let rules = template.rules();
    let id = rows::insert(tx, key, &template.fields(&rules), author, ctx.now()).await?;
    audit::changed(tx, ctx, "panel.gift.create", Object::new("panel_gift_template", id.0, &template.name)).await
}

/// Writes a checked template.
pub(crate) async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    id: PanelGiftTemplateId,
    template: &GiftTemplate,
) -> crate::Result<()> {
    let rules = template.rules();
    rows::update(tx, id, &template.fields(&rules), ctx.now()).await?;
    audit::changed(tx, ctx, "panel.gift.update", Object::new("panel_gift_template", id.0, &template.name)).await
}

/// Deletes a template that has no codes. Errors: a rule for one that has, or is unknown; `Forbidden`.
pub async fn drop(ctx: &Ctx, id: PanelGiftTemplateId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.giftcard")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    if !delete(&ctx, &mut tx, &row).await? {
        return Err(Refusal::rule("The gift card template has codes and cannot be deleted").into());
    }
    Ok(tx.commit().await?)
}

/// Deletes a template; false: it has codes.
pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, row: &GiftTemplateRow) -> crate::Result<bool> {
    if rows::delete(tx, row.id).await? == 0 {
        return Ok(false);
    }
    let object = Object::new("panel_gift_template", row.id.0, &row.name);
    audit::changed(tx, ctx, "panel.gift.delete", object).await?;
    Ok(true)
}
