//! The knowledge base (specs/panel.md §2.7, §4.3).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use gatehouse_model::PanelArticleId;
use gatehouse_store::{Tx, like, panel_article as rows, proxy_pass::PanelUserRow};

pub use gatehouse_store::panel_article::ArticleRow;

use super::{
    Who,
    refusal::{Outcome, Refusal},
    subscription,
};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
};

/// Articles of one language that are shown at a time.
const MOST: i64 = 2_000;
/// Longest text.
const BODY: usize = 500_000;
const MISSING: Refusal = Refusal::rule("Article does not exist");
const BEGIN: &str = "<!--access start-->";
const END: &str = "<!--access end-->";

/// An article as staff write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Article {
    /// Tag of its language.
    pub language: String,
    /// Category.
    pub category: String,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// Whether people see it.
    pub is_shown: bool,
    /// Place in the list.
    pub sort: Option<i64>,
}

/// Lists the shown articles of a language as the caller may read them.
///
/// Shape: `keyword`: part of title or text, nothing in it a wildcard; `no_access`: what stands for passages that only subscribers
/// read. Source: specs/panel.md §2.7.
pub async fn list(who: &Who, language: &str, keyword: Option<&str>, no_access: &str) -> Outcome<Vec<ArticleRow>> {
    let pattern = keyword.map(|keyword| like::contains(&keyword.to_ascii_lowercase()));
    let mut found = rows::list_shown(&mut who.ctx.read(), language, pattern.as_deref(), MOST).await?;
    let reader = Reader::of(who).await?;
    for article in &mut found {
        article.body = reader.read(&article.body, no_access);
    }
    Ok(found)
}

/// One shown article as the caller may read it. Errors: a rule for an unknown or hidden one. Source: specs/panel.md §2.7.
pub async fn find(who: &Who, id: PanelArticleId, no_access: &str) -> Outcome<ArticleRow> {
    let found = rows::find(&mut who.ctx.read(), id).await?.filter(|article| article.is_shown);
    let mut article = found.ok_or(MISSING)?;
    article.body = Reader::of(who).await?.read(&article.body, no_access);
    Ok(article)
}

/// The categories of a language. Source: specs/panel.md §2.7.
pub async fn categories(who: &Who, language: &str) -> Outcome<Vec<String>> {
    Ok(rows::list_categories(&mut who.ctx.read(), Some(language)).await?)
}

/// What an article may need to know of its reader.
struct Reader {
    is_subscriber: bool,
    site_name: String,
    url: String,
}

impl Reader {
    async fn of(who: &Who) -> Outcome<Self> {
        let shown = subscription::show(who).await?;
        Ok(Self {
            is_subscriber: is_subscriber(&shown.row, who.ctx.now()),
            site_name: who.ctx.app.live().panel().app_name.clone(),
            url: shown.url,
        })
    }

    fn read(&self, body: &str, no_access: &str) -> String {
        let body = if self.is_subscriber { body.to_owned() } else { without_passages(body, no_access) };
        if !body.contains("{{") {
            return body;
        }
        body.replace("{{siteName}}", &self.site_name)
            .replace("{{subscribeUrl}}", &self.url)
            .replace("{{urlEncodeSubscribeUrl}}", &url_encoded(&self.url))
            .replace("{{safeBase64SubscribeUrl}}", &BASE64_URL_SAFE_NO_PAD.encode(&self.url))
    }
}

/// Whether somebody has a subscription that holds (specs/panel.md §3.8).
fn is_subscriber(row: &PanelUserRow, now: gatehouse_model::Millis) -> bool {
    row.is_enabled && row.quota.is_none_or(|quota| quota > 0) && row.expires_at.is_none_or(|at| at > now)
}

/// A text in whose place a box stands wherever only subscribers may read; one that is not closed goes to the end.
fn without_passages(body: &str, no_access: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, passage)) = rest.split_once(BEGIN) {
        text.push_str(before);
        text.push_str("<div class=\"v2board-no-access\">");
        text.push_str(no_access);
        text.push_str("</div>");
        rest = passage.split_once(END).map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

fn url_encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// All articles, one page, and how many there are. Errors: `Forbidden`. Source: specs/panel.md §4.3.
pub async fn list_all(ctx: &Ctx, (page, size): (i64, i64)) -> Outcome<(Vec<ArticleRow>, i64)> {
    ctx.require("panel.knowledge")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, (size, offset)).await?, rows::count(q).await?))
}

/// One article as it was written. Errors: a rule for an unknown id; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn find_raw(ctx: &Ctx, id: PanelArticleId) -> Outcome<ArticleRow> {
    ctx.require("panel.knowledge")?;
    Ok(rows::find(&mut ctx.read(), id).await?.ok_or(MISSING)?)
}

