//! `GET audit/operation/export/`

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use gatehouse_domain::{
    Ctx, Error,
    audit::Stream,
    bastion::log::{self, ChainedRow, Export},
};
use gatehouse_kit::log_error;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    JsonLines,
    Csv,
}

/// Downloads a stream of the audit trail with the values of its chain.
///
/// Shape: `?format=jsonl|csv&stream=change|login|access|alert&start_time=&end_time=` → `application/x-ndjson` or `text/csv`,
/// oldest first; seq and hash (hex) are empty while a row is not chained. Units: `at` milliseconds since 1970 UTC.
/// Errors: 403; E400f. Source: specs/bastion.md §12, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("audit.operation.export")?;
    let mut query = call.query();
    let wrong = |field: &'static str| Refusal::field(field, text::INVALID);
    let format = match query.raw("format") {
        None | Some("jsonl") => Format::JsonLines,
        Some("csv") => Format::Csv,
        Some(_) => return Err(wrong("format")),
    };
    let stream = match query.raw("stream") {
        None | Some("change") => Stream::Change,
        Some("login") => Stream::Login,
        Some("access") => Stream::Access,
        Some("alert") => Stream::Alert,
        Some(_) => return Err(wrong("stream")),
    };
    let (from, until) = (query.from_time("start_time"), query.until_time("end_time"));
    query.finish()?;
    let export = Export { stream, from, until };
    log::begin_export(&ctx, &export).await?;
    Ok(Reply::raw(download(ctx, export, format)))
}

/// The whole file, read page by page while it is taken.
fn download(ctx: Ctx, export: Export, format: Format) -> Response {
    let (kind, name) = match format {
        Format::JsonLines => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let head = match format {
        Format::JsonLines => String::new(),
        Format::Csv => format!("{}\r\n", COLUMNS.join(",")),
    };
    let pages = stream::try_unfold((ctx, 0, head), move |(ctx, above, head)| async move {
        let rows = log::export_page(&ctx, &export, above).await.inspect_err(log_error)?;
        let Some(last) = rows.last().map(|row| row.row.id) else {
            // The head stands alone when there are no rows at all.
            return Ok((!head.is_empty()).then(|| (Bytes::from(head), (ctx, above, String::new()))));
        };
        let page = rows.iter().fold(head, |page, row| page + &line(row, format));
        Ok::<_, Error>(Some((Bytes::from(page), (ctx, last, String::new()))))
    });
    let mut response = Response::new(Body::from_stream(pages));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const COLUMNS: [&str; 18] = [
    "seq",
    "hash",
    "id",
    "at",
    "stream",
    "actor_kind",
    "actor_id",
    "actor_name",
    "actor_label",
    "origin",
    "action",
    "object_kind",
    "object_id",
    "object_name",
    "outcome",
    "address",
    "request_id",
    "detail",
];

/// The values of a row, in the order of [`COLUMNS`].
fn values(ChainedRow { row, seq, hash }: &ChainedRow) -> [Value; 18] {
    [
        json!(seq),
        json!(hash.as_deref().map(hexadecimal)),
        json!(row.id),
        json!(row.at.0),
        json!(row.stream),
        json!(row.actor_kind),
        json!(row.actor_id),
        json!(row.actor_name),
        json!(row.actor_label),
        json!(row.origin),
        json!(row.action),
        json!(row.object_kind),
        json!(row.object_id),
        json!(row.object_name),
        json!(row.outcome),
        json!(row.address),
        json!(row.request_id),
        json!(row.detail),
    ]
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| text + &format!("{byte:02x}"))
}

/// A row with the end of its line.
fn line(row: &ChainedRow, format: Format) -> String {
    let values = values(row);
    match format {
        Format::JsonLines => {
            let pairs = COLUMNS.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{value}"));
            format!("{{{}}}\n", pairs.collect::<Vec<_>>().join(","))
        }
        Format::Csv => format!("{}\r\n", values.iter().map(cell).collect::<Vec<_>>().join(",")),
    }
}

/// RFC 4180: what has a comma, a quote or a line end stands in quotes.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains(['"', ',', '\r', '\n']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_when_they_must() {
        assert_eq!(cell(&json!(null)), "");
        assert_eq!(cell(&json!(-7)), "-7");
        assert_eq!(cell(&json!("管理员")), "管理员");
        assert_eq!(cell(&json!("a,\"b\"\n")), "\"a,\"\"b\"\"\n\"");
    }
}
