//! HTTP/1.1 connections: bounded in number, memory and time, and finished in order at shutdown.
//!
//! Built on hyper itself rather than on a ready-made server because each bound matters here: a connection holds a permit
//! from its accept to its end, costs no buffer before its first byte, and has a deadline for every request head. A
//! connection that becomes a WebSocket keeps its permit and leaves the rest to whoever upgraded it: the deadlines end, and
//! its task, one of the application's, sees the stop by itself.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use gatehouse_kit::{Connection, OverTls, TrustedProxies, prepare_socket};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{site::Site, tls::Tls};

/// Largest request head, and the read buffer of one connection.
const HEAD_LIMIT: usize = 32 << 10;

/// What the connections of a group of listeners share.
pub(crate) struct Server {
    /// One per connection.
    pub(crate) permits: Arc<Semaphore>,
    /// From the accept, or the answer before, to a complete request head.
    pub(crate) header_timeout: Duration,
    /// Whose forwarded headers are believed.
    pub(crate) proxies: TrustedProxies,
    /// Set: every connection speaks TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Cancelled: no new connections, requests under way are finished.
    pub(crate) stop: CancellationToken,
    /// Cancelled: connections are dropped where they stand.
    pub(crate) kill: CancellationToken,
    /// Every connection's task.
    pub(crate) connections: TaskTracker,
}

impl Server {
    /// Accepts connections until the stop.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, site: Arc<Site>) {
        while let Some(accepted) = self.stop.run_until_cancelled(self.next(&listener)).await {
            let Some((stream, peer, permit)) = accepted else { return };
            let (server, site) = (Arc::clone(&self), Arc::clone(&site));
            self.connections.spawn(async move {
                let kill = server.kill.clone();
                kill.run_until_cancelled(server.serve(stream, peer, site, Held::new(permit))).await;
            });
        }
    }

    /// The next connection, once there is room for it; `None`: the permits were closed.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        loop {
            match listener.accept().await {
                // The permit comes second, so that a listener nobody uses keeps none from the others.
                Ok((stream, peer)) => {
                    let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
                    return Some((stream, peer, permit));
                }
                Err(error) => {
                    // Out of descriptors, mostly: others must end first. Errors of the one connection pass as well.
                    tracing::warn!("accepting a connection failed: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, site: Arc<Site>, held: Held) {
        // Failing here means that the peer is gone already.
        let Ok(()) = prepare_socket(&stream, self.header_timeout) else { return };
        // Peeking, because a socket may be called readable although nothing has come.
        let mut byte = [0];
        let first = self.stop.run_until_cancelled(timeout(self.header_timeout, stream.peek(&mut byte)));
        let Some(Ok(Ok(1))) = first.await else { return };
        // Boxed, so that a connection without a byte costs no more than its socket and these few lines.
        match &self.tls {
            None => Box::pin(self.speak(Connection::plain(stream, held), peer, site)).await,
            Some(tls) => Box::pin(self.encrypt(tls, stream, peer, site, held)).await,
        }
    }

    async fn encrypt(&self, tls: &Tls, stream: TcpStream, peer: SocketAddr, site: Arc<Site>, held: Held) {
        match timeout(self.header_timeout, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => Box::pin(self.speak(Connection::tls(stream, held), peer, site)).await,
            Ok(Err(error)) => tracing::debug!("TLS handshake failed: {error}"),
            Err(_elapsed) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn speak(&self, stream: Connection, peer: SocketAddr, site: Arc<Site>) {
        let answer = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            self.proxies.mark(&mut request);
            if self.tls.is_some() {
                request.extensions_mut().insert(OverTls);
            }
            respond(site.router(&request).clone(), request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), answer)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut ended = self.stop.run_until_cancelled(connection.as_mut()).await;
        if ended.is_none() {
            connection.as_mut().graceful_shutdown();
            ended = Some(connection.await);
        }
        if let Some(Err(error)) = ended {
            tracing::trace!("connection broke: {error}");
        }
    }

    /// Ends all connections: requests under way have `drain` to finish.
    pub(crate) async fn finish(&self, drain: Duration) {
        self.stop.cancel();
        self.connections.close();
        if timeout(drain, self.connections.wait()).await.is_err() {
            tracing::warn!("{} connections are dropped, they did not finish in {drain:?}", self.connections.len());
            self.kill.cancel();
            self.connections.wait().await;
        }
    }
}

/// What a connection holds as long as its socket lives, upgraded or not.
struct Held {
    _permit: OwnedSemaphorePermit,
}

impl Held {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("gatehouse_http_connections").increment(1);
        Self { _permit: permit }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        metrics::gauge!("gatehouse_http_connections").decrement(1);
    }
}

async fn respond(router: Router, request: Request) -> Result<Response, Infallible> {
    router.oneshot(request).await
}

#[cfg(test)]
mod tests;
