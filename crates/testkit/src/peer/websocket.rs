//! A WebSocket client that knows nothing of our server's code.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// A ping, which is answered by reading on.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The server closed: code and reason.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

/// An open client.
pub struct WebSocket {
    stream: WebSocketStream<TcpStream>,
    /// The subprotocol that the server selected.
    pub protocol: Option<String>,
}

/// What a handshake led to.
pub enum Handshake {
    /// An open socket.
    Open(Box<WebSocket>),
    /// An ordinary HTTP answer: status and body.
    Refused(u16, String),
}

impl WebSocket {
    /// Does a handshake with these headers. A small receive buffer makes a client that stalls felt early.
    pub async fn handshake(
        server: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        receive_buffer: Option<u32>,
    ) -> Result<Handshake> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = timeout(PATIENCE, socket.connect(server)).await??;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{server}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().append(http::HeaderName::try_from(*name)?, value.parse()?);
        }
        match timeout(PATIENCE, client_async(request, stream)).await? {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|name| name.to_str().map(str::to_owned)).transpose()?;
                Ok(Handshake::Open(Box::new(Self { stream, protocol })))
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                Ok(Handshake::Refused(response.status().as_u16(), body))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a socket.
    pub async fn open(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        match Self::handshake(server, path, headers, None).await? {
            Handshake::Open(socket) => Ok(*socket),
            Handshake::Refused(status, body) => bail!("refused: {status} {body}"),
        }
    }

    /// The next frame.
    pub async fn next(&mut self) -> Result<Frame> {
        Ok(match timeout(PATIENCE, self.stream.next()).await.context("the server says nothing")? {
            Some(Ok(Message::Text(text))) => Frame::Text(text.to_string()),
            Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes),
            Some(Ok(Message::Ping(bytes))) => Frame::Ping(bytes),
            Some(Ok(Message::Pong(bytes))) => Frame::Pong(bytes),
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.unwrap_or(CloseFrame { code: 1005.into(), reason: "".into() });
                Frame::Closed(frame.code.into(), frame.reason.to_string())
            }
            Some(Ok(Message::Frame(_))) => bail!("a raw frame was read"),
            Some(Err(Error::Protocol(error))) => return Err(error).context("the server breaks the protocol"),
            Some(Err(Error::Utf8(error))) => bail!("a text that is none: {error}"),
            Some(Err(_)) | None => Frame::Gone,
        })
    }

    /// The next message: pings and pongs are passed over.
    pub async fn message(&mut self) -> Result<Frame> {
        loop {
            match self.next().await? {
                Frame::Ping(_) | Frame::Pong(_) => {}
                frame => return Ok(frame),
            }
        }
    }

    /// Output, of either kind of frame, until it has so many bytes.
    pub async fn output(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        while output.len() < length {
            match self.message().await? {
                Frame::Text(text) => output.extend_from_slice(text.as_bytes()),
                Frame::Binary(bytes) => output.extend_from_slice(&bytes),
                other => bail!("{other:?} after {} bytes", output.len()),
            }
        }
        Ok(output)
    }

    /// Output until it contains a text.
    pub async fn expect(&mut self, wanted: &str) -> Result<String> {
        let mut seen = Vec::new();
        loop {
            match self.message().await? {
                Frame::Text(text) => seen.extend_from_slice(text.as_bytes()),
                Frame::Binary(bytes) => seen.extend_from_slice(&bytes),
                other => bail!("{other:?} instead of {wanted:?}, after {:?}", String::from_utf8_lossy(&seen)),
            }
            let text = String::from_utf8_lossy(&seen);
            if text.contains(wanted) {
                return Ok(text.into_owned());
            }
        }
    }

    /// Sends a text.
    pub async fn text(&mut self, text: impl Into<String>) -> Result<()> {
        self.send(Message::Text(text.into().into())).await
    }

    /// Sends bytes.
    pub async fn binary(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        self.send(Message::Binary(bytes.into())).await
    }

    /// Sends a ping.
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<()> {
        self.send(Message::Ping(payload.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        Ok(timeout(PATIENCE, self.stream.send(message)).await.context("the server takes nothing")??)
    }

    /// Says good-bye.
    pub async fn close(&mut self) -> Result<()> {
        Ok(timeout(PATIENCE, self.stream.close(None)).await??)
    }

    /// The connection itself, for breaking it.
    pub fn connection(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }
}
