//! How commands print: text for people, JSON with `--json`.

use std::io::{self, Write};

use gatehouse_model::Millis;
use serde::Serialize;

/// Where a command's result goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether machines read it.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a line of text; with `--json` nothing, because it is for people.
    pub(crate) fn say(self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.json { Ok(()) } else { line(text) }
    }

    /// Prints a result: as JSON, or in the words of `text`.
    pub(crate) fn show<T: Serialize>(self, result: &T, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        if self.json { line(serde_json::to_string_pretty(result)?) } else { line(text(result)) }
    }

    /// Prints a list: as a JSON array, or as a table with a head.
    pub(crate) fn table<T: Serialize, const N: usize>(
        self,
        head: [&str; N],
        list: &[T],
        row: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        if self.json {
            return line(serde_json::to_string_pretty(list)?);
        }
        let rows: Vec<[String; N]> = list.iter().map(row).collect();
        let mut widths = head.map(|name| name.chars().count());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let join = |cells: [&str; N]| {
            let cells = cells.into_iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        line(join(head.map(str::to_uppercase).each_ref().map(String::as_str)))?;
        rows.iter().try_for_each(|row| line(join(row.each_ref().map(String::as_str))))
    }
}

/// Prints one line whatever the form of the output.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Tells on standard error why a command did not do what was asked.
pub(crate) fn complain(error: &anyhow::Error) -> io::Result<()> {
    writeln!(io::stderr().lock(), "gatehouse: {error:#}")
}

/// Tells something beside the result, on standard error.
pub(crate) fn note(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{text}")
}

/// A moment, empty if there is none.
pub(crate) fn time(at: Option<Millis>) -> String {
    at.map(Millis::to_rfc3339).unwrap_or_default()
}

/// Names and values, one pair per line; those without a value are left out.
pub(crate) fn details(pairs: &[(&str, String)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = pairs.clone().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    pairs.map(|(name, value)| format!("{name:width$}  {value}")).collect::<Vec<_>>().join("\n")
}
