//! What Trojan and VLESS share: TLS, the WebSocket inside it, reading the request, the fallback, and what follows the
//! request.

use std::{future::Future, net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Stranger, trojan,
    upgrade::{Head, Site},
    vless,
    xudp::{self, Framing},
};
use crate::{
    addr::Address,
    door::{Door, NodeState},
    fallback,
    relay::{
        tcp,
        tls::{Tls, Tunnel},
        websocket::WebSocket,
    },
    table::UserTable,
    user::User,
    visit::{Network, admit},
};

/// What the first bytes inside TLS turned out to be.
pub(crate) enum Hello {
    /// More bytes are needed.
    More,
    /// Not this protocol, or nobody's credential: the fallback serves them.
    Foreign(&'static str),
    /// A known user asks for something we do not do: the connection ends.
    Refused(&'static str),
    /// A request, and how many bytes it took.
    Request(Request, usize),
}

/// What a user asks for.
pub(crate) struct Request {
    pub(crate) user: Arc<User>,
    pub(crate) command: Command,
}

/// What follows the request.
pub(crate) enum Command {
    /// A TCP connection.
    Connect(Address),
    /// Trojan datagrams, each with its own target.
    TrojanUdp,
    /// VLESS datagrams to one target.
    VlessUdp(Address),
    /// XUDP frames.
    Xudp,
}

/// Which protocol is inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inner {
    Trojan,
    Vless,
}

impl Inner {
    fn parse(self, bytes: &[u8], table: &UserTable) -> Hello {
        match self {
            Self::Trojan => trojan::parse(bytes, table),
            Self::Vless => vless::parse(bytes, table),
        }
    }

    /// What replies begin with.
    const fn head(self) -> &'static [u8] {
        match self {
            Self::Trojan => b"",
            Self::Vless => &[0, 0],
        }
    }
}

/// A Trojan or VLESS listener.
pub(crate) struct Server {
    pub(crate) door: Arc<Door>,
    pub(crate) node: Arc<NodeState>,
    pub(crate) inner: Inner,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) fallback: Option<String>,
    /// What is upgraded to a WebSocket; `None`: the request comes straight inside TLS.
    pub(crate) site: Option<Site>,
}

/// What a stream turned out to carry: a request and the bytes that came after it, or something else.
enum Opening {
    Request(Request, Vec<u8>),
    Foreign(Vec<u8>),
    Over,
}

/// A connection whose request is known.
struct Opened<S> {
    stream: S,
    client: IpAddr,
    request: Request,
    rest: Vec<u8>,
}

/// A connection after its first bytes.
enum Connection {
    Straight(Opened<TlsStream<TcpStream>>),
    WebSocket(Opened<WebSocket<TlsStream<TcpStream>>>),
    /// The fallback's, with what was read of it.
    Stranger(TlsStream<TcpStream>, Vec<u8>),
}

impl Server {
    /// Serves one connection from its first byte to its last.
    pub(crate) async fn serve(self: Arc<Self>, stranger: Stranger) {
        let Stranger { tcp, peer, deadline, pass } = stranger;
        let Some(Some(connection)) = self.while_up(self.open(tcp, peer.ip(), deadline)).await else { return };
        match connection {
            Connection::Straight(opened) => {
                drop(pass);
                self.proceed(opened).await;
            }
            Connection::WebSocket(opened) => {
                drop(pass);
                self.proceed(opened).await;
            }
            Connection::Stranger(stream, read) => {
                let served = self.while_up(fallback::serve(&self.door, stream, &read, self.fallback.as_deref())).await;
                if let Some(Err(error)) = served {
                    tracing::debug!(node = %self.node.id, %error, "proxy.fallback.failed");
                }
                drop(pass);
            }
        }
    }

