//! `audit/session/replay/`, `audit/session/download/`

use std::ops::Range;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use gatehouse_domain::{
    Ctx,
    bastion::stay,
    recording::{self, Playback, Purpose},
};
use http::{HeaderValue, StatusCode, header};

use super::named;
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    operation,
    reply::Reply,
};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-asciicast");

/// Plays a recording.
///
/// Shape: `?id=` of the session log or `?session_id=` → asciicast v2, `application/x-asciicast`, streamed; a stay that goes on
/// plays to its last record. `Range: bytes=` of one range: 206, or 416. Units: seconds in the events.
/// Errors: E403 without 103; E404, also when nothing was recorded or it was deleted.
/// Source: specs/bastion.md §10.2, §13.
pub(super) async fn replay(call: Call) -> Outcome {
    play(call, Purpose::Replay, "recording.replay").await
}

/// Gives a recording as a file.
///
/// Shape, units, errors: as [`replay`], with 104 instead of 103; `Content-Length` and a file name besides.
/// Source: specs/bastion.md §10.2, §13.
pub(super) async fn download(call: Call) -> Outcome {
    play(call, Purpose::Download, "recording.download").await
}

async fn play(call: Call, purpose: Purpose, action: &'static str) -> Outcome {
    let ctx = call.signed_in().await?;
    match open(&ctx, &call, purpose).await {
        Ok((session, playback)) => answer(&call, purpose, &session, playback).await,
        Err(refusal) => {
            if let Refusal::Error(gatehouse_domain::Error::Forbidden { .. }) = refusal {
                operation::note_refused(&ctx, action, None, StatusCode::FORBIDDEN).await;
            }
            Err(refusal)
        }
    }
}

async fn open(ctx: &Ctx, call: &Call, purpose: Purpose) -> Result<(String, Playback), Refusal> {
    let Some(named) = named(&call.query()) else {
        ctx.require(purpose.code())?;
        return Err(Refusal::not_found());
    };
    let session = stay::session_of(ctx, named, purpose).await?;
    let playback = recording::play(ctx, &session, purpose).await?;
    Ok((session, playback))
}

async fn answer(call: &Call, purpose: Purpose, session: &str, playback: Playback) -> Outcome {
    // What a range is of cannot be proved without a tag: then the whole is sent.
    let wanted = call.header("range").filter(|_| call.header("if-range").is_none());
    let length = match (wanted, purpose) {
        (None, Purpose::Replay) => None,
        _ => Some(playback.length().await?),
    };
    let part = wanted.zip(length).map_or(Part::Whole, |(wanted, length)| parse(wanted, length).unwrap_or(Part::Whole));
    let mut response = match (part, length) {
        (Part::Nothing, Some(length)) => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            return Ok(Reply::raw(response));
        }
        (Part::Some(part), Some(length)) => {
            let mut response = Response::new(Body::from_stream(playback.stream(part.clone())));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut response, header::CONTENT_LENGTH, &(part.end - part.start).to_string());
            let text = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            set(&mut response, header::CONTENT_RANGE, &text);
            response
        }
        _ => {
            let mut response = Response::new(Body::from_stream(playback.stream(0..length.unwrap_or(u64::MAX))));
            if let Some(length) = length {
                set(&mut response, header::CONTENT_LENGTH, &length.to_string());
            }
            response
        }
    };
    response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
    if purpose == Purpose::Download {
        set(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{session}.cast\""));
    }
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(Reply::raw(response))
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What of a recording is sent.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Some(Range<u64>),
    /// What was asked for is not there.
    Nothing,
}

/// One range of bytes; none when it cannot be read or there are several.
fn parse(text: &str, length: u64) -> Option<Part> {
    let (from, to) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let range = match (from, to) {
        ("", suffix) => length.saturating_sub(number(suffix)?)..length,
        (from, "") => number(from)?..length,
        (from, to) => {
            let (from, to) = (number(from)?, number(to)?);
            if to < from {
                return None;
            }
            from..to.saturating_add(1).min(length)
        }
    };
    Some(if range.start < range.end { Part::Some(range) } else { Part::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        for (text, range) in [
            ("bytes=0-0", Some(Part::Some(0..1))),
            ("bytes=0-99", Some(Part::Some(0..10))),
            ("bytes=3-", Some(Part::Some(3..10))),
            ("bytes=-4", Some(Part::Some(6..10))),
            ("bytes=-40", Some(Part::Some(0..10))),
            ("bytes=10-", Some(Part::Nothing)),
            ("bytes=-0", Some(Part::Nothing)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=x-", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("lines=0-1", None),
            ("bytes=0-18446744073709551615", Some(Part::Some(0..10))),
        ] {
            assert_eq!(parse(text, 10), range, "{text}");
        }
    }
}
