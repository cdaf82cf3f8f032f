//! Hysteria 2 (specs/proxy.md §5.5): an HTTP/3 server to strangers; after `POST /auth` streams and datagrams of QUIC.

mod session;
mod wire;

use std::{
    io,
    net::{IpAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use gatehouse_domain::proxy::node::Hysteria;
use h3::server::RequestResolver;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use quinn::{
    Connection, Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    congestion::BbrConfig, crypto::rustls::QuicServerConfig,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::session::Session;
#[cfg(test)]
pub(crate) use self::wire::{Datagram, Parts, datagrams};
use crate::{
    door::{Door, NodeState},
    fallback,
    limit::GatePass,
    tls::{BadCertificate, Tls},
    user::User,
    visit::{Flow, Network, admit},
};

/// Without a packet for this long the connection is over.
const IDLE: Duration = Duration::from_secs(30);
/// What a user may have: streams at once, and bytes on their way to us per stream and in all.
const STREAMS: VarInt = VarInt::from_u32(1_024);
const STREAM_WINDOW: VarInt = VarInt::from_u32(8 << 20);
const WINDOW: VarInt = VarInt::from_u32(20 << 20);
/// What a stranger may have: enough for any web client's requests.
const STRANGER_STREAMS: VarInt = VarInt::from_u32(16);
const STRANGER_WINDOW: VarInt = VarInt::from_u32(64 << 10);
/// Bytes on their way to one client; what is beyond waits at its targets.
const SEND_WINDOW: u64 = 8 << 20;
/// Datagrams waiting to be read and to be sent.
const DATAGRAMS_IN: usize = 512 << 10;
const DATAGRAMS_OUT: usize = 1 << 20;
/// Strangers at once beyond which new ones have to show that their address is theirs.
const RETRY_BEYOND: usize = 1_000;
/// Connections quinn keeps for us before we look at them.
const UNSEEN: usize = 1_024;
/// Largest head of a request.
const FIELDS: u64 = 16 << 10;
/// Length of a random padding.
const PADDING: (usize, usize) = (128, 512);
const PADDING_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `H3_NO_ERROR`.
const NO_ERROR: VarInt = VarInt::from_u32(0x100);

type Http = h3::server::Connection<h3_quinn::Connection, Bytes>;

/// A Hysteria 2 listener.
pub(crate) struct Server {
    pub(crate) door: Arc<Door>,
    pub(crate) node: Arc<NodeState>,
    /// What clients are told of the rate they may send at: bytes per second, or `auto`.
    rate: HeaderValue,
}

/// Opens the endpoint on a bound socket.
pub(crate) fn endpoint(socket: UdpSocket, tls: &Tls) -> Result<Endpoint, BadCertificate> {
    let crypto = QuicServerConfig::try_from(tls.config()).map_err(|_| BadCertificate::Quic)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport()))
        .max_incoming(UNSEEN)
        .incoming_buffer_size(STRANGER_WINDOW.into_inner());
    Ok(Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))?)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .max_concurrent_bidi_streams(STRANGER_STREAMS)
        .max_concurrent_uni_streams(STRANGER_STREAMS)
        .stream_receive_window(STREAM_WINDOW)
        .receive_window(STRANGER_WINDOW)
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAMS_IN))
        .datagram_send_buffer_size(DATAGRAMS_OUT)
        .congestion_controller_factory(Arc::new(BbrConfig::default()));
    transport
}

/// A connection that showed a good password, and the flow that stands for it.
struct Authenticated {
    /// Dropping it closes the connection; it is not polled any more.
    _http: Http,
    user: Arc<User>,
    flow: Flow,
}

impl Server {
    pub(crate) fn new(door: Arc<Door>, node: Arc<NodeState>, settings: &Hysteria) -> Self {
        let rate = if settings.ignore_client_bandwidth {
            HeaderValue::from_static("auto")
        } else {
            HeaderValue::from(u64::from(settings.down_mbps) * 125_000)
        };
        Self { door, node, rate }
    }

    /// Accepts until the node ends, and closes every connection then.
    pub(crate) async fn run(self: Arc<Self>, endpoint: Endpoint) {
        loop {
            let incoming = tokio::select! {
                () = self.node.listening.cancelled() => break,
                incoming = endpoint.accept() => incoming,
            };
            let Some(incoming) = incoming else { break };
            self.take(incoming);
        }
        endpoint.set_server_config(None);
        self.node.token.cancelled().await;
        endpoint.close(NO_ERROR, b"");
        // The socket is free once no connection needs it to say goodbye any more.
        endpoint.wait_idle().await;
    }

