//! Lists of staff: pages that they filter and sort by the fields of a table (specs/panel.md §4.0).

use gatehouse_store::{
    Value as Bound,
    listing::{Field, Kind, MOST_VALUES, Op, Test, Wanted},
};
use serde_json::Value;

use super::Refusal;

/// What a caller asks of a list.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Field and value, in the forms of the wire.
    pub filter: Vec<(String, Value)>,
    /// Field, and whether downwards; the first one counts.
    pub sort: Vec<(String, bool)>,
    /// From 1.
    pub page: i64,
    /// Rows.
    pub size: i64,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Rows in all.
    pub total: i64,
    /// Those of this page.
    pub rows: Vec<T>,
}

impl Asked {
    /// Which rows: behind so many, so many.
    pub(crate) const fn window(&self) -> (i64, i64) {
        (self.page.saturating_sub(1).saturating_mul(self.size), self.size)
    }

    /// What it asks of the fields of a list. Errors: an input refusal for a field that is none, or a value that no such field has.
    pub(crate) fn wanted(&self, fields: &'static [Field]) -> Result<Wanted, Refusal> {
        let field = |name: &str, of| fields.iter().find(|field| field.name == name).ok_or_else(|| wrong(of));
        let mut tests = Vec::new();
        for (name, value) in &self.filter {
            let field = field(name, "filter")?;
            tests.push((field, test(field.kind, value).ok_or_else(|| wrong("filter"))?));
        }
        let sort = match self.sort.first() {
            Some((name, is_descending)) => Some((field(name, "sort")?, *is_descending)),
            None => None,
        };
        Ok(Wanted { tests, sort })
    }
}

fn wrong(name: &'static str) -> Refusal {
    Refusal::input(name, "The value of :name is not valid").with("name", name)
}

/// An array is any of its values, `op:value` a comparison, a text of a text field a part of it, anything else the value itself.
fn test(kind: Kind, value: &Value) -> Option<Test> {
    if let Value::Array(items) = value {
        let values: Option<Vec<Bound>> = items.iter().map(|item| bound(kind, item)).collect();
        return values.filter(|values| values.len() <= MOST_VALUES).map(Test::In);
    }
    let Some(text) = value.as_str() else { return Some(Test::Compare(Op::Equal, bound(kind, value)?)) };
    let (word, rest) = text.split_once(':').unwrap_or(("", text));
    let given = Value::from(rest);
    let compare = |op| Some(Test::Compare(op, bound(kind, &given)?));
    match word {
        "eq" => compare(Op::Equal),
        "gt" => compare(Op::Greater),
        "gte" => compare(Op::AtLeast),
        "lt" => compare(Op::Less),
        "lte" => compare(Op::AtMost),
        "like" => Some(Test::Holds(rest.to_owned())),
        "notlike" => Some(Test::Lacks(rest.to_owned())),
        "null" => Some(Test::Empty),
        "notnull" => Some(Test::Filled),
        _ if matches!(text, "null" | "notnull") => Some(if text == "null" { Test::Empty } else { Test::Filled }),
        _ if kind == Kind::Flag => Some(Test::Compare(Op::Equal, bound(kind, value)?)),
        _ => Some(Test::Holds(text.to_owned())),
    }
}

/// A value as a field of a kind is compared with.
fn bound(kind: Kind, value: &Value) -> Option<Bound> {
    let number = || match value {
        Value::Number(number) => number.as_i64(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    Some(match kind {
        Kind::Number => Bound::from(number()?),
        Kind::Moment => Bound::from(number()?.checked_mul(1_000)?),
        Kind::Flag => Bound::from(match value.as_str() {
            Some("true") => true,
            Some("false") => false,
            _ => number()? != 0,
        }),
        Kind::Text => match value {
            Value::String(text) => Bound::from(text.as_str()),
            Value::Number(number) => Bound::from(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        },
    })
}
