//! `terminal/ssh/`

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use gatehouse_domain::{
    Caller as Asking, Ctx,
    bastion::{
        terminal::{self, Asked as Wanted, Purpose},
        ticket,
    },
    session::staff::Owed,
    throttle,
};
use gatehouse_kit::{
    Asked,
    ws::{Opening, Upgrade},
};
use gatehouse_model::{ResourceId, VoucherId};
use http::StatusCode;
use tracing::Instrument;

use super::{
    ask::{Ask, Credential},
    client::Protocol,
    close::Close,
    resume::{Handover, Owner, Resumable},
    stay::Visit,
};
use crate::{
    auth::{self, Bastion},
    cors,
    envelope::Refusal,
    operation,
    query::Query,
    text,
};

/// Opens a terminal at a target.
///
/// Shape: WebSocket; query `token` (or a header, a subprotocol, a `ticket`), `resource_id`, `voucher_id`; texts
/// `{type:1,data:{cols,rows}}` and `{type:2,data}` in, raw output out; subprotocol `bastion.v2`: see [`super::v2`].
/// Units: characters, bytes. Errors: HTTP 403 for a foreign origin, 400 without a handshake; all others as a text and a
/// close code after the handshake, see [`Close`].
/// Source: seeds/003 part 九 (35), specs/bastion.md §7; differs: close codes tell why, where the reference always said 1000.
pub(super) async fn handle(State(bastion): State<Bastion>, resumable: Resumable, mut request: Request) -> Response {
    let asked = Asked::of(&request);
    let refuse = |refusal| bastion.envelope.refuse("terminal/ssh", &refusal, &asked);
    if !cors::is_own_or_listed(&bastion, request.headers()) {
        return refuse(Refusal::Forbidden(text::FORBIDDEN));
    }
    let Ok(upgrade) = Upgrade::of(&mut request) else {
        return refuse(Refusal::text("需要WebSocket连接"));
    };
    let settings = &bastion.app.settings().terminal;
    let query = Query::parse(request.uri().query().unwrap_or_default(), bastion.zone());
    let ask = Ask::new(&query, request.headers(), &upgrade);
    let (protocol, is_v2) = (ask.selected(), ask.is_v2());
    let begun = begin(&bastion, &resumable, asked.caller().clone(), &ask).await;
    let limit = usize::try_from(settings.frame_in.0).unwrap_or(usize::MAX);
    let (response, opening) = upgrade.accept(protocol, limit);
    let patience = settings.drain.0;
    match begun {
        Ok(Begun::Visit(visit)) => spawn(&bastion, async move { visit.run(opening).await }),
        Ok(Begun::Resumed { to, offset }) => spawn(&bastion, resume(to, offset, opening, patience)),
        Err(close) => {
            let protocol = if is_v2 { Protocol::V2 } else { Protocol::Compat(terminal::Encoding::Utf8) };
            spawn(&bastion, async move {
                if let Some(socket) = opening.socket(patience).await {
                    protocol.part(socket, &close, None, patience).await;
                }
            });
        }
    }
    response.into_response()
}

fn spawn(bastion: &Bastion, task: impl Future<Output = ()> + Send + 'static) {
    bastion.app.spawn("terminal", task.in_current_span());
}

/// What a handshake leads to.
enum Begun {
    Visit(Box<Visit>),
    Resumed { to: tokio::sync::mpsc::Sender<Handover>, offset: u64 },
}

/// Hands a new socket to the terminal that waits for it.
async fn resume(to: tokio::sync::mpsc::Sender<Handover>, offset: u64, opening: Opening, patience: std::time::Duration) {
    let Some(socket) = opening.socket(patience).await else { return };
    if let Err(lost) = to.send(Handover { socket, offset }).await {
        // It ended in this moment.
        Protocol::V2.part(lost.0.socket, &Close::gone(), None, patience).await;
    }
}

