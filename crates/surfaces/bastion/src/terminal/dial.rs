//! From an admitted client to its open terminal, while its socket is served already.

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{AskHostKey, PresentedKey, Terminal};
use gatehouse_kit::ws::{Kind, Socket};
use tokio::sync::{mpsc, oneshot};

use super::{
    action::Action,
    client::{Ear, Step},
    close::Close,
    outbox::{Credit, Outbox},
    pump::Push,
    stay::Visit,
    v2,
};

/// What a client may send ahead of its terminal.
const EARLY_BYTES: usize = 64 << 10;
const EARLY_PIECES: usize = 256;

/// What came of dialling.
pub(super) enum Dialled {
    /// The terminal, and what was sent ahead of it.
    Open(Terminal, Early),
    /// The client is gone or left.
    Left,
    /// It ends here.
    Over(Close),
}

/// What a client sent ahead.
#[derive(Default)]
pub(super) struct Early {
    pub(super) pushes: Vec<Push>,
    pub(super) window: Option<u64>,
    bytes: usize,
}

impl Early {
    fn is_full(&self) -> bool {
        self.bytes >= EARLY_BYTES || self.pushes.len() >= EARLY_PIECES
    }

    fn add(&mut self, push: Push) {
        if let Push::Input(bytes) = &push {
            self.bytes += bytes.len();
        }
        self.pushes.push(push);
    }
}

/// A question about a host key on its way to the client.
type Question = (PresentedKey, oneshot::Sender<bool>);

/// Dials for a client. Dropping the future abandons it.
pub(super) async fn dial(visit: &mut Visit, ear: &mut Ear, outbox: &mut Outbox, socket: &mut Socket) -> Dialled {
    let (asking, mut questions) = mpsc::channel::<Question>(1);
    let ask: Option<AskHostKey> = visit.protocol.is_v2().then(|| -> AskHostKey {
        Box::new(move |key| {
            Box::pin(async move {
                let (answer, answered) = oneshot::channel();
                // A client that is gone trusts nothing.
                asking.send((key, answer)).await.is_ok() && answered.await.unwrap_or(false)
            })
        })
    });
    let (ctx, admitted) = (visit.ctx.clone(), visit.admitted.clone());
    let mut opening = visit.door.open(ctx, admitted, visit.size, visit.term.clone(), ask);
    let mut early = Early::default();
    let mut asked: Option<oneshot::Sender<bool>> = None;
    loop {
        let has_work = outbox.has_work(&socket.writer, Credit::Unlimited);
        tokio::select! {
            biased;
            opened = &mut opening => {
                return match opened {
                    Ok(terminal) => Dialled::Open(terminal, early),
                    Err(failure) => Dialled::Over(Close::unreached(&failure)),
                };
            }
            Some((key, answer)) = questions.recv() => {
                let host = format!("{}:{}", visit.admitted.host, visit.admitted.port);
                outbox.push_urgent(Kind::Text, v2::ask(1, &host, &key));
                asked = Some(answer);
            }
            incoming = socket.reader.next(), if !early.is_full() => {
                let action = match ear.hear(incoming) {
                    Step::Act(action) => action,
                    Step::Ping(payload) => {
                        outbox.push_urgent(Kind::Pong, payload);
                        continue;
                    }
                    Step::Pong(_) | Step::Nothing => continue,
                    Step::Left | Step::Lost => return Dialled::Left,
                    Step::Cut(close) => return Dialled::Over(close),
                };
                match action {
                    Action::Input(bytes) => early.add(Push::Input(bytes)),
                    // The first size is the one the terminal opens with, if it comes in time; else it follows.
                    Action::Resize(size) => early.add(Push::Resize(size)),
                    Action::Signal(name) => early.add(Push::Signal(name)),
                    Action::Window(bytes) => early.window = Some(bytes),
                    Action::Ping(value) => outbox.push_urgent(Kind::Text, pong(&value)),
                    Action::Answer { id: 1, accept } => {
                        if let Some(answer) = asked.take() {
                            // Fails when the dial has given up waiting, which it tells itself.
                            let _ = answer.send(accept);
                        }
                    }
                    Action::Answer { .. } | Action::Acknowledge(_) | Action::Drop | Action::End | Action::Bad => {}
                }
            }
            sent = outbox.send(&mut socket.writer, Credit::Unlimited), if has_work => {
                if sent.is_err() {
                    return Dialled::Left;
                }
            }
        }
    }
}

/// The answer to a ping.
pub(super) fn pong(value: &serde_json::Value) -> Bytes {
    v2::Message::Pong { t: value }.text()
}