    /// Does what the request asks for.
    async fn proceed<S: Tunnel>(&self, opened: Opened<S>) {
        let Opened { stream, client, request, rest } = opened;
        let user = request.user;
        let framing = match request.command {
            Command::Connect(target) => {
                let Ok(flow) = admit(&self.door, &self.node, &user, client, Network::Tcp) else { return };
                let Some(target) = tcp::connect(&flow, &target).await else { return };
                let mut wire = Tls::new(stream, self.inner.head());
                let end = tcp::relay(&mut wire, target, &flow, &rest).await;
                tracing::debug!(node = %self.node.id, account = %user.account.id, ?end, "proxy.flow.ended");
                return;
            }
            Command::TrojanUdp => Framing::Trojan,
            Command::VlessUdp(target) => Framing::Vless(target),
            Command::Xudp => Framing::Xudp { last: std::collections::HashMap::new() },
        };
        let carrier = xudp::Carrier {
            door: Arc::clone(&self.door),
            node: Arc::clone(&self.node),
            user,
            peer: client,
            framing,
            head: self.inner.head(),
        };
        carrier.serve(stream, rest).await;
    }

    /// Runs until the node ends.
    async fn while_up<F: Future>(&self, future: F) -> Option<F::Output> {
        self.node.token.run_until_cancelled(future).await
    }

    /// Handshakes and request, all before the deadline. `None`: the connection is over.
    async fn open(&self, tcp: TcpStream, peer: IpAddr, deadline: Instant) -> Option<Connection> {
        let Ok(Ok(mut stream)) = timeout_at(deadline, self.acceptor.accept(tcp)).await else {
            self.node.failed("tls");
            return None;
        };
        let Some(site) = &self.site else {
            return match self.hello(&mut stream, Vec::with_capacity(1_024), deadline).await {
                Opening::Request(request, rest) => {
                    Some(Connection::Straight(Opened { stream, client: peer, request, rest }))
                }
                Opening::Foreign(read) => Some(Connection::Stranger(stream, read)),
                Opening::Over => None,
            };
        };
        let mut read = Vec::with_capacity(1_024);
        let upgrade = loop {
            match site.parse(&read) {
                Head::Upgrade(upgrade) => break upgrade,
                Head::Foreign(reason) => {
                    self.node.failed(reason);
                    return Some(Connection::Stranger(stream, read));
                }
                Head::More => {}
            }
            match timeout_at(deadline, stream.read_buf(&mut read)).await {
                Ok(Ok(more)) if more > 0 => {}
                Ok(Err(_)) => return None,
                _ => {
                    self.node.failed("incomplete");
                    return Some(Connection::Stranger(stream, read));
                }
            }
        };
        let client = upgrade.client(peer, &self.door.settings.trusted_proxies);
        let greet = async {
            stream.write_all(&upgrade.answer).await?;
            stream.flush().await
        };
        timeout_at(deadline, greet).await.ok()?.ok()?;
        let mut stream = WebSocket::new(stream, read.split_off(upgrade.length));
        match self.hello(&mut stream, upgrade.early, deadline).await {
            Opening::Request(request, rest) => Some(Connection::WebSocket(Opened { stream, client, request, rest })),
            Opening::Foreign(_) => {
                // HTTP is over; what is wrong with the bytes inside must not show in when the connection ends.
                let discard = async { while stream.read_u8().await.is_ok() {} };
                if timeout_at(deadline, discard).await.is_ok() {
                    sleep_until(deadline).await;
                }
                None
            }
            Opening::Over => None,
        }
    }

    /// Reads the request; `read` is what there is of it already.
    async fn hello<S: Tunnel>(&self, stream: &mut S, mut read: Vec<u8>, deadline: Instant) -> Opening {
        loop {
            match self.inner.parse(&read, &self.door.table) {
                Hello::Request(request, length) => return Opening::Request(request, read.split_off(length)),
                Hello::Refused(reason) => {
                    self.node.failed(reason);
                    return Opening::Over;
                }
                Hello::Foreign(reason) => {
                    self.node.failed(reason);
                    return Opening::Foreign(read);
                }
                Hello::More => {}
            }
            match timeout_at(deadline, stream.read_buf(&mut read)).await {
                Ok(Ok(more)) if more > 0 => {}
                Ok(Err(_)) => return Opening::Over,
                // Time is up, or nothing more comes: whatever it was, it was no request.
                _ => {
                    self.node.failed("incomplete");
                    return Opening::Foreign(read);
                }
            }
        }
    }
}
