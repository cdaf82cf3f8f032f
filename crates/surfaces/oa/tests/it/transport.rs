//! specs/oa.md §1.2: the two answers whose HTTP status is not 200, through a real socket.

use std::time::Duration;

use gatehouse_domain::Settings;
use gatehouse_model::{ByteSize, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::with;

/// Serves the surface on a socket, sends these bytes, all of them, and only then listens until the server hangs up.
async fn exchange(settings: Settings, request: &[u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let surface = with(settings).await;
    let server = axum::serve(listener, surface.router.clone());
    let client = async {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::select! {
        answer = client => answer,
        ended = server => unreachable!("the server ended: {ended:?}"),
    }
}

fn post(head: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/generateUserProfile HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n{body}").into_bytes()
}

fn lines(answer: &str) -> (&str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    (head.lines().next().unwrap(), body)
}

#[tokio::test]
async fn a_name_of_a_megabyte_is_413_also_for_a_client_that_sends_first_and_listens_later() {
    let body = format!("token=t&username={}", "x".repeat(1 << 20));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let counted = post(&format!("{form}Content-Length: {}\r\n", body.len()), &body);
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = post(&format!("{form}Transfer-Encoding: chunked\r\n"), &chunk);
    for request in [counted, chunked] {
        let answer = exchange(Settings::default(), &request).await;
        let expected = r#"{"StatusCode":413,"StatusString":"Request Entity Too Large"}"#;
        assert_eq!(lines(&answer), ("HTTP/1.1 413 Payload Too Large", expected));
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let request = post("Content-Length: 1000000\r\nExpect: 100-continue\r\n", "");
    let answer = exchange(Settings::default(), &request).await;
    assert_eq!(lines(&answer).0, "HTTP/1.1 413 Payload Too Large");
}

#[tokio::test]
async fn a_body_that_does_not_come_whole_in_time_is_408() {
    let mut settings = Settings::default();
    settings.oa.request_timeout = Span(Duration::from_millis(20));
    let answer = exchange(settings, &post("Content-Length: 20\r\n", "token=")).await;
    let expected = r#"{"StatusCode":408,"StatusString":"Request Timeout"}"#;
    assert_eq!(lines(&answer), ("HTTP/1.1 408 Request Timeout", expected));
}

#[tokio::test]
async fn the_limits_are_the_configured_ones() {
    let mut settings = Settings::default();
    settings.oa.body_limit = ByteSize(8);
    let answer = exchange(settings.clone(), &post("Content-Length: 9\r\n", "token=123")).await;
    assert_eq!(lines(&answer).0, "HTTP/1.1 413 Payload Too Large");
    let answer = exchange(settings, &post("Content-Length: 8\r\n", "token=12")).await;
    assert_eq!(lines(&answer).0, "HTTP/1.1 200 OK");
}
