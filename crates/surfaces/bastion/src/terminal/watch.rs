//! `terminal/watch/`

use std::time::Duration;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use gatehouse_domain::{
    Caller as Asking, Ctx, Error,
    bastion::stay,
    recording::{self, Watch, Watched},
};
use gatehouse_kit::{
    Asked,
    ws::{Incoming, Kind, Opening, Socket, Upgrade},
};
use http::StatusCode;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    ask::{Ask, Credential},
    client::Protocol,
    close::Close,
    pulse::Pulse,
};
use crate::{
    auth::{self, Bastion},
    cors,
    envelope::Refusal,
    operation,
    query::Query,
    text,
};

/// A watcher whose connection takes nothing for so long does not keep up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Watchers have nothing to say.
const FRAME_IN: usize = 4 << 10;

/// Shows an open stay while it goes on, to look at only.
///
/// Shape: WebSocket; query `session_id`, `token` (or a header, or a subprotocol) → text frames, each one line of an asciicast:
/// header, at most 64 KiB of the past, then what happens. Messages of the watcher are ignored. Units: seconds in the events.
/// Errors: HTTP 403 for a foreign origin, 400 without a handshake; then as a text and a close code: 4401, 4403 without 101 or
/// without such a stay; in the midst 1000 at its end, 1013 for who does not keep up, 4410 when the right is gone, 1012.
/// Source: specs/bastion.md §10.3.
pub(super) async fn handle(State(bastion): State<Bastion>, mut request: Request) -> Response {
    let asked = Asked::of(&request);
    let refuse = |refusal| bastion.envelope.refuse("terminal/watch", &refusal, &asked);
    if !cors::is_own_or_listed(&bastion, request.headers()) {
        return refuse(Refusal::Forbidden(text::FORBIDDEN));
    }
    let Ok(upgrade) = Upgrade::of(&mut request) else {
        return refuse(Refusal::text("需要WebSocket连接"));
    };
    let query = Query::parse(request.uri().query().unwrap_or_default(), bastion.zone());
    let ask = Ask::new(&query, request.headers(), &upgrade);
    let protocol = ask.selected();
    let begun = begin(&bastion, asked.caller().clone(), &ask, &query).await;
    let (response, opening) = upgrade.accept(protocol, FRAME_IN);
    let patience = bastion.app.settings().terminal.drain.0;
    let app = bastion.app.clone();
    let task = async move {
        match begun {
            Ok((ctx, watch)) => show(&ctx, watch, opening, patience).await,
            Err(close) => {
                if let Some(socket) = opening.socket(patience).await {
                    let protocol = Protocol::Compat(gatehouse_domain::bastion::terminal::Encoding::Utf8);
                    protocol.part(socket, &close, None, patience).await;
                }
            }
        }
    };
    app.spawn("terminal.watch", task.in_current_span());
    response.into_response()
}

/// Every check, and the past of the stay.
async fn begin(bastion: &Bastion, asking: Asking, ask: &Ask<'_>, query: &Query) -> Result<(Ctx, Watch), Close> {
    let failed = |error: &Error| {
        gatehouse_kit::log_error(error);
        Close::failed(error)
    };
    let Some(Credential::Token(token)) = ask.credential().filter(|_| !ask.is_ambiguous()) else {
        return Err(Close::unauthenticated());
    };
    let caller = auth::by_token(bastion, asking, token).await.map_err(|error| failed(&error))?;
    if let Some(owed) = caller.owes {
        return Err(Close::owed(owed));
    }
    let session = query.raw("session_id").filter(|_| !query.is_repeated("session_id")).unwrap_or_default();
    match recording::watch(&caller.ctx, session).await {
        Ok(watch) => Ok((caller.ctx, watch)),
        Err(error) => {
            if let Error::Forbidden { .. } = error {
                operation::note_refused(&caller.ctx, "terminal.watch", None, StatusCode::FORBIDDEN).await;
            }
            Err(failed(&error))
        }
    }
}

/// Gives every line to the watcher, until one of the two has enough.
async fn show(ctx: &Ctx, mut watch: Watch, opening: Opening, patience: Duration) {
    let Some(Socket { mut reader, mut writer }) = opening.socket(patience).await else { return };
    let app = &ctx.app;
    let mut pulse = Pulse::new(app.settings().terminal.ping.0, false);
    let mut changes = app.live().access_changes();
    let mut due = Instant::now();
    let close = loop {
        tokio::select! {
            () = app.shutdown().cancelled() => break Close::stopping(),
            incoming = reader.next() => {
                pulse.beat();
                match incoming {
                    // Whoever asks without reading the answers is not answered.
                    Incoming::Ping(payload) if writer.is_empty() => {
                        writer.push(Kind::Pong, payload);
                        due = Instant::now() + PATIENCE;
                    }
                    Incoming::Ping(_) | Incoming::Pong(_) | Incoming::Text(_) | Incoming::Binary(_) => {}
                    Incoming::Close => break Close::normal(),
                    Incoming::TooLarge => break Close::too_large(),
                    Incoming::Broken => break Close::broken(),
                    Incoming::Gone => return,
                }
            }
            // Whoever lost the right, or whose session ended, sees nothing more. A database that is away decides nothing.
            Ok(()) = changes.changed() => {
                if let Err(Error::Forbidden { .. } | Error::Unauthenticated { .. }) = stay::may_watch(ctx).await {
                    break Close::revoked();
                }
            }
            () = pulse.tick() => match pulse.ping(!writer.is_empty(), Instant::now()) {
                Some(payload) if writer.is_empty() => {
                    writer.push(Kind::Ping, payload);
                    due = Instant::now() + PATIENCE;
                }
                Some(_) => {}
                None => return,
            },
            watched = watch.next(), if writer.is_empty() => match watched {
                Watched::Line(line) => {
                    writer.push(Kind::Text, line);
                    due = Instant::now() + PATIENCE;
                }
                Watched::Ended => break Close::normal(),
                Watched::Lagging => break Close::lagging(),
            },
            flushed = writer.flush(), if !writer.is_empty() => {
                if flushed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep_until(due), if !writer.is_empty() => break Close::lagging(),
        }
    };
    // Not before the socket: closing waits for the peer, and nobody watches meanwhile.
    drop(watch);
    Socket { reader, writer }.close(close.code, close.reason, patience).await;
}
