//! The upgrade of a request.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{Reader, Socket, Writer};
use crate::Connection;

/// The request is not a WebSocket handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnUpgrade;

impl IntoResponse for NotAnUpgrade {
    fn into_response(self) -> Response {
        let headers = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        (StatusCode::UPGRADE_REQUIRED, headers).into_response()
    }
}

/// A request that asks for a WebSocket.
pub struct Upgrade {
    upgraded: OnUpgrade,
    accept: HeaderValue,
    protocols: Vec<String>,
}

impl Upgrade {
    /// Reads the handshake of a request.
    pub fn of(request: &mut Request) -> Result<Self, NotAnUpgrade> {
        let headers = request.headers();
        let is_handshake = request.method() == Method::GET
            && lists(headers, &header::CONNECTION, "upgrade")
            && lists(headers, &header::UPGRADE, "websocket")
            && only(headers, &header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = only(headers, &header::SEC_WEBSOCKET_KEY).filter(|_| is_handshake).ok_or(NotAnUpgrade)?;
        let accept = gatehouse_websocket::accept(key.as_bytes()).ok_or(NotAnUpgrade)?;
        let accept = HeaderValue::try_from(accept).map_err(|_| NotAnUpgrade)?;
        let protocols = words(headers, &header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let upgraded = request.extensions_mut().remove::<OnUpgrade>().ok_or(NotAnUpgrade)?;
        Ok(Self { upgraded, accept, protocols })
    }

    /// The subprotocols the client offers, in its order. One of them may be a secret.
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// The answer, and what becomes a socket once the answer has been sent. Messages are at most `limit` bytes long.
    pub fn accept(self, protocol: Option<&'static str>, limit: usize) -> (Response, Opening) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        (response, Opening { upgraded: self.upgraded, limit })
    }
}

/// A socket that opens as soon as the answer has been sent.
pub struct Opening {
    upgraded: OnUpgrade,
    limit: usize,
}

impl Opening {
    /// The open socket, whose peer the system does not give up for `patience`; `None`: the client is gone.
    pub async fn socket(self, patience: std::time::Duration) -> Option<Socket> {
        let upgraded = self.upgraded.await.ok()?;
        let Ok(parts) = upgraded.downcast::<TokioIo<Connection>>() else {
            // A fault of the wiring: whoever serves routes with WebSockets serves them on this type.
            tracing::error!("a WebSocket was opened on a connection that is not of kit's kind");
            return None;
        };
        let connection = parts.io.into_inner();
        // Fails for a socket that is gone, which shows at the first read.
        let _ = connection.set_patience(patience);
        let (read, write) = tokio::io::split(connection);
        Some(Socket { reader: Reader::new(read, &parts.read_buf, self.limit), writer: Writer::new(write) })
    }
}

/// The value of a header that must not be repeated.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether a comma-separated header has a word, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|listed| listed.eq_ignore_ascii_case(word))
}

/// The words of a comma-separated header.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_handshake_is_one() {
        let read = |change: &dyn Fn(&mut Request)| {
            let mut request = http::Request::get("/")
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", "WebSocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .body(Body::empty())
                .unwrap();
            let other = http::Request::new(());
            let on_upgrade = hyper::upgrade::on(other);
            request.extensions_mut().insert(on_upgrade);
            change(&mut request);
            Upgrade::of(&mut request).is_ok()
        };
        assert!(read(&|_| {}));
        assert!(!read(&|request| *request.method_mut() = Method::POST));
        for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
            let without = |request: &mut Request| drop(request.headers_mut().remove(name));
            assert!(!read(&without), "{name} is needed");
        }
        let twice = |request: &mut Request| {
            let other = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
            assert!(request.headers_mut().append("sec-websocket-key", other));
        };
        assert!(!read(&twice));
    }
}
