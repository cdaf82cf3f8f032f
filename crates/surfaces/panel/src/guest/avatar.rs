//! `avatar/{hash}`: a picture for whoever has none, drawn from the hash that `user/info` names (specs/panel.md §2.3).

use std::fmt::Write as _;

use axum::{body::Body, response::Response};
use gatehouse_domain::panel::Refusal;
use http::{HeaderValue, header};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Squares in a row; the right ones mirror the left ones.
const SQUARES: usize = 5;

/// Draws a picture: SVG, the same for the same hash, whoever's it is. Errors: 404 for what is no hash.
pub(super) async fn avatar(call: &Call) -> Outcome {
    let hash = call.part(0).as_bytes();
    if hash.len() != 32 || !hash.iter().all(u8::is_ascii_hexdigit) {
        return Err(Refusal::missing("Not Found").into());
    }
    let mut response = Response::new(Body::from(drawn(hash)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(Answer::Raw(Box::new(response)))
}

fn drawn(hash: &[u8]) -> String {
    let digit = |place: usize| hash.get(place).and_then(|byte| char::from(*byte).to_digit(16)).unwrap_or(0);
    let hue = (digit(29) * 256 + digit(30) * 16 + digit(31)) % 360;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SQUARES} {SQUARES}\" fill=\"hsl({hue},55%,50%)\">\
         <rect width=\"{SQUARES}\" height=\"{SQUARES}\" fill=\"#f4f4f4\"/>"
    );
    for y in 0..SQUARES {
        for x in 0..SQUARES {
            let mirrored = x.min(SQUARES - 1 - x);
            if digit(y * 3 + mirrored) % 2 == 0 {
                // Writing into a String cannot fail.
                let _ = write!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\"/>");
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn a_picture_is_the_same_for_the_same_hash() {
        let (one, other) = (b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210");
        assert_eq!(drawn(one), drawn(one));
        assert_ne!(drawn(one), drawn(other));
        assert!(drawn(one).starts_with("<svg ") && drawn(one).ends_with("</svg>"));
    }
}
