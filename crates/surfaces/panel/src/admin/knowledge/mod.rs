//! Staff's `knowledge/*` (specs/panel.md §4.3).

use gatehouse_domain::panel::{
    Refusal,
    article::{self, Article},
};
use gatehouse_model::PanelArticleId;
use serde_json::{Value, json};

use super::notice::{beside, ids};
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer},
    user::account::seconds,
};

const STAFF: For = For::Staff("panel.knowledge");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/knowledge/fetch", STAFF, fetch),
    endpoint!(Get "v2/{sp}/knowledge/getCategory", STAFF, categories),
    endpoint!(Post "v2/{sp}/knowledge/save", STAFF, save),
    endpoint!(Post "v2/{sp}/knowledge/show", STAFF, show),
    endpoint!(Post "v2/{sp}/knowledge/drop", STAFF, drop),
    endpoint!(Post "v2/{sp}/knowledge/sort", STAFF, sort),
];

/// Lists all articles without their texts; `id`: one with its text.
async fn fetch(call: &Call) -> Outcome {
    if let Some(id) = call.input.value("id") {
        let id = as_integer(id).ok_or(Refusal::rule("Article does not exist"))?;
        let article = article::find_raw(&call.ctx, PanelArticleId(id)).await?;
        return Ok(Answer::Data(json!({
            "id": article.id,
            "language": article.language,
            "category": article.category,
            "title": article.title,
            "body": article.body,
            "sort": article.sort,
            "show": article.is_shown,
            "created_at": seconds(article.created_at),
            "updated_at": seconds(article.updated_at),
        })));
    }
    let page = call.input.page("current", "pageSize", 500, 500);
    let (articles, total) = article::list_all(&call.ctx, page).await?;
    let shown = articles.iter().map(|article| {
        json!({
            "id": article.id,
            "language": article.language,
            "category": article.category,
            "title": article.title,
            "sort": article.sort,
            "show": article.is_shown,
            "updated_at": seconds(article.updated_at),
        })
    });
    Ok(Answer::Beside(shown.collect(), beside(total, page)))
}

/// Lists the categories of all articles.
async fn categories(call: &Call) -> Outcome {
    Ok(Answer::Data(json!(article::all_categories(&call.ctx).await?)))
}

/// Makes an article, or with `id` writes one. Shape: `category`, `language`, `title`, `body`, `show`.
async fn save(call: &Call) -> Outcome {
    let input = &call.input;
    let text = |name: &str| input.text(name).unwrap_or_default();
    let article = Article {
        language: text("language"),
        category: text("category"),
        title: text("title"),
        body: text("body"),
        is_shown: false,
        sort: None,
    };
    let id = input.value("id").map(|_: &Value| id(input)).transpose()?;
    article::save(&call.ctx, id, &article, input.flag("show")?).await?;
    Ok(Answer::done())
}

fn id(input: &Input) -> Result<PanelArticleId, Failure> {
    input.id("id").map(PanelArticleId)
}

/// Turns the switch of an article over, or sets it. Shape: `id`, `show`.
async fn show(call: &Call) -> Outcome {
    article::show(&call.ctx, id(&call.input)?, call.input.flag("show")?).await?;
    Ok(Answer::done())
}

/// Deletes an article. Shape: `id`.
async fn drop(call: &Call) -> Outcome {
    article::drop(&call.ctx, id(&call.input)?).await?;
    Ok(Answer::done())
}

/// Puts articles in an order. Shape: `ids`.
async fn sort(call: &Call) -> Outcome {
    let ids: Vec<PanelArticleId> = ids(&call.input, "knowledge_ids")?.into_iter().map(PanelArticleId).collect();
    article::sort(&call.ctx, &ids).await?;
    Ok(Answer::done())
}
