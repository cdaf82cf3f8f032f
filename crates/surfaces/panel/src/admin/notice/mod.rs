//! Staff's `notice/*` (specs/panel.md §4.3).

use gatehouse_domain::panel::notice::{self, KeepsShown, Notice, NoticeRow};
use gatehouse_model::PanelNoticeId;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer, as_text, wrong},
    user::account::seconds,
};

const STAFF: For = For::Staff("panel.notice");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/notice/fetch", STAFF, fetch),
    endpoint!(Post "v2/{sp}/notice/save", STAFF, save),
    endpoint!(Post "v2/{sp}/notice/update", STAFF, update),
    endpoint!(Post "v2/{sp}/notice/show", STAFF, show),
    endpoint!(Post "v2/{sp}/notice/drop", STAFF, drop),
    endpoint!(Post "v2/{sp}/notice/sort", STAFF, sort),
];

/// A notice of the wire.
pub(crate) fn shown(notice: &NoticeRow) -> Value {
    let tags: Value = serde_json::from_str(&notice.tags).unwrap_or_default();
    json!({
        "id": notice.id,
        "title": notice.title,
        "content": notice.content,
        "img_url": notice.img_url,
        "tags": if tags.as_array().is_some_and(|tags| !tags.is_empty()) { tags } else { Value::Null },
        "show": notice.is_shown,
        "sort": notice.sort,
        "created_at": seconds(notice.created_at),
        "updated_at": seconds(notice.updated_at),
    })
}

/// The keys beside the list of a page.
pub(crate) fn beside(total: i64, (page, size): (i64, i64)) -> Map<String, Value> {
    let last = total.saturating_add(size - 1).div_euclid(size.max(1)).max(1);
    let keys = [("total", total), ("current_page", page), ("per_page", size), ("last_page", last)];
    keys.map(|(name, number)| (name.to_owned(), json!(number))).into_iter().collect()
}

/// The list `name` of texts; one text is split at commas.
pub(crate) fn texts(input: &Input, name: &'static str) -> Result<Vec<String>, Failure> {
    let Some(items) = input.list(name) else { return Ok(Vec::new()) };
    let texts: Option<Vec<String>> = match items.as_slice() {
        [Value::String(single)] => {
            let parsed = serde_json::from_str::<Vec<String>>(single).ok();
            Some(parsed.unwrap_or_else(|| single.split(',').map(str::to_owned).collect()))
        }
        items => items.iter().map(|item| as_text(item)).collect(),
    };
    let texts = texts.ok_or_else(|| wrong(name))?;
    Ok(texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect())
}

/// The ids of a sort: `ids`, or the older name.
pub(crate) fn ids(input: &Input, older: &str) -> Result<Vec<i64>, Failure> {
    let items = input.list("ids").or_else(|| input.list(older)).ok_or_else(|| wrong("ids"))?;
    let ids: Option<Vec<i64>> = items.into_iter().map(as_integer).collect();
    ids.filter(|ids| !ids.is_empty() && ids.len() <= 5_000).ok_or_else(|| wrong("ids"))
}

/// Lists all notices. Shape: `current`, `pageSize`; without these, all that a page may hold.
async fn fetch(call: &Call) -> Outcome {
    let page = call.input.page("current", "pageSize", 500, 500);
    let (notices, total) = notice::list(&call.ctx, page).await?;
    Ok(Answer::Beside(notices.iter().map(shown).collect(), beside(total, page)))
}

/// Makes a notice, or with `id` writes one. Shape: `title`, `content`, `img_url`, `tags`, `show`.
async fn save(call: &Call) -> Outcome {
    let input = &call.input;
    let is_shown = input.flag("show")?;
    let notice = Notice {
        title: input.text("title").unwrap_or_default(),
        content: input.text("content").unwrap_or_default(),
        img_url: input.text("img_url"),
        tags: texts(input, "tags")?,
        is_shown: is_shown.unwrap_or(false),
        sort: None,
    };
    let id = input.value("id").map(|_| id(input)).transpose()?;
    notice::save(&call.ctx, id, &notice, KeepsShown(is_shown.is_none())).await?;
    Ok(Answer::done())
}

fn id(input: &Input) -> Result<PanelNoticeId, Failure> {
    input.id("id").map(PanelNoticeId)
}

/// Shows or hides a notice. Shape: `id`, `show`.
async fn update(call: &Call) -> Outcome {
    let is_shown = call.input.flag("show")?.ok_or_else(|| wrong("show"))?;
    notice::show(&call.ctx, id(&call.input)?, Some(is_shown)).await?;
    Ok(Answer::done())
}

/// Turns the switch of a notice over. Shape: `id`.
async fn show(call: &Call) -> Outcome {
    notice::show(&call.ctx, id(&call.input)?, None).await?;
    Ok(Answer::done())
}

/// Deletes a notice. Shape: `id`.
async fn drop(call: &Call) -> Outcome {
    notice::drop(&call.ctx, id(&call.input)?).await?;
    Ok(Answer::done())
}

/// Puts notices in an order. Shape: `ids`.
async fn sort(call: &Call) -> Outcome {
    let ids: Vec<PanelNoticeId> = ids(&call.input, "notice_ids")?.into_iter().map(PanelNoticeId).collect();
    notice::sort(&call.ctx, &ids).await?;
    Ok(Answer::done())
}
