//! The client side of SOCKS5 (RFC 1928), without authentication: what tests speak to a proxy client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{Echo, Origin, Peer, random_bytes};

const CONNECT: u8 = 1;
const ASSOCIATE: u8 = 3;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a flow should go, in the three ways SOCKS can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An IPv4 or IPv6 address and a port.
    Address(SocketAddr),
    /// A name that the far end resolves, and a port.
    Domain(String, u16),
}

impl Target {
    /// `127.0.0.1`, `::1` and `localhost`, all with that port.
    pub fn loopback(port: u16) -> [Self; 3] {
        [
            Self::Address((Ipv4Addr::LOCALHOST, port).into()),
            Self::Address((Ipv6Addr::LOCALHOST, port).into()),
            Self::Domain("localhost".to_owned(), port),
        ]
    }

    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let port = match self {
            Self::Address(SocketAddr::V4(address)) => {
                bytes.push(1);
                bytes.extend(address.ip().octets());
                address.port()
            }
            Self::Address(SocketAddr::V6(address)) => {
                bytes.push(4);
                bytes.extend(address.ip().octets());
                address.port()
            }
            Self::Domain(name, port) => {
                bytes.extend([3, u8::try_from(name.len()).context("the name is longer than 255 bytes")?]);
                bytes.extend(name.as_bytes());
                *port
            }
        };
        bytes.extend(port.to_be_bytes());
        Ok(())
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self> {
        let target = match stream.read_u8().await? {
            1 => Self::Address((IpAddr::from(stream.read_u32().await?.to_be_bytes()), stream.read_u16().await?).into()),
            4 => {
                Self::Address((IpAddr::from(stream.read_u128().await?.to_be_bytes()), stream.read_u16().await?).into())
            }
            3 => {
                let mut name = vec![0; stream.read_u8().await?.into()];
                stream.read_exact(&mut name).await?;
                Self::Domain(String::from_utf8(name)?, stream.read_u16().await?)
            }
            other => bail!("unknown kind of address: {other}"),
        };
        Ok(target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Domain(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// Payload bytes as the client counted them, in the sense of specs/proxy.md §7: no headers, no handshakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client.
    pub up: u64,
    /// To the client.
    pub down: u64,
}

impl Traffic {
    fn add(&mut self, up: usize, down: usize) {
        self.up += up as u64;
        self.down += down as u64;
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
    }
}

/// A SOCKS port.
#[derive(Clone, Copy, Debug)]
pub struct Socks(pub SocketAddr);

impl From<&Peer> for Socks {
    fn from(peer: &Peer) -> Self {
        Self(peer.address())
    }
}

impl Socks {
    /// Opens a TCP flow to `target`. Many clients say yes before the far end has: then a refusal is an early end.
    pub async fn connect(self, target: &Target) -> Result<TcpStream> {
        Ok(self.request(CONNECT, target).await?.0)
    }

    /// Opens a UDP association.
    pub async fn associate(self) -> Result<Association> {
        let nowhere = Target::Address((Ipv4Addr::UNSPECIFIED, 0).into());
        let (control, bound) = self.request(ASSOCIATE, &nowhere).await?;
        let Target::Address(mut relay) = bound else { bail!("the association is bound to a name: {bound}") };
        if relay.ip().is_unspecified() {
            relay.set_ip(self.0.ip());
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Association { _control: control, socket, relay })
    }

    /// Fetches a body over HTTP, and counts what crossed the flow.
    pub async fn get(self, target: &Target, path: &str) -> Result<(Vec<u8>, Traffic)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
        let exchange = async {
            let mut stream = self.connect(target).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            let head = loop {
                ensure!(stream.read_buf(&mut answer).await? > 0, "no HTTP answer, but {} bytes", answer.len());
                if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                    break end + 4;
                }
            };
            // Not to the end of the stream: Xray keeps that back for a second.
            let length = content_length(answer.get(..head).unwrap_or_default())?;
            while answer.len() < head + length {
                ensure!(stream.read_buf(&mut answer).await? > 0, "the answer ended after {} bytes", answer.len());
            }
            Ok((answer, head))
        };
        let exchanged = timeout(3 * PATIENCE, exchange).await;
        let (mut answer, head) = exchanged.with_context(|| format!("{target} did not answer in time"))??;
        let mut traffic = Traffic::default();
        traffic.add(request.len(), answer.len());
        Ok((answer.split_off(head), traffic))
    }

    /// One cell of the table in specs/proxy.md §18: fetches from the origin and, if there is one, sends 900 and 1,400
    /// bytes to the echo, each by IPv4, by IPv6 and by name. Fails if one byte differs or one datagram is missing.
    pub async fn exercise(self, origin: &Origin, echo: Option<&Echo>) -> Result<Traffic> {
        let mut traffic = Traffic::default();
        for target in Target::loopback(origin.port()) {
            let fetched = self.get(&target, "/").await;
            let (body, crossed) = fetched.with_context(|| format!("TCP to {target}"))?;
            ensure!(body == origin.body(), "TCP to {target}: {} bytes came, or others than were sent", body.len());
            traffic += crossed;
        }
        let Some(echo) = echo else { return Ok(traffic) };
        for (seed, target) in (0..).zip(Target::loopback(echo.port())) {
            // One each: some servers give an association a socket of one family only.
            let association = self.associate().await.context("UDP association")?;
            for length in [900, 1_400] {
                let echoed = association.echo(&target, &random_bytes(seed, length)).await;
                echoed.with_context(|| format!("UDP, {length} bytes to {target}"))?;
                traffic.add(length, length);
            }
        }
        Ok(traffic)
    }

    async fn request(self, command: u8, target: &Target) -> Result<(TcpStream, Target)> {
        timeout(PATIENCE, async {
            let mut stream = TcpStream::connect(self.0).await?;
            stream.write_all(&[5, 1, 0]).await?;
            ensure!(stream.read_u16().await? == 0x0500, "the SOCKS server wants authentication");
            let mut request = vec![5, command, 0];
            target.write(&mut request)?;
            stream.write_all(&request).await?;
            let answer = [stream.read_u8().await?, stream.read_u8().await?, stream.read_u8().await?];
            ensure!(answer == [5, 0, 0], "the SOCKS server refused: {answer:?}");
            let bound = Target::read(&mut stream).await?;
            Ok((stream, bound))
        })
        .await
        .with_context(|| format!("the SOCKS server at {} did not answer in time", self.0))?
    }
}

/// The length that the head of a good HTTP answer announces.
fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let (first, rest) = head.split_once("\r\n").unwrap_or_default();
    ensure!(first.starts_with("HTTP/1.1 200 "), "the answer is `{first}`");
    let mut headers = rest.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.context("the answer has no length")?.1.parse()?)
}

