//! One bad request after the other.

use gatehouse_testkit::Installation;

use super::{memory, rows};
use crate::{
    GATEHOUSE,
    oa::system::{C, D, FORM, G, OaSystem, code, token},
    wire::{Answer, Wire, encode, request},
};

const MIB: usize = 1 << 20;
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=B";

/// A connection of its own for each, as some end theirs; `None`: the server hung up without a word.
async fn exchange(base: &str, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut wire = Wire::connect(base).await.unwrap();
    // A server that refuses early may be gone before everything was sent.
    let _ = wire.send(bytes).await;
    wire.answer().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_username_upsets_the_surface() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    OaSystem::connect(&base, &t).await.unwrap().make("somebody").await;
    let before = rows(&house).await;
    let metacharacters = [
        "'",
        "''",
        "\"",
        "`",
        ";",
        "--",
        "/*",
        "%",
        "_",
        "\\",
        "' OR 1=1 --",
        "'; DROP TABLE oa_user; --",
        "\" UNION SELECT * FROM api_token --",
        "somebody'--",
        "$1",
        "?1",
        ":name",
        "@x",
        "{{7*7}}",
        "%s%n",
        "|id",
        "\u{feff}",
    ];
    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    for name in metacharacters {
        assert_eq!((oa.code(D, name).await, oa.code(C, name).await), (404, 412), "{name}");
    }
    let controls = ["\0", "somebody\0", "a\0b", "\n", "a\r\nb", "\u{7f}", "\u{85}", "\u{1b}[31m", "", &"x".repeat(256)];
    for name in controls {
        for endpoint in [G, C, D] {
            assert_eq!(oa.code(endpoint, name).await, 406, "{name:?}");
        }
    }
    for token in metacharacters.into_iter().chain(controls) {
        for endpoint in [G, C, D] {
            let mut stranger = OaSystem::connect(&base, token).await.unwrap();
            assert_eq!(stranger.code(endpoint, "somebody").await, 401, "{token:?}");
        }
    }
    assert_eq!(rows(&house).await, before, "nothing was written");
    assert!(!running.stop().contains("ERROR"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_upsets_the_surface() {
    let house = Installation::new(GATEHOUSE).with("OA__REQUEST_TIMEOUT", "2s");
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    let before = rows(&house).await;
    let large = "x".repeat(MIB);
    let multipart = |value: &[u8]| {
        let head = format!(
            "--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{t}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n"
        );
        [head.as_bytes(), value, b"\r\n--B--\r\n"].concat()
    };
    let nested = format!(r#"{{"token":"{t}","username":"a","x":{}}}"#, "[".repeat(60_000));
    let pairs = "a=b&".repeat(15_000) + &format!("token={t}&username=");
    let parts: String =
        (0..600).map(|n| format!("--B\r\nContent-Disposition: form-data; name=\"x{n}\"\r\n\r\ny\r\n")).collect();
    let rows_of_bodies: Vec<(&str, &str, Vec<u8>, u64)> = vec![
        // Too large, in each form; 413 is an HTTP status, too.
        ("form of a megabyte", FORM, format!("token={t}&username={large}").into(), 413),
        ("multipart of a megabyte", MULTIPART, multipart(large.as_bytes()), 413),
        ("JSON of a megabyte", JSON, format!(r#"{{"token":"{t}","username":"{large}"}}"#).into(), 413),
        ("one byte too many", FORM, vec![b'x'; (64 << 10) + 1], 413),
        ("just not too many", FORM, vec![b'x'; 64 << 10], 401),
        // Multipart that is none.
        ("no parts", MULTIPART, Vec::new(), 401),
        ("only the end", MULTIPART, b"--B--".to_vec(), 401),
        ("no end", MULTIPART, b"--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx".to_vec(), 401),
        ("no disposition", MULTIPART, b"--B\r\n\r\nx\r\n--B--\r\n".to_vec(), 401),
        ("another boundary", "multipart/form-data; boundary=C", multipart(b"a"), 401),
        ("an empty boundary", "multipart/form-data; boundary=", multipart(b"a"), 401),
        ("no line ends", MULTIPART, b"--B Content-Disposition: form-data; name=token".to_vec(), 401),
        ("noise", MULTIPART, (0..=255).cycle().take(5_000).collect(), 401),
        ("six hundred parts", MULTIPART, format!("{parts}--B--\r\n").into(), 401),
        ("a NUL byte", MULTIPART, multipart(b"a\0b"), 406),
        ("no UTF-8", MULTIPART, multipart(b"\xff\xfe"), 406),
        ("another transfer encoding", MULTIPART, multipart(b"=00"), 412),
        // Forms.
        ("fifteen thousand fields", FORM, pairs.into(), 406),
        ("nothing but separators", FORM, b"&&&==&=&".to_vec(), 401),
        ("broken escapes", FORM, format!("token={t}&username=%zz%").into(), 412),
        ("escaped NUL", FORM, format!("token={t}&username=%00").into(), 406),
        ("raw NUL", FORM, format!("token={t}&username=\0").into(), 406),
        ("overlong UTF-8", FORM, format!("token={t}&username=%c0%af").into(), 406),
        ("a surrogate", FORM, format!("token={t}&username=%ed%a0%80").into(), 406),
        ("the same field twice", FORM, format!("token={t}&username=&username=a").into(), 406),
        ("a field like an array", FORM, format!("token[]={t}&username[]=a").into(), 401),
        // JSON.
        ("sixty thousand brackets", JSON, nested.into(), 401),
        ("half a surrogate", JSON, format!(r#"{{"token":"{t}","username":"\ud800"}}"#).into(), 401),
        ("an escaped NUL", JSON, format!(r#"{{"token":"{t}","username":"\u0000"}}"#).into(), 406),
        ("an object", JSON, format!(r#"{{"token":"{t}","username":{{"$ne":null}}}}"#).into(), 406),
        ("a list", JSON, format!(r#"[{{"token":"{t}","username":"a"}}]"#).into(), 401),
        ("a huge number", JSON, format!(r#"{{"token":"{t}","username":1e999999}}"#).into(), 401),
        ("twice in JSON", JSON, format!(r#"{{"token":"{t}","token":"x","username":""}}"#).into(), 406),
        ("a byte order mark", JSON, format!("\u{feff}{{\"token\":\"{t}\"}}").into(), 401),
        ("no text", JSON, vec![0xff; 100], 401),
    ];
    for (what, kind, body, expected) in rows_of_bodies {
        let answer = exchange(&base, request(&format!("POST {C}"), Some(kind), body)).await;
        let answer = answer.unwrap_or_else(|| panic!("{what}: hung up"));
        let status = if expected == 413 { 413 } else { 200 };
        assert_eq!((answer.status, code(&answer.body)), (status, expected), "{what}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{what}");
    }
    // Broken on the way: chunks that are none, an end too early, a client that gives up.
    let head = format!("POST {G} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n");
    for (what, rest, expected) in [
        ("a chunk without size", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 408),
        ("a chunk of the wrong size", "Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n", 408),
        ("a body that never comes", "Content-Length: 10\r\n\r\ntoken", 408),
    ] {
        let answer = exchange(&base, format!("{head}{rest}")).await.unwrap_or_else(|| panic!("{what}: hung up"));
        assert_eq!((answer.status, code(&answer.body)), (expected, u64::from(expected)), "{what}");
    }
    let chunks =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", "1000\r\n".to_owned() + &"x".repeat(0x1000) + "\r\n");
    let endless =
        [chunks.as_bytes(), format!("1000\r\n{}\r\n", "x".repeat(0x1000)).repeat(400).as_bytes(), b"0\r\n\r\n"]
            .concat();
    assert_eq!(exchange(&base, endless).await.unwrap().status, 413);
    assert_eq!(rows(&house).await, before, "nothing was written");
    OaSystem::connect(&base, &t).await.unwrap().make("a good one").await;
    let log = running.stop();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_head_upsets_the_server() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let (base, t) = (running.url("http"), token(&house));
    let (before, started) = (rows(&house).await, memory(&running));
    let good = format!("token={t}&username=a");
    let large = "x".repeat(MIB);
    let many: String = (0..300).map(|n| format!("X-{n}: y\r\n")).collect();
    let head = |line: &str, more: &str| format!("{line}\r\nHost: x\r\n{more}\r\n");
    let form = format!("Content-Type: {FORM}\r\n");
    // Each may be refused by an answer of 4xx or by the end of the connection; 200 only where the envelope says no.
    let heads = [
        head(&format!("POST {G} HTTP/1.1"), &format!("X: {large}\r\n")),
        head(&format!("POST {G}?username={large} HTTP/1.1"), ""),
        head(&format!("POST {G} HTTP/1.1"), &many),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Content-Length: -1\r\n")),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Content-Length: 99999999999999999999\r\n")),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Content-Length: 1\r\nContent-Length: 2\r\n")),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Content-Length: 1, 2\r\n")),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Transfer-Encoding: gzip\r\n")),
        head(&format!("POST {G} HTTP/1.1"), &format!("{form}Transfer-Encoding: chunked, gzip\r\n")),
        head(&format!("POST {G} HTTP/9.9"), ""),
        head(&format!("POST {G}\0 HTTP/1.1"), ""),
        head(&format!("POST {G} HTTP/1.1"), "X: a\0b\r\n"),
        head(&format!("POST {G} HTTP/1.1"), "X : y\r\n"),
        head(&format!("POST {G} HTTP/1.1"), " folded: y\r\n"),
        head(&format!("POST {G} HTTP/1.1"), "no colon\r\n"),
        head(&format!("P\u{e9}ST {G} HTTP/1.1"), ""),
        head("POST HTTP/1.1", ""),
        head(&format!("POST http://[::1/{G} HTTP/1.1"), ""),
        head("CONNECT oa.test:443 HTTP/1.1", ""),
        head("OPTIONS * HTTP/1.1", ""),
        head(&format!("POST {G}/../../etc/passwd HTTP/1.1"), ""),
        head(&format!("POST {G}%00 HTTP/1.1"), ""),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n\r\n\r\n\0\0\0\0\r\n\r\n".to_owned(),
        format!("\u{16}\u{3}\u{1}{}", "\u{1}".repeat(500)),
        format!("{large}\r\n\r\n"),
    ];
    for bytes in &heads {
        let what = &bytes[..bytes.len().min(80)];
        if let Some(answer) = exchange(&base, bytes).await {
            assert!((300..500).contains(&answer.status) || answer.body.contains("401"), "{what:?}: {answer:?}");
        }
    }
    // Requests that follow each other in one piece are answered one by one, and a second one cannot hide in a first.
    let hidden = request(&format!("POST {D}"), Some(FORM), &good);
    let mut wire = Wire::connect(&base).await.unwrap();
    let outer = request(&format!("POST {D}"), Some(FORM), format!("token={t}&username={}", encode("b")));
    let answers =
        [wire.exchange([outer.clone(), hidden, outer].concat()).await, wire.answer().await, wire.answer().await];
    assert_eq!(answers.map(|answer| code(&answer.unwrap().body)), [404, 404, 404]);
    let smuggled = format!(
        "POST {D} HTTP/1.1\r\nHost: x\r\n{form}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         POST {G} HTTP/1.1\r\nHost: x\r\n{form}Content-Length: {}\r\n\r\n{good}",
        good.len()
    );
    let answer = exchange(&base, smuggled).await;
    assert!(answer.is_none_or(|answer| answer.status == 400 || answer.body.contains("401")));
    assert_eq!(rows(&house).await, before, "nothing was written");

    let mut oa = OaSystem::connect(&base, &t).await.unwrap();
    oa.make("a good one").await;
    let grown = memory(&running).saturating_sub(started);
    assert!(grown < 64 << 20, "{} KiB more", grown >> 10);
    assert!(!running.stop().contains("ERROR"));
}
