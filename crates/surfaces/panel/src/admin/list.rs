//! Lists of staff: pages, filters, sorting (specs/panel.md §4.0). A field is looked up by its name in a fixed list of the store; nothing
//! of a client becomes SQL.

use gatehouse_domain::panel::{
    Refusal,
    filter::{Condition, Field, Given, Kind, Listing, MOST_CONDITIONS, Test},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure},
    input::{Input, as_integer, as_text},
};

/// Rows of a page at most.
const MOST: i64 = 500;
/// Values of `IN` at most.
const MOST_VALUES: usize = 500;

/// What a list is asked for.
pub(crate) struct Asked {
    /// Filter, order, page.
    pub(crate) listing: Listing,
    page: i64,
}

impl Asked {
    /// Reads `current`, `pageSize`, `filter: [{id, value}]`, `sort: [{id, desc}]`. Errors: 422 for a field or value that is none.
    pub(crate) fn read(input: &Input, fields: &'static [Field]) -> Result<Self, Failure> {
        let (page, limit) = input.page("current", "pageSize", 10, MOST);
        let conditions = conditions(input, fields)?;
        let order = match input.list("sort").unwrap_or_default().first() {
            None => None,
            Some(entry) => {
                let is_descending = entry.get("desc").and_then(flag).unwrap_or(false);
                Some((field(entry, fields).ok_or_else(|| wrong("sort"))?, is_descending))
            }
        };
        let offset = page.saturating_sub(1).saturating_mul(limit);
        Ok(Self { listing: Listing { conditions, order, limit, offset }, page })
    }

    /// The bare reply: `{total, current_page, per_page, last_page, data}`.
    pub(crate) fn page(&self, total: i64, data: Vec<Value>) -> Answer {
        let size = self.listing.limit;
        let last = total.saturating_add(size - 1).div_euclid(size).max(1);
        Answer::Bare(json!({
            "total": total, "current_page": self.page, "per_page": size, "last_page": last, "data": data
        }))
    }
}

/// The conditions of `filter`. Errors: as [`Asked::read`].
pub(crate) fn conditions(input: &Input, fields: &'static [Field]) -> Result<Vec<Condition>, Failure> {
    let entries = input.list("filter").unwrap_or_default();
    if entries.len() > MOST_CONDITIONS {
        return Err(wrong("filter"));
    }
    let condition = |entry: &&Value| {
        let field = field(entry, fields)?;
        let (test, given) = read(field, entry.get("value")?)?;
        Some(Condition { field, test, given })
    };
    entries.iter().map(|entry| condition(entry).ok_or_else(|| wrong("filter"))).collect()
}

fn wrong(name: &'static str) -> Failure {
    Refusal::input(name, "The value of :name is not valid").with("name", name).into()
}

fn field(entry: &Value, fields: &'static [Field]) -> Option<&'static Field> {
    let name = entry.get("id")?.as_str()?;
    fields.iter().find(|field| field.name == name)
}

fn flag(value: &Value) -> Option<bool> {
    match as_text(value)?.as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// An array: any of these. `op:value`: by that. Else: has the text somewhere in it; flags: is so.
fn read(field: &Field, value: &Value) -> Option<(Test, Given)> {
    if let Value::Array(values) = value {
        let texts: Option<Vec<String>> = values.iter().map(|value| as_text(value).map(|text| fold(&text))).collect();
        let texts = texts.filter(|texts| texts.len() <= MOST_VALUES)?;
        let is_plain =
            field.kind != Kind::Flag && texts.iter().all(|text| !text.contains(['|', '\0']) && text.len() <= 255);
        return is_plain.then_some((Test::In, Given::Any(texts)));
    }
    if value.is_number() && field.kind == Kind::Number {
        return Some((Test::Eq, Given::Number(as_integer(value)?)));
    }
    let text = as_text(value)?;
    let (test, rest) =
        text.split_once(':').and_then(|(op, rest)| Some((test(op)?, rest))).unwrap_or((Test::Like, &text));
    let rest = rest.trim();
    if rest.len() > 255 {
        return None;
    }
    if matches!(test, Test::Null | Test::NotNull) {
        return Some((test, Given::Nothing));
    }
    let given = match (test, field.kind) {
        (Test::Eq | Test::Like, Kind::Flag) => return Some((Test::Eq, Given::Flag(flag(&Value::from(rest))?))),
        (_, Kind::Flag) => return None,
        (Test::Like | Test::NotLike, _) | (_, Kind::Text) => Given::Text(fold(rest)),
        (_, Kind::Number) => Given::Number(rest.parse().ok()?),
    };
    Some((test, given))
}

/// As texts are in the statement: in lower case, of ASCII as both engines know no other.
fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

fn test(op: &str) -> Option<Test> {
    Some(match op {
        "eq" => Test::Eq,
        "gt" => Test::Gt,
        "gte" => Test::Gte,
        "lt" => Test::Lt,
        "lte" => Test::Lte,
        "like" => Test::Like,
        "notlike" => Test::NotLike,
        "null" => Test::Null,
        "notnull" => Test::NotNull,
        _ => return None,
    })
}
