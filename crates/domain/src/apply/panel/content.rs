//! What the panel tells people: notices and articles, found by their keys.

use gatehouse_store::{Tx, panel_article as articles, panel_notice as notices};
use serde::Deserialize;

use crate::{
    Ctx, Error, Result,
    apply::{Change, Presence, Work, check::Problems, pick},
    panel::{
        Refusal,
        article::{self, Article},
        notice::{self, Notice},
        refusal::Kind,
    },
};

/// `[[panel.notice]]`, found by `key`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeEntry {
    /// Natural key.
    pub key: String,
    /// Headline; required for a new one.
    pub title: Option<String>,
    /// Text, HTML or Markdown; required for a new one.
    pub content: Option<String>,
    /// Address of a picture.
    pub img_url: Option<String>,
    /// Exactly its tags; default: none.
    pub tags: Option<Vec<String>>,
    /// Whether people see it; default true.
    pub shown: Option<bool>,
    /// Place in the list; default: behind those that have one.
    pub sort: Option<i64>,
    /// Absent: removed.
    pub state: Presence,
}

/// `[[panel.knowledge]]`, found by `key`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArticleEntry {
    /// Natural key.
    pub key: String,
    /// Tag of its language; default zh-CN.
    pub language: Option<String>,
    /// Category; required for a new one.
    pub category: Option<String>,
    /// Headline; required for a new one.
    pub title: Option<String>,
    /// Text, HTML or Markdown; required for a new one.
    pub body: Option<String>,
    /// Whether people see it; default true.
    pub shown: Option<bool>,
    /// Place in the list; default: behind those that have one.
    pub sort: Option<i64>,
    /// Absent: removed.
    pub state: Presence,
}

const NOTICE: &str = "panel.notice";
const ARTICLE: &str = "panel.knowledge";

/// Every rule that the entries alone break.
pub(super) fn check(notices: &[NoticeEntry], articles: &[ArticleEntry], problems: &mut Problems) {
    let named = [
        (NOTICE, notices.iter().map(|entry| &entry.key).collect::<Vec<_>>()),
        (ARTICLE, articles.iter().map(|entry| &entry.key).collect()),
    ];
    for (kind, keys) in named {
        keyed(kind, &keys, problems);
    }
}

/// Keys of 1 to 64 characters, each once.
pub(super) fn keyed(kind: &str, keys: &[&String], problems: &mut Problems) {
    for key in keys {
        problems.text(&format!("[[{kind}]] `{key}`"), "key", key, 1, 64);
    }
    problems.unique("key", keys.iter().map(|key| ((*key).clone(), format!("[[{kind}]] `{key}`"))));
}

/// A refusal of the panel as a problem of an entry: what breaks its form.
pub(super) fn told(refusal: &Refusal) -> Error {
    match refusal.kind {
        Kind::Input(field) => Error::invalid(field, "is missing, too long or of another form"),
        _ => Error::invalid("entry", refusal.text),
    }
}

/// Makes, changes and removes them.
pub(super) async fn ensure(
    ctx: &Ctx,
    tx: &mut Tx,
    notices: &[NoticeEntry],
    articles: &[ArticleEntry],
    work: &mut Work,
) -> Result<()> {
    for entry in notices {
        let outcome = notice(ctx, tx, entry).await;
        work.note(NOTICE, entry.key.clone(), outcome)?;
    }
    for entry in articles {
        let outcome = article(ctx, tx, entry).await;
        work.note(ARTICLE, entry.key.clone(), outcome)?;
    }
    Ok(())
}

async fn notice(ctx: &Ctx, tx: &mut Tx, entry: &NoticeEntry) -> Result<Change> {
    let row = notices::find_by_key(tx, &entry.key).await?;
    let row = match (entry.state, row) {
        (Presence::Absent, None) => return Ok(Change::Unchanged),
        (Presence::Absent, Some(row)) => {
            notice::delete(ctx, tx, &row).await?;
            return Ok(Change::Removed);
        }
        (Presence::Present, row) => row,
    };
    let old = row.as_ref().map(|row| Notice {
        title: row.title.clone(),
        content: row.content.clone(),
        img_url: row.img_url.clone(),
        tags: serde_json::from_str(&row.tags).unwrap_or_default(),
        is_shown: row.is_shown,
        sort: row.sort,
    });
    let known = old.clone().unwrap_or(Notice { is_shown: true, ..Notice::default() });
    let new = Notice {
        title: entry.title.clone().unwrap_or(known.title),
        content: entry.content.clone().unwrap_or(known.content),
        img_url: pick(entry.img_url.as_ref(), known.img_url.as_ref()).map(str::to_owned),
        tags: entry.tags.clone().unwrap_or(known.tags),
        is_shown: entry.shown.unwrap_or(known.is_shown),
        sort: entry.sort.or(known.sort),
    };
    notice::check(&new).map_err(|refusal| told(&refusal))?;
    match (row, old) {
        (Some(_), Some(old)) if old == new => Ok(Change::Unchanged),
        (Some(row), _) => notice::update(ctx, tx, row.id, &new).await.map(|()| Change::Updated),
        (None, _) => notice::insert(ctx, tx, Some(&entry.key), &new).await.map(|()| Change::Created),
    }
}

async fn article(ctx: &Ctx, tx: &mut Tx, entry: &ArticleEntry) -> Result<Change> {
    let row = articles::find_by_key(tx, &entry.key).await?;
    let row = match (entry.state, row) {
        (Presence::Absent, None) => return Ok(Change::Unchanged),
        (Presence::Absent, Some(row)) => {
            article::delete(ctx, tx, &row).await?;
            return Ok(Change::Removed);
        }
        (Presence::Present, row) => row,
    };
    let old = row.as_ref().map(|row| Article {
        language: row.language.clone(),
        category: row.category.clone(),
        title: row.title.clone(),
        body: row.body.clone(),
        is_shown: row.is_shown,
        sort: row.sort,
    });
    let fresh = Article { language: "zh-CN".to_owned(), is_shown: true, ..Article::default() };
    let known = old.clone().unwrap_or(fresh);
    let new = Article {
        language: entry.language.clone().unwrap_or(known.language),
        category: entry.category.clone().unwrap_or(known.category),
        title: entry.title.clone().unwrap_or(known.title),
        body: entry.body.clone().unwrap_or(known.body),
        is_shown: entry.shown.unwrap_or(known.is_shown),
        sort: entry.sort.or(known.sort),
    };
    article::check(&new).map_err(|refusal| told(&refusal))?;
    match (row, old) {
        (Some(_), Some(old)) if old == new => Ok(Change::Unchanged),
        (Some(row), _) => article::update(ctx, tx, row.id, &new).await.map(|()| Change::Updated),
        (None, _) => article::insert(ctx, tx, Some(&entry.key), &new).await.map(|()| Change::Created),
    }
}