/// The categories of all articles. Errors: `Forbidden`. Source: specs/panel.md §4.3.
pub async fn all_categories(ctx: &Ctx) -> Outcome<Vec<String>> {
    ctx.require("panel.knowledge")?;
    Ok(rows::list_categories(&mut ctx.read(), None).await?)
}

/// Checks an article. Errors: an input refusal.
pub(crate) fn check(article: &Article) -> Result<(), Refusal> {
    let wrong = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
    if article.title.is_empty() {
        return Err(Refusal::input("title", "Title cannot be empty"));
    }
    if article.category.is_empty() {
        return Err(Refusal::input("category", "Category cannot be empty"));
    }
    if article.body.is_empty() {
        return Err(Refusal::input("body", "Content cannot be empty"));
    }
    if article.language.is_empty() {
        return Err(Refusal::input("language", "Language cannot be empty"));
    }
    let is_tag = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    for (name, text, most) in [
        ("title", &article.title, 255),
        ("category", &article.category, 255),
        ("body", &article.body, BODY),
        ("language", &article.language, 16),
    ] {
        if text.chars().count() > most || (name == "language" && !is_tag(text)) {
            return Err(wrong(name));
        }
    }
    Ok(())
}

impl Article {
    fn fields(&self) -> rows::ArticleFields<'_> {
        rows::ArticleFields {
            language: &self.language,
            category: &self.category,
            title: &self.title,
            body: &self.body,
            is_shown: self.is_shown,
            sort: self.sort,
        }
    }
}

/// Makes an article, or writes one anew; `sort` stays what it is, and so does `is_shown` where `is_shown` is none.
///
/// Errors: an input refusal; a rule for an unknown id; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn save(ctx: &Ctx, id: Option<PanelArticleId>, article: &Article, is_shown: Option<bool>) -> Outcome<()> {
    check(article)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.knowledge")?;
    match id {
        None => {
            let article = Article { is_shown: is_shown.unwrap_or(false), ..article.clone() };
            insert(&ctx, &mut tx, None, &article).await?;
        }
        Some(id) => {
            let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
            let is_shown = is_shown.unwrap_or(row.is_shown);
            update(&ctx, &mut tx, id, &Article { is_shown, sort: row.sort, ..article.clone() }).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Inserts a checked article.
pub(crate) async fn insert(ctx: &Ctx, tx: &mut Tx, key: Option<&str>, article: &Article) -> crate::Result<()> {
    let id = rows::insert(tx, key, &article.fields(), ctx.now()).await?;
    audit::changed(tx, ctx, "panel.article.create", Object::new("panel_article", id.0, &article.title)).await
}

/// Writes a checked article.
pub(crate) async fn update(ctx: &Ctx, tx: &mut Tx, id: PanelArticleId, article: &Article) -> crate::Result<()> {
    rows::update(tx, id, &article.fields(), ctx.now()).await?;
    audit::changed(tx, ctx, "panel.article.update", Object::new("panel_article", id.0, &article.title)).await
}

/// Shows or hides an article; none: turns it over. Errors: a rule for an unknown id; `Forbidden`.
pub async fn show(ctx: &Ctx, id: PanelArticleId, is_shown: Option<bool>) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.knowledge")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    rows::update_shown(&mut tx, id, is_shown, ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "panel.article.show", Object::new("panel_article", id.0, &row.title)).await?;
    Ok(tx.commit().await?)
}

/// Deletes an article. Errors: a rule for an unknown id; `Forbidden`.
pub async fn drop(ctx: &Ctx, id: PanelArticleId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.knowledge")?;
    let row = rows::find(&mut tx, id).await?.ok_or(MISSING)?;
    delete(&ctx, &mut tx, &row).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, row: &ArticleRow) -> crate::Result<()> {
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "panel.article.delete", Object::new("panel_article", row.id.0, &row.title)).await
}

/// Puts articles in an order: the first gets place 1. Errors: a rule for an unknown id; `Forbidden`.
pub async fn sort(ctx: &Ctx, ids: &[PanelArticleId]) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.knowledge")?;
    for (place, id) in (1..).zip(ids) {
        if rows::update_sort(&mut tx, *id, place).await? == 0 {
            return Err(MISSING.into());
        }
    }
    audit::changed(&mut tx, &ctx, "panel.article.sort", Object::new("panel_article", None, "")).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_for_subscribers_are_cut_out_one_by_one() {
        let body = "a<!--access start-->b<!--access end-->c<!--access start-->d";
        let cut = without_passages(body, "no");
        let held = "<div class=\"v2board-no-access\">no</div>";
        assert_eq!(cut, format!("a{held}c{held}"));
        assert_eq!(without_passages("plain<!--access end-->", "no"), "plain<!--access end-->");
    }

    #[test]
    fn a_link_is_encoded_for_another_link() {
        assert_eq!(url_encoded("https://a.example/s/1?x=y z"), "https%3A%2F%2Fa.example%2Fs%2F1%3Fx%3Dy%20z");
    }
}
