//! Terminals over WebSockets: the real surface, a client of another make, and a door that does as the test says.

pub(crate) mod admission;
mod compat;
mod door;
mod flow;
mod resume;
mod session;
mod v2;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::extract::{ConnectInfo, Request};
use gatehouse_domain::{Settings, seal::Place};
use gatehouse_kit::{Connection, prepare_socket};
use gatehouse_testkit::peer::WebSocket;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::ServiceExt;

pub(crate) use self::door::{Door, Next, Pushed, Stay};
use crate::support::Surface;

/// The way to resource 1 with voucher 1.
pub(crate) const SSH: &str = "/api/terminal/ssh/?resource_id=1&voucher_id=1";

/// API token of the administrator, and of somebody of the staff who holds nothing.
pub(crate) const TOKEN: &str = "administrators-token";
pub(crate) const STRANGER: &str = "strangers-token";

pub(crate) struct World {
    pub(crate) surface: Surface,
    pub(crate) door: Door,
    pub(crate) address: SocketAddr,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let surface = Box::pin(Surface::with(settings)).await;
        let door = Door::default();
        surface.test.app.serve_terminals(Arc::new(door.clone()));
        furnish(&surface).await;
        let address = serve(&surface).await;
        Self { surface, door, address }
    }

    /// An open terminal in compat mode: the client and the door's end of it.
    pub(crate) async fn compat(&self) -> (WebSocket, Stay) {
        let client = WebSocket::open(self.address, &path(""), &[]).await.unwrap();
        (client, self.door.stay().await)
    }

    /// An open v2 terminal.
    pub(crate) async fn v2(&self, query: &str) -> (WebSocket, Stay) {
        let headers = [("sec-websocket-protocol", "bastion.v2")];
        let client = WebSocket::open(self.address, &path(query), &headers).await.unwrap();
        assert_eq!(client.protocol.as_deref(), Some("bastion.v2"));
        (client, self.door.stay().await)
    }
}

/// Settings whose terminals notice everything quickly.
pub(crate) fn hasty() -> Settings {
    let mut settings = Settings::default();
    settings.terminal.ping.0 = Duration::from_millis(50);
    settings.terminal.drain.0 = Duration::from_secs(2);
    settings
}

/// Two resources and three vouchers, one of them of another root group; nobody but the administrator holds anything.
async fn furnish(surface: &Surface) {
    let app = &surface.test.app;
    let place = Place { table: "voucher", column: "secret", row: "ref" };
    let sealed = app.keys().seal(app.random(), place, b"secret").unwrap();
    let hash = |token| app.keys().hash("api_token.secret", token);
    let scopes = "resource.self.read resource.voucher.read";
    let sql = format!(
        "INSERT INTO resource_group (id, name, name_folded, is_protected, root_id, level, created_at, updated_at)
           VALUES (50, 'Other', 'other', 0, 50, 0, 0, 0);
         INSERT INTO resource_group_above (resource_group_id, above_id) VALUES (50, 50);
         INSERT INTO role_grant (role_id, code, resource_group_id, is_protected, created_at)
           SELECT role_id, code, 50, 1, 0 FROM role_grant WHERE resource_group_id = 1;
         INSERT INTO resource (id, name, name_folded, protocol_id, resource_group_id, ipv4, host, port, is_enabled,
           created_at, updated_at)
           VALUES (1, 'web', 'web', 1, 1, '127.0.0.1', '127.0.0.1', 22, 1, 0, 0),
             (2, 'off', 'off', 1, 1, '127.0.0.2', '127.0.0.2', 22, 0, 0, 0);
         INSERT INTO voucher (id, name, name_folded, username, kind, secret_sealed, seal_ref, resource_group_id,
           created_at, updated_at)
           VALUES (1, 'root', 'root', 'root', 'password', '{sealed}', 'ref', 1, 0, 0),
             (2, 'far', 'far', 'root', 'password', '{sealed}', 'ref', 50, 0, 0);
         INSERT INTO account (id, login, is_enabled, is_protected, origin, epoch, must_change_password, seal_ref,
           created_at, updated_at)
           VALUES (70, 'stranger', 1, 0, 'bastion', 0, 0, 'z', 0, 0);
         INSERT INTO staff_pass (account_id, staff_no, created_at, updated_at) VALUES (70, 70, 0, 0);
         INSERT INTO api_token (kind, account_id, label, secret_hash, codes, seal_ref, created_at, updated_at)
           VALUES ('api', 1, 'a', '{}', '{scopes}', 'x', 0, 0), ('api', 70, 'b', '{}', '{scopes}', 'y', 0, 0);",
        hash(TOKEN),
        hash(STRANGER),
    );
    surface.test.execute(&sql).await.unwrap();
}

/// Serves the surface as the server does.
async fn serve(surface: &Surface) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, router) = (surface.test.app.clone(), surface.router.clone());
    surface.test.app.spawn("test.accept", async move {
        while let Ok((stream, peer)) = listener.accept().await {
            prepare_socket(&stream, Duration::from_secs(1)).unwrap();
            let router = router.clone();
            app.spawn("test.connection", async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let mut request: Request = request.map(axum::body::Body::new);
                    request.extensions_mut().insert(ConnectInfo(peer));
                    router.clone().oneshot(request)
                });
                let connection = TokioIo::new(Connection::plain(stream, ()));
                // A client that breaks off is part of the tests.
                let _ = http1::Builder::new().serve_connection(connection, service).with_upgrades().await;
            });
        }
    });
    address
}

/// A path of a terminal with a token.
pub(crate) fn path(query: &str) -> String {
    format!("{SSH}&token={TOKEN}{query}")
}