    /// Starts a task for a new connection, unless there are too many strangers.
    fn take(self: &Arc<Self>, incoming: Incoming) {
        let peer = incoming.remote_address().ip();
        if self.node.gate.strangers() > RETRY_BEYOND && incoming.may_retry() {
            // Fails for addresses that are known to be right only.
            let _ = incoming.retry();
            return;
        }
        let Some(pass) = self.node.gate.enter(peer) else {
            self.node.failed("crowd");
            incoming.ignore();
            return;
        };
        let server = Arc::clone(self);
        let deadline = Instant::now() + self.door.handshake_timeout();
        self.door.tasks.spawn(async move {
            // Ends with the node: quinn closes what nobody holds.
            let _ = server.node.token.run_until_cancelled(server.serve(incoming, pass, deadline)).await;
        });
    }

    async fn serve(&self, incoming: Incoming, pass: GatePass, deadline: Instant) {
        let Ok(connecting) = incoming.accept() else { return self.node.failed("quic") };
        let Ok(Ok(connection)) = timeout_at(deadline, connecting).await else { return self.node.failed("quic") };
        let Some(known) = timeout_at(deadline, self.authenticate(&connection)).await.ok().flatten() else { return };
        drop(pass);
        connection.set_receive_window(WINDOW);
        connection.set_max_concurrent_bi_streams(STREAMS);
        let peer = connection.remote_address().ip();
        let session = Arc::new(Session {
            door: Arc::clone(&self.door),
            node: Arc::clone(&self.node),
            user: known.user,
            peer,
            connection: connection.clone(),
            tasks: TaskTracker::new(),
        });
        // A cut connection needs no farewell.
        let _ = known.flow.token().run_until_cancelled(session.run()).await;
        connection.close(NO_ERROR, b"");
    }

    /// Answers requests like any web server, until one shows a good password.
    async fn authenticate(&self, connection: &Connection) -> Option<Authenticated> {
        let mut builder = h3::server::builder();
        let http = builder.max_field_section_size(FIELDS).build(h3_quinn::Connection::new(connection.clone()));
        let mut http: Http = http.await.ok()?;
        loop {
            let resolver = http.accept().await.ok()??;
            if let Some((user, flow)) = self.answer(resolver, connection.remote_address().ip()).await {
                return Some(Authenticated { _http: http, user, flow });
            }
        }
    }

    /// Answers one request; a bad one ends its own stream only.
    async fn answer(
        &self,
        resolver: RequestResolver<h3_quinn::Connection, Bytes>,
        peer: IpAddr,
    ) -> Option<(Arc<User>, Flow)> {
        let (request, mut stream) = resolver.resolve_request().await.ok()?;
        let known = self.admit(&request, peer);
        let (response, body) = if known.is_some() { (self.welcome(), Bytes::new()) } else { not_found() };
        stream.send_response(response).await.ok()?;
        if !body.is_empty() && request.method() != Method::HEAD {
            stream.send_data(body).await.ok()?;
        }
        stream.finish().await.ok()?;
        known
    }

    /// The user whose password a request carries, and the flow that the connection is from now on.
    fn admit(&self, request: &Request<()>, peer: IpAddr) -> Option<(Arc<User>, Flow)> {
        let is_auth = request.method() == Method::POST
            && request.uri().path() == "/auth"
            && request.uri().authority().is_some_and(|authority| authority.host() == "hysteria");
        if !is_auth {
            metrics::counter!("gatehouse_proxy_fallback_total").increment(1);
            return None;
        }
        let Some(user) = password(request.headers()).and_then(|uuid| self.door.table.by_uuid(uuid.as_bytes())) else {
            self.node.failed("unknown_user");
            return None;
        };
        let flow = admit(&self.door, &self.node, &user, peer, Network::Udp).ok()?;
        Some((user, flow))
    }

    fn welcome(&self) -> Response<()> {
        let mut response = Response::new(());
        // Hysteria's own; http knows every number of three digits.
        *response.status_mut() = StatusCode::from_u16(233).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert("hysteria-udp", HeaderValue::from_static("true"));
        headers.insert("hysteria-cc-rx", self.rate.clone());
        if let Ok(padding) = HeaderValue::from_bytes(&padding(&self.door)) {
            headers.insert("hysteria-padding", padding);
        }
        response
    }
}

/// The page a stranger gets, whatever he asks for.
fn not_found() -> (Response<()>, Bytes) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(fallback::BODY.len()));
    (response, Bytes::from_static(fallback::BODY))
}

/// The password, which is the text of the uuid and nothing else.
fn password(headers: &HeaderMap) -> Option<Uuid> {
    let text = headers.get("hysteria-auth")?.to_str().ok()?;
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(uuid)
}

/// Letters and digits of random number.
fn padding(door: &Door) -> Vec<u8> {
    let (least, most) = PADDING;
    let length = least + usize::from(u16::from_le_bytes(door.random.bytes())) % (most - least);
    let mut bytes = vec![0; length];
    door.random.fill(&mut bytes);
    for byte in &mut bytes {
        *byte = PADDING_ALPHABET.get(usize::from(*byte & 63)).copied().unwrap_or(b'a');
    }
    bytes
}

impl From<BadCertificate> for io::Error {
    fn from(error: BadCertificate) -> Self {
        Self::other(error)
    }
}
