//! Paged lists (specs/bastion.md §4.4).

use gatehouse_model::{Paged, Paging};
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::reply::Reply;

/// Rows of a page unless asked otherwise.
pub(crate) const DEFAULT_SIZE: i64 = 10;
/// Most rows of a page.
pub(crate) const MAX_SIZE: i64 = 100;
/// Most rows of `all=true`.
pub(crate) const MAX_ALL: i64 = 10_000;

/// Renders a page; each row as the endpoint shows it.
pub(crate) fn reply<T, S: Serialize>(paging: Paging, page: Paged<T>, show: impl FnMut(T) -> S) -> Reply {
    reply_with(paging, page, show, Option::<()>::None)
}

/// Renders a page with `extra`.
pub(crate) fn reply_with<T, S: Serialize>(
    paging: Paging,
    page: Paged<T>,
    show: impl FnMut(T) -> S,
    extra: impl Serialize,
) -> Reply {
    let is_truncated = paging.limit == MAX_ALL && page.total > MAX_ALL;
    let rows: Vec<S> = page.rows.into_iter().map(show).collect();
    let reply = Reply::page_with(page.total, rows, extra);
    if is_truncated {
        reply.with(HeaderName::from_static("x-truncated"), HeaderValue::from_static("true"))
    } else {
        reply
    }
}

/// A page of a short list that is here as a whole.
pub(crate) fn of_whole<T>(paging: Paging, mut rows: Vec<T>) -> Paged<T> {
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if paging.is_descending {
        rows.reverse();
    }
    let skip = usize::try_from(paging.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    Paged { total, rows: rows.into_iter().skip(skip).take(take).collect() }
}
