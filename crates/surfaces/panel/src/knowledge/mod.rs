//! Notices and the knowledge base as users read them (specs/panel.md §2.3, §2.7).

use gatehouse_domain::panel::{
    Refusal,
    article::{self, ArticleRow},
    notice,
};
use gatehouse_model::PanelArticleId;
use serde_json::{Map, Value, json};

use crate::{
    admin::notice::shown as notice_shown,
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{as_integer, wrong},
    text,
    user::account::seconds,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/user/notice/fetch", For::User, notices),
    endpoint!(Get "v1/user/knowledge/fetch", For::User, fetch),
    endpoint!(Get "v1/user/knowledge/getCategory", For::User, categories),
];

/// Lists shown notices, five on a page. Shape: `current`.
async fn notices(call: &Call) -> Outcome {
    let (page, _) = call.input.page("current", "", 1, 1);
    let (notices, total) = notice::fetch(call.who()?, page).await?;
    let data: Vec<Value> = notices.iter().map(notice_shown).collect();
    Ok(Answer::Bare(json!({"data": data, "total": total})))
}

fn language(call: &Call) -> Result<String, Failure> {
    match call.input.text("language") {
        None => Ok("zh-CN".to_owned()),
        Some(tag) if tag.len() <= 16 => Ok(tag),
        Some(_) => Err(wrong("language")),
    }
}

fn shown(article: &ArticleRow) -> Value {
    json!({
        "id": article.id,
        "category": article.category,
        "title": article.title,
        "body": article.body,
        "updated_at": seconds(article.updated_at),
    })
}

/// Shows the articles of a language by category; `id`: one. Shape: `language`, `keyword`.
async fn fetch(call: &Call) -> Outcome {
    let who = call.who()?;
    let held = text::of("You must have a valid subscription to view content in this area", call.language);
    if let Some(id) = call.input.value("id") {
        let id = as_integer(id).ok_or(Refusal::rule("Article does not exist"))?;
        return Ok(Answer::Data(shown(&article::find(who, PanelArticleId(id), &held).await?)));
    }
    let keyword = call.input.text("keyword");
    if keyword.as_ref().is_some_and(|keyword| keyword.chars().count() > 255) {
        return Err(wrong("keyword"));
    }
    let mut grouped = Map::new();
    for article in article::list(who, &language(call)?, keyword.as_deref(), &held).await? {
        let group = grouped.entry(article.category.clone()).or_insert_with(|| json!([]));
        if let Value::Array(articles) = group {
            articles.push(shown(&article));
        }
    }
    Ok(Answer::Data(Value::Object(grouped)))
}

/// Lists the categories of a language.
async fn categories(call: &Call) -> Outcome {
    Ok(Answer::Data(json!(article::categories(call.who()?, &language(call)?).await?)))
}
