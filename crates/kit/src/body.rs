//! Request bodies with a limit and a deadline.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::Fault;

/// How much body a surface takes, and how long it waits for it.
#[derive(Debug, Clone, Copy)]
pub struct BodyRule {
    /// Largest body in bytes.
    pub limit: usize,
    /// From the first look at the body to its last byte.
    pub deadline: Duration,
}

/// How many bytes beyond the limit are read and thrown away, so that a client that sends first and listens later hears
/// the refusal instead of a reset connection.
const SURPLUS: usize = 8 << 20;

/// Reads a body whole.
///
/// Errors: [`Fault::TooLarge`]; [`Fault::Incomplete`] when the deadline passes or the connection breaks.
pub async fn read_body(headers: &HeaderMap, body: Body, rule: BodyRule) -> Result<Bytes, Fault> {
    let declared = usize::try_from(HttpBody::size_hint(&body).lower()).unwrap_or(usize::MAX);
    let too_large = declared > rule.limit;
    // A client that waits for "100 Continue" has not sent anything yet and need not.
    if too_large && headers.contains_key(header::EXPECT) {
        return Err(Fault::TooLarge);
    }
    match tokio::time::timeout(rule.deadline, collect(body, declared, rule.limit)).await {
        Ok(whole) => whole,
        Err(_elapsed) if too_large => Err(Fault::TooLarge),
        Err(_elapsed) => Err(Fault::Incomplete),
    }
}

async fn collect(mut body: Body, declared: usize, limit: usize) -> Result<Bytes, Fault> {
    let mut whole = Vec::with_capacity(declared.min(limit));
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_broken| Fault::Incomplete)?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= limit {
            whole.extend_from_slice(&data);
        } else if size > limit.saturating_add(SURPLUS) {
            break;
        }
    }
    if size > limit { Err(Fault::TooLarge) } else { Ok(whole.into()) }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const RULE: BodyRule = BodyRule { limit: 8, deadline: Duration::from_secs(5) };

    fn chunks(chunks: Vec<Result<&'static str, std::io::Error>>) -> Body {
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_arrives_whole_up_to_the_limit() {
        let headers = HeaderMap::new();
        assert_eq!(read_body(&headers, "12345678".into(), RULE).await, Ok(Bytes::from("12345678")));
        assert_eq!(read_body(&headers, "123456789".into(), RULE).await, Err(Fault::TooLarge));
        assert_eq!(read_body(&headers, chunks(vec![Ok("12"), Ok("34")]), RULE).await, Ok(Bytes::from("1234")));
        assert_eq!(read_body(&headers, chunks(vec![Ok("12345"), Ok("6789")]), RULE).await, Err(Fault::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_stalls_is_incomplete() {
        let headers = HeaderMap::new();
        let broken = chunks(vec![Ok("12"), Err(std::io::Error::other("reset"))]);
        assert_eq!(read_body(&headers, broken, RULE).await, Err(Fault::Incomplete));
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let rule = BodyRule { deadline: Duration::from_millis(1), ..RULE };
        assert_eq!(read_body(&headers, stalled, rule).await, Err(Fault::Incomplete));
    }

    #[tokio::test]
    async fn an_endless_body_is_not_read_to_its_end() {
        let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 65_536]))));
        assert_eq!(read_body(&HeaderMap::new(), endless, RULE).await, Err(Fault::TooLarge));
    }
}
