//! Notices: what staff tell everybody (specs/panel.md §2.3 notice/fetch, §4.3).

use gatehouse_model::PanelNoticeId;
use gatehouse_store::{Tx, panel_notice as rows};

pub use gatehouse_store::panel_notice::NoticeRow;

use super::{
    Who,
    refusal::{Outcome, Refusal},
};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
};

/// Notices on a page of users.
const PAGE: i64 = 5;
/// Longest title.
const TITLE: usize = 255;
/// Longest text.
const CONTENT: usize = 500_000;
/// Longest address of a picture.
const URL: usize = 2_048;
const MISSING: Refusal = Refusal::rule("The notice does not exist");

/// A notice as staff write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// Headline.
    pub title: String,
    /// Text.
    pub content: String,
    /// Picture.
    pub img_url: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether people see it.
    pub is_shown: bool,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// The shown notices, five on a page, and how many there are. Source: specs/panel.md §2.3.
pub async fn fetch(who: &Who, page: i64) -> Outcome<(Vec<NoticeRow>, i64)> {
    let q = &mut who.ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(PAGE);
    Ok((rows::list(q, false, (PAGE, offset)).await?, rows::count(q, false).await?))
}

/// All notices, one page, and how many there are. Errors: `Forbidden`. Source: specs/panel.md §4.3.
pub async fn list(ctx: &Ctx, (page, size): (i64, i64)) -> Outcome<(Vec<NoticeRow>, i64)> {
    ctx.require("panel.notice")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, true, (size, offset)).await?, rows::count(q, true).await?))
}

/// Checks a notice. Errors: an input refusal.
pub(crate) fn check(notice: &Notice) -> Result<(), Refusal> {
    let is_too_long = |text: &str, most: usize| text.chars().count() > most;
    let wrong = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
    if notice.title.is_empty() {
        return Err(Refusal::input("title", "Title cannot be empty"));
    }
    if notice.content.is_empty() {
        return Err(Refusal::input("content", "Content cannot be empty"));
    }
    if is_too_long(&notice.title, TITLE) {
        return Err(wrong("title"));
    }
    if is_too_long(&notice.content, CONTENT) {
        return Err(wrong("content"));
    }
    if notice.img_url.as_deref().is_some_and(|url| is_too_long(url, URL) || !is_web_address(url)) {
        return Err(wrong("img_url"));
    }
    if notice.tags.len() > 50 || notice.tags.iter().any(|tag| is_too_long(tag, 64)) {
        return Err(wrong("tags"));
    }
    Ok(())
}

/// Whether a text is an address that a browser may load a picture from.
pub(crate) fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\'))
}

impl Notice {
    /// Writes the columns; `tags` is their JSON.
    fn fields<'a>(&'a self, tags: &'a str) -> rows::NoticeFields<'a> {
        rows::NoticeFields {
            title: &self.title,
            content: &self.content,
            img_url: self.img_url.as_deref(),
            tags,
            is_shown: self.is_shown,
            sort: self.sort,
        }
    }
}

/// Makes a notice, or writes one anew; `sort` stays what it is, and so does `is_shown` where `keeps_shown`.
///
/// Errors: an input refusal; a rule for an unknown id; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn save(ctx: &Ctx, id: Option<PanelNoticeId>, notice: &Notice, keeps_shown: KeepsShown) -> Outcome<()> {
    check(notice)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.notice")?;
    match id {
        None => insert(&ctx, &mut tx, None, notice).await?,
        Some(id) => {
            let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
            let is_shown = if keeps_shown.0 { row.is_shown } else { notice.is_shown };
            update(&ctx, &mut tx, id, &Notice { is_shown, sort: row.sort, ..notice.clone() }).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Whether a save leaves the switch alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepsShown(pub bool);

/// Inserts a checked notice.
pub(crate) async fn insert(ctx: &Ctx, tx: &mut Tx, key: Option<&str>, notice: &Notice) -> crate::Result<()> {
    let tags = serde_json::json!(notice.tags).to_string();
    let id = rows::insert(tx, key, &notice.fields(&tags), ctx.now()).await?;
    audit::changed(tx, ctx, "panel.notice.create", Object::new("panel_notice", id.0, &notice.title)).await
}

/// Writes a checked notice.
pub(crate) async fn update(ctx: &Ctx, tx: &mut Tx, id: PanelNoticeId, notice: &Notice) -> crate::Result<()> {
    let tags = serde_json::json!(notice.tags).to_string();
    rows::update(tx, id, &notice.fields(&tags), ctx.now()).await?;
    audit::changed(tx, ctx, "panel.notice.update", Object::new("panel_notice", id.0, &notice.title)).await
}

/// Shows or hides a notice; none: turns it over. Errors: a rule for an unknown id; `Forbidden`.
pub async fn show(ctx: &Ctx, id: PanelNoticeId, is_shown: Option<bool>) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.notice")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    rows::update_shown(&mut tx, id, is_shown, ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "panel.notice.show", Object::new("panel_notice", id.0, &row.title)).await?;
    Ok(tx.commit().await?)
}

/// Deletes a notice. Errors: a rule for an unknown id; `Forbidden`.
pub async fn drop(ctx: &Ctx, id: PanelNoticeId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.notice")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    delete(&ctx, &mut tx, &row).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, row: &NoticeRow) -> crate::Result<()> {
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "panel.notice.delete", Object::new("panel_notice", row.id.0, &row.title)).await
}

/// Puts notices in an order: the first gets place 1. Errors: a rule for an unknown id; `Forbidden`.
pub async fn sort(ctx: &Ctx, ids: &[PanelNoticeId]) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.notice")?;
    for (place, id) in (1..).zip(ids) {
        if rows::update_sort(&mut tx, *id, place).await? == 0 {
            return Err(MISSING.into());
        }
    }
    audit::changed(&mut tx, &ctx, "panel.notice.sort", Object::new("panel_notice", None, "")).await?;
    Ok(tx.commit().await?)
}
