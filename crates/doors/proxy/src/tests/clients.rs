//! Clients: Shadowsocks by the crate, Trojan and VLESS by hand.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use gatehouse_domain::proxy::{
    credential,
    node::{Certificate, Protocol},
};
use gatehouse_model::SsCipher;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use shadowsocks::{
    ProxyClientStream,
    config::{ServerConfig, ServerType},
    context::Context as SsContext,
    crypto::CipherKind,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use super::{Kind, World, hysteria, testing};
use crate::addr::{write_socks, write_vless};

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Keeps what a client wrote, to play it again.
pub(super) struct Recorder {
    pub(super) tcp: TcpStream,
    pub(super) written: Vec<u8>,
}

impl AsyncRead for Recorder {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = written {
            self.written.extend_from_slice(&buf[..written]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A VLESS stream: the two bytes in front of the reply are taken off.
struct Headed {
    stream: Box<dyn Stream>,
    left: usize,
}

impl AsyncRead for Headed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.left > 0 {
            let mut head = [0];
            let mut one = ReadBuf::new(&mut head);
            match Pin::new(&mut self.stream).poll_read(cx, &mut one) {
                Poll::Ready(Ok(())) if one.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if one.filled() != [0] => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                Poll::Ready(Ok(())) => self.left -= 1,
                other => return other,
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Headed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(super) fn cipher_kind(cipher: SsCipher) -> CipherKind {
    cipher.as_str().parse().unwrap()
}

impl World {
    /// The configuration a Shadowsocks client of a user has.
    pub(super) fn ss_config(&self, id: i64) -> ServerConfig {
        let Protocol::Shadowsocks { cipher, server_key, .. } = &self.node.protocol else { panic!("not shadowsocks") };
        let password = credential::ss_client_password(testing::uuid(id), *cipher, server_key);
        ServerConfig::new(self.server(), password.expose(), cipher_kind(*cipher)).unwrap()
    }

    /// A plain connection from a client address.
    pub(super) async fn dial(&self, from: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(self.server()).await.unwrap()
    }

    pub(super) async fn tls(&self, tcp: TcpStream) -> TlsStream<TcpStream> {
        tls_client(&self.node.protocol, tcp).await
    }

    /// The request of a TLS protocol up to and with the address.
    pub(super) fn request(&self, id: i64, command: u8, target: SocketAddr) -> Vec<u8> {
        let uuid = testing::uuid(id);
        let mut bytes = Vec::new();
        if matches!(self.kind, Kind::Trojan | Kind::TrojanWs) {
            bytes.extend_from_slice(hex::encode(crate::user::trojan_hash(uuid.to_string().as_bytes())).as_bytes());
            bytes.extend_from_slice(b"\r\n");
            bytes.push(command);
            write_socks(target, &mut bytes);
            bytes.extend_from_slice(b"\r\n");
        } else {
            bytes.push(0);
            bytes.extend_from_slice(uuid.as_bytes());
            bytes.extend_from_slice(&[0, command]);
            if command != 3 {
                write_vless(target, &mut bytes);
            }
        }
        bytes
    }

    /// A proxied connection of a user to a target.
    pub(super) async fn connect(&self, id: i64, target: SocketAddr) -> Box<dyn Stream> {
        self.connect_from([127, 0, 0, 1], id, target).await
    }

    pub(super) async fn connect_from(&self, from: [u8; 4], id: i64, target: SocketAddr) -> Box<dyn Stream> {
        if self.kind == Kind::Hysteria {
            return hysteria::connect(self, from, id, target).await;
        }
        let tcp = self.dial(from).await;
        match self.kind {
            Kind::Hysteria => panic!("not over TCP"),
            Kind::Ss(_) => {
                let context = SsContext::new_shared(ServerType::Local);
                Box::new(ProxyClientStream::from_stream(context, tcp, &self.ss_config(id), target))
            }
            Kind::Trojan | Kind::TrojanWs => {
                let mut stream = self.carrier(tcp).await;
                stream.write_all(&self.request(id, 1, target)).await.unwrap();
                stream.flush().await.unwrap();
                stream
            }
            Kind::Vless | Kind::VlessWs => {
                let mut stream = self.carrier(tcp).await;
                stream.write_all(&self.request(id, 1, target)).await.unwrap();
                stream.flush().await.unwrap();
                Box::new(Headed { stream, left: 2 })
            }
        }
    }

    /// What carries Trojan and VLESS: TLS, and a WebSocket inside it where the node has one.
    pub(super) async fn carrier(&self, tcp: TcpStream) -> Box<dyn Stream> {
        let stream = self.tls(tcp).await;
        if matches!(self.kind, Kind::TrojanWs | Kind::VlessWs) {
            Box::new(Messages::open(stream).await)
        } else {
            Box::new(stream)
        }
    }
}

/// A stream in the messages of somebody else's WebSocket.
struct Messages {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    read: Bytes,
}

impl Messages {
    async fn open(stream: TlsStream<TcpStream>) -> Self {
        let (socket, _) = client_async("wss://node.example.net/chat?ed=2048", stream).await.unwrap();
        Self { socket, read: Bytes::new() }
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

impl AsyncRead for Messages {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.read.is_empty() {
            match ready!(self.socket.poll_next_unpin(cx)) {
                None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) => return Poll::Ready(Ok(())),
                Some(Ok(Message::Binary(bytes))) => self.read = bytes,
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let length = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Messages {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.socket.poll_ready_unpin(cx)).map_err(broken)?;
        self.socket.start_send_unpin(Message::binary(buf.to_vec())).map_err(broken)?;
        // What cannot go now goes with the next write or flush.
        if let Poll::Ready(flushed) = self.socket.poll_flush_unpin(cx) {
            flushed.map_err(broken)?;
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush_unpin(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_close_unpin(cx).map_err(broken)
    }
}

/// A TLS connection that trusts the node's own certificate.
pub(super) async fn tls_client(protocol: &Protocol, tcp: TcpStream) -> TlsStream<TcpStream> {
    let tls = protocol.tls().expect("TLS");
    let Certificate::Content { cert_pem, .. } = &tls.certificate else { panic!("no content") };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect("node.example.net".try_into().unwrap(), tcp).await.unwrap()
}

/// Sends bytes, closes the sending side and returns everything that came back.
pub(super) async fn exchange(stream: Box<dyn Stream>, bytes: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut answer = Vec::new();
    let send = async {
        // The crate's client cannot take a first write beyond one chunk.
        for part in bytes.chunks(10_000) {
            write.write_all(part).await.unwrap();
        }
        write.shutdown().await.unwrap();
    };
    let (result, ()) = tokio::join!(read.read_to_end(&mut answer), send);
    result.unwrap();
    answer
}

/// A server key as clients see it, to be sure the vectors are meant.
#[test]
fn client_passwords_name_server_and_user() {
    let uuid = "11111111-2222-4333-8444-555555555555".parse().unwrap();
    let password = credential::ss_client_password(uuid, SsCipher::Blake3Aes128Gcm, &[0; 16]);
    let (server, user) = password.expose().split_once(':').unwrap();
    assert_eq!(BASE64_STANDARD.decode(server).unwrap(), [0; 16]);
    assert_eq!(user, "MTExMTExMTEtMjIyMi00Mw==");
}