/// A UDP association; it lives as long as its TCP connection, that is until dropped.
#[derive(Debug)]
pub struct Association {
    _control: TcpStream,
    socket: UdpSocket,
    relay: SocketAddr,
}

impl Association {
    /// Sends one datagram.
    pub async fn send(&self, target: &Target, payload: &[u8]) -> Result<()> {
        let mut datagram = vec![0, 0, 0];
        target.write(&mut datagram)?;
        datagram.extend(payload);
        self.socket.send_to(&datagram, self.relay).await?;
        Ok(())
    }

    /// Waits for one datagram: where it says it comes from, and its payload.
    pub async fn receive(&self) -> Result<(Target, Vec<u8>)> {
        let mut datagram = vec![0; 65_536];
        let received = timeout(PATIENCE, self.socket.recv_from(&mut datagram)).await;
        let (length, _) = received.context("no datagram came in time")??;
        let mut rest = datagram.get(..length).unwrap_or_default();
        ensure!(rest.read_u16().await? == 0 && rest.read_u8().await? == 0, "a fragment came");
        Ok((Target::read(&mut rest).await?, rest.to_vec()))
    }

    /// Sends a datagram and waits for it to come back.
    pub async fn echo(&self, target: &Target, payload: &[u8]) -> Result<()> {
        self.send(target, payload).await?;
        let (from, back) = self.receive().await?;
        ensure!(back == payload, "{} other bytes came back, from {from}", back.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_is_read_as_it_was_written() {
        for target in Target::loopback(8080) {
            let mut bytes = Vec::new();
            target.write(&mut bytes).unwrap();
            let mut rest = bytes.as_slice();
            assert_eq!(Target::read(&mut rest).await.unwrap(), target);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn only_a_good_answer_has_a_length() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 2\r\n\r\n").unwrap(), 2);
        assert!(content_length(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n").is_err());
        assert!(content_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
