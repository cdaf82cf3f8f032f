//! Lists of staff: `current`, `pageSize`, `filter`, `sort` (specs/panel.md §4.0).

use gatehouse_domain::panel::listing::Asked;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure},
    input::{Input, as_text, wrong},
};

/// The most rows of a page.
const MOST: i64 = 500;
/// The most fields that are filtered by at once.
const MOST_FILTERS: usize = 8;

/// What a call asks of a list.
pub(crate) fn asked(input: &Input) -> Result<Asked, Failure> {
    let (page, size) = input.page("current", "pageSize", 10, MOST);
    let named = |entry: &Value, of| entry.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| wrong(of));
    let mut filter = Vec::new();
    for entry in input.list("filter").unwrap_or_default() {
        let value = entry.get("value").cloned().ok_or_else(|| wrong("filter"))?;
        filter.push((named(entry, "filter")?, value));
    }
    if filter.len() > MOST_FILTERS {
        return Err(wrong("filter"));
    }
    let mut sort = Vec::new();
    for entry in input.list("sort").unwrap_or_default() {
        let is_descending = entry.get("desc").and_then(as_text).is_some_and(|text| text == "true" || text == "1");
        sort.push((named(entry, "sort")?, is_descending));
    }
    Ok(Asked { filter, sort, page, size })
}

/// A page as it is answered: bare, with the numbers of pages.
pub(crate) fn page(asked: &Asked, total: i64, rows: Vec<Value>) -> Answer {
    let last = total.saturating_add(asked.size - 1).div_euclid(asked.size).max(1);
    Answer::Bare(json!({
        "total": total,
        "current_page": asked.page,
        "per_page": asked.size,
        "last_page": last,
        "data": rows,
    }))
}
