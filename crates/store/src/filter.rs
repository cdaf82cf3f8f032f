//! Lists that staff filter and sort as they like: by fields of a fixed list, each of which is a piece of SQL written here in the
//! package. No text of a client becomes SQL: values are bound, names are looked up (specs/panel.md §4.0, §7.7).

use std::{
    collections::BTreeSet,
    panic::Location,
    sync::{Mutex, PoisonError},
};

use crate::{Args, Error, Result, Statement, Value, like};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer in the unit of the wire.
    Number,
    /// A text; its SQL gives it in lower case.
    Text,
    /// A truth value.
    Flag,
}

/// A field by which a list may be filtered and sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is in the statement.
    expr: &'static str,
}

impl Field {
    /// A field of a list; `expr` is SQL for both engines.
    pub(crate) const fn new(name: &'static str, kind: Kind, expr: &'static str) -> Self {
        Self { name, kind, expr }
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Has the text somewhere in it.
    Like,
    /// Has it nowhere.
    NotLike,
    /// Is none.
    Null,
    /// Is some.
    NotNull,
    /// Is one of several.
    In,
}

/// With what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// With nothing.
    Nothing,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// A truth value.
    Flag(bool),
    /// Any of these.
    Any(Vec<String>),
}

/// One condition of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Of what.
    pub field: &'static Field,
    /// How.
    pub test: Test,
    /// With what.
    pub given: Given,
}

/// What of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// All of them hold.
    pub conditions: Vec<Condition>,
    /// By what it is sorted, and whether from the highest; none: the newest first.
    pub order: Option<(&'static Field, bool)>,
    /// Rows of a page.
    pub limit: i64,
    /// Rows before it.
    pub offset: i64,
}

/// Conditions of one filter at most.
pub const MOST_CONDITIONS: usize = 8;
/// Texts of statements kept at most: each combination of fields is one. More than staff ever use.
const MOST_TEXTS: usize = 5_000;

/// The conditions as `AND …`, in an order that depends on them alone, and their arguments, numbered after those in `args`.
pub(crate) fn conditions(list: &[Condition], args: &mut Args) -> String {
    let mut list: Vec<&Condition> = list.iter().take(MOST_CONDITIONS).collect();
    list.sort_by_key(|condition| (condition.field.name, condition.test));
    let mut text = String::new();
    for Condition { field, test, given } in list {
        let expr = field.expr;
        let mut bind = |value: Value| {
            args.push(value);
            args.len()
        };
        let whole = format!("CAST({expr} AS TEXT)");
        let part = match (test, given) {
            (Test::Null, _) => format!("({expr}) IS NULL"),
            (Test::NotNull, _) => format!("({expr}) IS NOT NULL"),
            (Test::Like, Given::Text(typed)) => {
                format!("{whole} LIKE ${} ESCAPE '\\'", bind(like::contains(typed).into()))
            }
            (Test::NotLike, Given::Text(typed)) => {
                let at = bind(like::contains(typed).into());
                format!("({whole} IS NULL OR {whole} NOT LIKE ${at} ESCAPE '\\')")
            }
            (Test::In, Given::Any(values)) => {
                // A list of any length is one parameter, and nothing in it a pattern.
                let list =
                    format!("|{}|", values.iter().map(|value| value.replace('|', "")).collect::<Vec<_>>().join("|"));
                let at = bind(list.into());
                format!("replace(${at}, '|' || {whole} || '|', '') <> ${at}")
            }
            (test, given) => {
                let sign = match test {
                    Test::Gt => ">",
                    Test::Gte => ">=",
                    Test::Lt => "<",
                    Test::Lte => "<=",
                    _ => "=",
                };
                let value: Value = match given {
                    Given::Number(number) => (*number).into(),
                    Given::Text(text) => text.into(),
                    Given::Flag(flag) => (*flag).into(),
                    Given::Nothing | Given::Any(_) => continue,
                };
                format!("({expr}) {sign} ${}", bind(value))
            }
        };
        text += &format!(" AND {part}");
    }
    text
}

/// `ORDER BY …` with a tie-breaker that makes it total.
pub(crate) fn order(order: Option<(&'static Field, bool)>, key: &str) -> String {
    match order {
        Some((field, true)) => format!(" ORDER BY {} DESC NULLS LAST, {key} DESC", field.expr),
        Some((field, false)) => format!(" ORDER BY {} NULLS LAST, {key}", field.expr),
        None => format!(" ORDER BY {key} DESC"),
    }
}

/// The statement of a list. Errors: more different ones than staff ever use, as each is kept.
#[track_caller]
pub(crate) fn statement(text: String) -> Result<Statement> {
    static TEXTS: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(&text, &mut hasher);
    let hash = std::hash::Hasher::finish(&hasher);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if texts.len() >= MOST_TEXTS && !texts.contains(&hash) {
        return Err(Error::other(Location::caller(), "too many different filters since the start"));
    }
    texts.insert(hash);
    drop(texts);
    Ok(Statement::built(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ID: Field = Field::new("id", Kind::Number, "p.id");
    static EMAIL: Field = Field::new("email", Kind::Text, "a.email_key");

    #[test]
    fn the_text_depends_on_the_fields_alone() {
        let like = Condition { field: &EMAIL, test: Test::Like, given: Given::Text("50%".to_owned()) };
        let above = Condition { field: &ID, test: Test::Gte, given: Given::Number(7) };
        let mut args = Args::new();
        let text = conditions(&[above.clone(), like.clone()], &mut args);
        assert_eq!(text, " AND CAST(a.email_key AS TEXT) LIKE $1 ESCAPE '\\' AND (p.id) >= $2");
        assert_eq!(args, [Value::from("%50\\%%"), Value::from(7)]);
        assert_eq!(conditions(&[like, above], &mut Args::new()), text);
    }
}
