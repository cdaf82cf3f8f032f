//! Tables as files (specs/panel.md §4.0).

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};

use crate::answer::Answer;

/// A file of rows. Cells that a spreadsheet would take for a formula begin with an apostrophe.
pub(crate) fn file(name: &str, rows: &[Vec<String>]) -> Answer {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer::Raw(Box::new(response))
}

fn quoted(cell: &str) -> String {
    let is_formula = cell.chars().next().is_some_and(|c| matches!(c, '=' | '+' | '-' | '@') || c.is_control());
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (cell, written) in
            [("a", "a"), ("=1+1", "'=1+1"), ("-5", "'-5"), ("\tx", "'\tx"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\"")]
        {
            assert_eq!(quoted(cell), written);
        }
    }
}
