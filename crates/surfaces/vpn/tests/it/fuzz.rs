//! Random requests: 2,000 of them, and on for `FUZZ_SECONDS` where that is set:
//! `FUZZ_SECONDS=600 cargo test --release -p gatehouse-vpn --test it fuzz`.

use std::time::{Duration, Instant};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::support::{FORM, UPDATER, WEB_API, shared};

const KINDS: [Option<&str>; 6] = [
    Some(FORM),
    None,
    Some("multipart/form-data; boundary=B"),
    Some("multipart/form-data; boundary=\""),
    Some("application/json"),
    Some("application/x-www-form-urlencoded; charset=\u{ff}"),
];

/// Texts that are nearly parameters.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "[a-z]{0,4}(=|==|)[%+&a-f0-9]{0,12}".prop_map(String::into_bytes),
        Just(b"timestamp=1700000000".to_vec()),
        Just(b"sinfor_apitoken=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_vec()),
        Just(b"\r\n--B\r\nContent-Disposition: form-data; name=\"timestamp\"\r\n\r\n1\r\n--B--".to_vec()),
        Just(b"%".to_vec()),
        Just("名=值".as_bytes().to_vec()),
    ]
}

#[tokio::test]
async fn no_request_upsets_the_surface() {
    let surface = shared().await;
    let requests = (0..KINDS.len(), proptest::collection::vec(piece(), 0..8), "[ -~&&[^#]]{0,40}");
    #[expect(clippy::disallowed_methods, reason = "a knob of this test, not configuration")]
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut runner = match until {
        Some(_) => TestRunner::new(Config::default()),
        None => TestRunner::deterministic(),
    };
    let mut asked = 0_u64;
    while asked < 2_000 || until.is_some_and(|until| Instant::now() < until) {
        let (kind, pieces, extra) = requests.new_tree(&mut runner).unwrap().current();
        let query = if asked.is_multiple_of(2) { format!("{}&{extra}", *UPDATER) } else { extra };
        asked += 1;
        let mut request = http::Request::post(format!("{WEB_API}?{query}"));
        if let Some(kind) = KINDS[kind] {
            request = request.header(http::header::CONTENT_TYPE, kind);
        }
        // What is no address cannot be sent.
        if request.uri_ref().is_none() || request.headers_ref().is_none() {
            continue;
        }
        let body = pieces.join(b"&".as_slice());
        let answer = surface.exchange(request, body.clone()).await;
        assert_eq!(answer.status, 200, "{query} {body:?} {answer:?}");
        assert!(matches!(answer.code(), 1 | 4), "{query} {body:?} {answer:?}");
    }
}
