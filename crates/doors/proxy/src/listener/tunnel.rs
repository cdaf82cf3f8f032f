//! What Trojan and VLESS share: TLS, reading the request, the fallback, and what follows the request.

use std::{future::Future, sync::Arc};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Stranger, trojan, vless,
    xudp::{self, Framing},
};
use crate::{
    addr::Address,
    door::{Door, NodeState},
    fallback,
    relay::{tcp, tls::Tls},
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
}

/// A request and the bytes that came after it, or what the connection is otherwise.
enum Opening {
    Request(Request, Vec<u8>),
    Fallback(Vec<u8>),
    Over,
}

impl Server {
    /// Serves one connection from its first byte to its last.
    pub(crate) async fn serve(self: Arc<Self>, stranger: Stranger) {
        let Stranger { tcp, peer, deadline, pass } = stranger;
        let Some(Some((stream, opening))) = self.while_up(self.open(tcp, deadline)).await else { return };
        let (request, rest) = match opening {
            Opening::Request(request, rest) => (request, rest),
            Opening::Over => return,
            Opening::Fallback(read) => {
                let served = self.while_up(fallback::serve(&self.door, stream, &read, self.fallback.as_deref())).await;
                if let Some(Err(error)) = served {
                    tracing::debug!(node = %self.node.id, %error, "proxy.fallback.failed");
                }
                drop(pass);
                return;
            }
        };
        drop(pass);
        let user = request.user;
        let framing = match request.command {
            Command::Connect(target) => {
                let Ok(flow) = admit(&self.door, &self.node, &user, peer.ip(), Network::Tcp) else { return };
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
            peer: peer.ip(),
            framing,
            head: self.inner.head(),
        };
        carrier.serve(stream, rest).await;
    }

    /// Runs until the node ends.
    async fn while_up<F: Future>(&self, future: F) -> Option<F::Output> {
        self.node.token.run_until_cancelled(future).await
    }

    /// Handshake and request, both before the deadline.
    async fn open(&self, tcp: TcpStream, deadline: Instant) -> Option<(TlsStream<TcpStream>, Opening)> {
        let Ok(Ok(mut stream)) = timeout_at(deadline, self.acceptor.accept(tcp)).await else {
            self.node.failed("tls");
            return None;
        };
        let mut read = Vec::with_capacity(1_024);
        let opening = loop {
            match self.inner.parse(&read, &self.door.table) {
                Hello::Request(request, length) => break Opening::Request(request, read.split_off(length)),
                Hello::Refused(reason) => {
                    self.node.failed(reason);
                    break Opening::Over;
                }
                Hello::Foreign(reason) => {
                    self.node.failed(reason);
                    break Opening::Fallback(read);
                }
                Hello::More => {}
            }
            match timeout_at(deadline, stream.read_buf(&mut read)).await {
                Ok(Ok(more)) if more > 0 => {}
                Ok(Err(_)) => break Opening::Over,
                // Time is up, or nothing more comes: whatever it was, it was no request.
                _ => {
                    self.node.failed("incomplete");
                    break Opening::Fallback(read);
                }
            }
        };
        Some((stream, opening))
    }
}