/// Every check before anything is dialled, in the order of specs/bastion.md §7.2.
async fn begin(bastion: &Bastion, resumable: &Resumable, asking: Asking, ask: &Ask<'_>) -> Result<Begun, Close> {
    let proved = prove(bastion, asking, ask).await?;
    if let Some(owed) = proved.owes {
        return Err(Close::owed(owed));
    }
    let ctx = proved.ctx;
    if let Some((token, offset)) = ask.resume().filter(|_| ask.is_v2() && !ask.is_ambiguous()) {
        let to = Owner::of(&ctx).and_then(|owner| resumable.take(token, &owner));
        return to.map(|to| Begun::Resumed { to, offset }).ok_or_else(Close::gone);
    }
    let target = proved.target.or_else(|| ask.resource().zip(ask.voucher())).filter(|_| !ask.is_ambiguous());
    let Some((resource, voucher)) = target else {
        operation::note_refused(&ctx, ACTION, ask.resource().map(|id| id.0), StatusCode::FORBIDDEN).await;
        return Err(Close::forbidden());
    };
    let client = if ask.is_v2() { "web.v2" } else { "web" };
    let wanted = Wanted { resource, voucher, purpose: Purpose::Shell, client };
    let admitted = match terminal::admit(&ctx, wanted).await {
        Ok(admitted) => admitted,
        Err(refusal) => return Err(refused(&ctx, resource, &refusal).await),
    };
    let Some(door) = bastion.app.terminals().cloned() else {
        tracing::error!("terminals are asked for, but the ssh door of this process is not running");
        return Err(Close::unavailable());
    };
    let protocol = if ask.is_v2() { Protocol::V2 } else { Protocol::Compat(admitted.terms.encoding) };
    let seat = Owner::of(&ctx).filter(|_| ask.is_v2()).map(|owner| resumable.seat(owner));
    let (size, term) = (ask.size(), ask.term(&bastion.app.settings().terminal.term));
    Ok(Begun::Visit(Box::new(Visit { ctx, door, admitted, protocol, size, term, seat })))
}

const ACTION: &str = "terminal.open";

async fn refused(ctx: &Ctx, resource: ResourceId, refusal: &terminal::Refusal) -> Close {
    let close = Close::refused(refusal);
    if close == Close::forbidden() {
        operation::note_refused(ctx, ACTION, Some(resource.0), StatusCode::FORBIDDEN).await;
    }
    if let terminal::Refusal::Error(error) = refusal {
        gatehouse_kit::log_error(error);
    }
    close
}

/// A client that proved who it is.
struct Proved {
    ctx: Ctx,
    owes: Option<Owed>,
    /// What its ticket is for.
    target: Option<(ResourceId, VoucherId)>,
}

async fn prove(bastion: &Bastion, asking: Asking, ask: &Ask<'_>) -> Result<Proved, Close> {
    let anonymous = bastion.ctx(gatehouse_domain::Actor::Anonymous, asking.clone());
    let proved = match ask.credential() {
        None => Err(gatehouse_domain::Error::Unauthenticated { why: "no token" }),
        Some(Credential::Token(token)) => {
            let caller = auth::by_token(bastion, asking, token).await;
            caller.map(|caller| Proved { ctx: caller.ctx, owes: caller.owes, target: None })
        }
        Some(Credential::Ticket(secret)) => {
            let redeemed = ticket::redeem(&anonymous, secret).await;
            redeemed.map(|ticket| Proved {
                ctx: ticket.ctx,
                owes: ticket.owes,
                target: Some((ticket.resource, ticket.voucher)),
            })
        }
    };
    match proved {
        Ok(proved) => Ok(proved),
        Err(error) => {
            gatehouse_kit::log_error(&error);
            if matches!(error, gatehouse_domain::Error::Unauthenticated { .. }) {
                count_failure(&anonymous).await;
            }
            Err(Close::failed(&error))
        }
    }
}

/// Counts against the address. A credential that counts is not refused for what others did from there: it cannot be guessed.
async fn count_failure(ctx: &Ctx) {
    if let Err(error) = throttle::failed_address(ctx).await {
        gatehouse_kit::log_error(&error);
    }
}
