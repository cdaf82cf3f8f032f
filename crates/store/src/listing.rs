//! Lists that staff filter and sort: by the fields of a fixed table, never by names or texts they give.

use std::fmt::Write as _;

use crate::{Args, Query, Result, Row, Statement, Value};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A moment; callers speak of seconds.
    Moment,
    /// A text.
    Text,
    /// A truth value.
    Flag,
}

/// A field that a list may be filtered and sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As callers name it.
    pub name: &'static str,
    /// As the list's statement does.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// The same.
    Equal,
    /// More.
    Greater,
    /// More or the same.
    AtLeast,
    /// Less.
    Less,
    /// Less or the same.
    AtMost,
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A comparison.
    Compare(Op, Value),
    /// One of these.
    In(Vec<Value>),
    /// Holds this text somewhere, in any case.
    Holds(String),
    /// Does not.
    Lacks(String),
    /// Is empty.
    Empty,
    /// Is not.
    Filled,
}

/// What is asked of a list: at most one test of a field counts, the last one.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What rows must fulfil.
    pub tests: Vec<(&'static Field, Test)>,
    /// By which field, and whether downwards; none: by number, downwards.
    pub sort: Option<(&'static Field, bool)>,
}

/// The most values that a field may be one of.
pub const MOST_VALUES: usize = 64;

/// One page of a list and how many rows it has in all. `from` is what stands behind `FROM`, `columns` what is shown, `id` the column
/// that makes the order total.
#[track_caller]
pub(crate) fn page<'a, R: Row + 'a, Q: Query>(
    q: &'a mut Q,
    (columns, from, id): (&'static str, &'static str, &'static str),
    wanted: &Wanted,
    (offset, limit): (i64, i64),
) -> impl Future<Output = Result<(i64, Vec<R>)>> + 'a {
    let (clause, args) = clause(wanted);
    let order = match wanted.sort {
        Some((field, is_descending)) => {
            let direction = if is_descending { "DESC" } else { "ASC" };
            format!("{} {direction} NULLS LAST, {id} DESC", field.column)
        }
        None => format!("{id} DESC"),
    };
    let next = args.len() + 1;
    let count = format!("SELECT COUNT(*) AS n FROM {from}{clause}");
    let list = format!("SELECT {columns} FROM {from}{clause} ORDER BY {order} LIMIT ${next} OFFSET ${}", next + 1);
    let (count, list) = (Statement::built(count), Statement::built(list));
    async move {
        let total: Option<(i64,)> = q.one(count, args.clone()).await?;
        let mut args = args;
        args.extend([Value::from(limit), Value::from(offset)]);
        Ok((total.map_or(0, |(n,)| n), q.all(list, args).await?))
    }
}

/// The `WHERE` of a list. Its texts come from the tables of fields and a handful of shapes, so there are few of them.
fn clause(wanted: &Wanted) -> (String, Args) {
    let mut tests: Vec<&(&'static Field, Test)> = Vec::new();
    for test in wanted.tests.iter().rev() {
        if !tests.iter().any(|(field, _)| field.column == test.0.column) {
            tests.push(test);
        }
    }
    tests.sort_by_key(|(field, _)| field.column);
    let (mut text, mut args) = (String::new(), Args::new());
    for (field, test) in tests {
        text.push_str(if text.is_empty() { " WHERE " } else { " AND " });
        let column = field.column;
        match test {
            Test::Compare(op, value) => {
                args.push(value.clone());
                let sign = match op {
                    Op::Equal => "=",
                    Op::Greater => ">",
                    Op::AtLeast => ">=",
                    Op::Less => "<",
                    Op::AtMost => "<=",
                };
                // A `String` takes whatever is written to it.
                let _ = write!(text, "{column} {sign} ${}", args.len());
            }
            Test::In(values) => {
                // Few lengths make few texts: the last value fills up.
                let length = values.len().clamp(1, MOST_VALUES).next_power_of_two();
                let Some(last) = values.last() else {
                    text.push_str("1 = 0");
                    continue;
                };
                let filled = values.iter().chain(std::iter::repeat(last)).take(length);
                let mut names = Vec::with_capacity(length);
                for value in filled {
                    args.push(value.clone());
                    names.push(format!("${}", args.len()));
                }
                let _ = write!(text, "{column} IN ({})", names.join(", "));
            }
            Test::Holds(part) | Test::Lacks(part) => {
                args.push(Value::from(crate::like::contains(&part.to_ascii_lowercase())));
                let not = if matches!(test, Test::Lacks(_)) { "NOT " } else { "" };
                let _ =
                    write!(text, "LOWER(COALESCE(CAST({column} AS TEXT), '')) {not}LIKE ${} ESCAPE '\\'", args.len());
            }
            Test::Empty => {
                let _ = write!(text, "{column} IS NULL");
            }
            Test::Filled => {
                let _ = write!(text, "{column} IS NOT NULL");
            }
        }
    }
    (text, args)
}
