//! One terminal from its admission to its end: a single task, nothing shared, every queue bounded.

use std::time::Duration;

use bytes::Bytes;
use gatehouse_domain::{
    Ctx,
    bastion::terminal::{Admitted, Ended, Event, Opened, Size, Terminal, TerminalOutput, TerminalsHandle},
    settings::TerminalSettings,
};
use gatehouse_kit::ws::{Kind, Opening, Socket};
use gatehouse_model::{ByteSize, EndedWhy};
use tokio::{sync::mpsc, time::Instant};

use super::{
    action::Action,
    client::{Ear, Protocol, Step},
    close::Close,
    dial::{self, Dialled},
    outbox::{Credit, Outbox, Sent},
    pulse::Pulse,
    pump::{Pump, Push},
    resume::{Handover, Seat},
    v2::{self, Message, Notice},
};

/// Output kept for a v2 client that names no window.
const KEPT: u64 = 64 << 10;

/// Notices that may wait for a client that does not read them.
const NOTICES: usize = 32;

/// How long an ended door may take to say why, once the process stops.
const DOOR_PATIENCE: Duration = Duration::from_secs(1);

/// An admitted visit.
pub(super) struct Visit {
    pub(super) ctx: Ctx,
    pub(super) door: TerminalsHandle,
    pub(super) admitted: Admitted,
    pub(super) protocol: Protocol,
    pub(super) size: Size,
    pub(super) term: String,
    /// v2: the place from which it can be resumed, and who comes through it.
    pub(super) seat: Option<(Seat, mpsc::Receiver<Handover>)>,
}

impl Visit {
    fn settings(&self) -> &TerminalSettings {
        &self.ctx.app.settings().terminal
    }

    /// Runs the visit to its end.
    pub(super) async fn run(mut self, opening: Opening) {
        let settings = self.settings().clone();
        // The system gives a silent peer up only after we would have: a reader that stalls is none of its business.
        let patience = settings.stall_limit.0 + settings.drain.0;
        let Some(mut socket) = opening.socket(patience).await else { return };
        let mut ear = Ear::new(self.protocol, settings.bad_messages);
        let (queue, frame) = (bytes_of(settings.queue), bytes_of(settings.frame_out));
        let mut outbox = Outbox::new(self.protocol.form(), queue, frame);
        let dialled = Box::pin(dial::dial(&mut self, &mut ear, &mut outbox, &mut socket)).await;
        let (Terminal { opened, output, input }, early) = match dialled {
            Dialled::Open(terminal, early) => (terminal, early),
            Dialled::Left => return,
            Dialled::Over(close) => return self.protocol.part(socket, &close, None, settings.drain.0).await,
        };
        let mut pump = Pump::new(input);
        for push in early.pushes {
            if let Push::Resize(size) = push {
                self.size = size;
            }
            pump.push(push);
        }
        let stay = Stay {
            opened,
            output: Some(output),
            pump,
            ear,
            outbox,
            sent: Sent::default(),
            window: early.window,
            is_blocked: false,
            ended: None,
            visit: self,
        };
        metrics::gauge!("gatehouse_terminal_clients").increment(1);
        Box::pin(stay.run(socket)).await;
        metrics::gauge!("gatehouse_terminal_clients").decrement(1);
    }
}

/// An open terminal.
struct Stay {
    visit: Visit,
    opened: Opened,
    /// Gone once the terminal has ended.
    output: Option<Box<dyn TerminalOutput>>,
    pump: Pump,
    ear: Ear,
    outbox: Outbox,
    sent: Sent,
    /// v2: what may be in flight.
    window: Option<u64>,
    /// What the door was last told.
    is_blocked: bool,
    /// How it ended, and until when a slow client may take what is left of its output.
    ended: Option<(Ended, Instant)>,
}

/// Why a stay goes on without its present socket, or not at all.
enum Outcome {
    /// The connection broke.
    Lost,
    /// The person left.
    Left,
    /// The client went too far.
    Cut(Close),
    /// The terminal has ended, and what is to be seen of it has been sent.
    Ended(Ended),
    /// The client came back on another socket.
    Replaced(Handover),
}

impl Stay {
    async fn run(mut self, mut socket: Socket) {
        let drain = self.visit.settings().drain.0;
        let protocol = self.visit.protocol;
        self.greet(0);
        loop {
            let outcome = self.serve(&mut socket).await;
            let handover = match outcome {
                Outcome::Lost if protocol.is_v2() => {
                    drop(socket);
                    match self.wait().await {
                        Some(handover) => handover,
                        None => return self.leave(),
                    }
                }
                Outcome::Replaced(handover) => {
                    // The client is on the new socket: the old one gets no patience.
                    protocol.part(socket, &Close::replaced(), None, Duration::ZERO).await;
                    handover
                }
                Outcome::Lost => return self.leave(),
                Outcome::Left => {
                    self.leave();
                    return protocol.part(socket, &Close::normal(), None, drain).await;
                }
                Outcome::Cut(close) => {
                    self.leave();
                    return protocol.part(socket, &close, None, drain).await;
                }
                Outcome::Ended(ended) => {
                    self.leave();
                    return protocol.part(socket, &Close::ended(&ended), Some(&ended), drain).await;
                }
            };
            socket = handover.socket;
            let Some((gap, replay)) = self.sent.replay(handover.offset) else {
                self.leave();
                return protocol.part(socket, &Close::gone(), None, drain).await;
            };
            self.outbox.resume(replay);
            self.greet(gap);
        }
    }

    /// Lets go of the terminal: the SSH connection closes now, whatever the client still has to be told.
    fn leave(&mut self) {
        self.pump.close();
        self.output = None;
        if let Some((seat, _)) = self.visit.seat.take() {
            drop(seat);
        }
    }

    /// Tells a v2 client what it has before it, and what it lost.
    fn greet(&mut self, gap: u64) {
        let Some((seat, _)) = &mut self.visit.seat else { return };
        let token = seat.renew(&self.visit.ctx.app);
        let ready = v2::ready(&self.visit.admitted, &self.opened, self.visit.size, &token);
        self.outbox.push_urgent(Kind::Text, ready);
        if gap > 0 {
            self.outbox.push_urgent(Kind::Text, Message::Notice(Notice::gap(gap)).text());
        }
    }

    /// Serves one socket for as long as it lasts.
    ///
    /// Nothing in the loop waits but the `select!` itself, and no branch loses anything when another one wins: that is
    /// what keeps the two directions apart without a queue between them.
    async fn serve(&mut self, socket: &mut Socket) -> Outcome {
        let settings = self.visit.settings().clone();
        let mut pulse = Pulse::new(settings.ping.0, self.visit.protocol.is_v2());
        let shutdown = self.visit.ctx.app.shutdown().clone();
        let shutdown = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DOOR_PATIENCE).await;
        };
        tokio::pin!(shutdown);
        loop {
            self.mind_the_queue();
            let credit = self.credit();
            let has_work = self.outbox.has_work(&socket.writer, credit);
            let is_all_sent = !has_work && self.outbox.waiting() == 0;
            if let Some((ended, _)) = self.ended.take_if(|(ended, _)| is_all_sent || !is_own_end(ended)) {
                return Outcome::Ended(ended);
            }
            tokio::select! {
                biased;
                event = next(&mut self.output) => self.take(event),
                is_open = self.pump.run(), if self.pump.has_work() => {
                    // The door tells the end itself; input for it is no use any more.
                    if !is_open { self.pump.close(); }
                }
                incoming = socket.reader.next(), if !self.pump.is_full() => {
                    pulse.beat();
                    match self.ear.hear(incoming) {
                        Step::Act(action) => {
                            if let Some(close) = self.act(action) { return Outcome::Cut(close); }
                        }
                        Step::Ping(payload) => self.outbox.push_urgent(Kind::Pong, payload),
                        Step::Pong(payload) => pulse.pong(&payload, Instant::now()),
                        Step::Nothing => {}
                        Step::Left => return Outcome::Left,
                        Step::Lost => return Outcome::Lost,
                        Step::Cut(close) => return Outcome::Cut(close),
                    }
                }
                sent = self.outbox.send(&mut socket.writer, credit), if has_work => match sent {
                    Ok(output) => self.note_sent(output),
                    Err(_) => return Outcome::Lost,
                },
                Some(handover) = handover(&mut self.visit.seat) => return Outcome::Replaced(handover),
                () = pulse.tick() => {
                    self.outbox.shrink();
                    let is_stuck = !socket.writer.is_empty();
                    match pulse.ping(is_stuck, Instant::now()) {
                        None => return Outcome::Lost,
                        Some(ping) if !is_stuck => self.outbox.push_urgent(Kind::Ping, ping),
                        Some(_) => {}
                    }
                    if self.visit.protocol.is_v2() && !is_stuck {
                        self.notice(&pulse.latency(self.output.as_ref().and_then(|output| output.latency())));
                    }
                }
                () = patience(self.ended.as_ref()) => return Outcome::Lost,
                () = &mut shutdown => return Outcome::Ended(ended_by_shutdown()),
            }
        }
    }

    /// Waits for a lost client. `None`: it does not come back.
    async fn wait(&mut self) -> Option<Handover> {
        let until = Instant::now() + self.visit.settings().resume_grace.0;
        let shutdown = self.visit.ctx.app.shutdown().clone();
        loop {
            self.mind_the_queue();
            tokio::select! {
                biased;
                handover = handover(&mut self.visit.seat) => return handover,
                event = next(&mut self.output) => self.take(event),
                is_open = self.pump.run(), if self.pump.has_work() => {
                    if !is_open { self.pump.close(); }
                }
                () = tokio::time::sleep_until(until) => return None,
                () = shutdown.cancelled() => return None,
            }
        }
    }

    /// Tells the door when there is no room, and when there is again.
    fn mind_the_queue(&mut self) {
        let is_full = self.outbox.is_full();
        if is_full != self.is_blocked
            && let Some(output) = &mut self.output
        {
            output.set_blocked(is_full);
            self.is_blocked = is_full;
        }
    }

    /// What may be sent. While input waits for the target the client is not read, and its acknowledgements with it: then
    /// the connection itself is the limit, or the two would wait for each other.
    fn credit(&self) -> Credit {
        match self.window {
            Some(window) if !self.pump.is_full() => Credit::Bytes(window.saturating_sub(self.sent.in_flight())),
            _ => Credit::Unlimited,
        }
    }

    fn note_sent(&mut self, output: Option<Bytes>) {
        if let Some(output) = output.filter(|_| self.visit.protocol.is_v2()) {
            let most = usize::try_from(self.window.unwrap_or(KEPT)).unwrap_or(usize::MAX);
            self.sent.add(&output, most);
        }
    }

    /// Adds a notice, unless the client lets too many of them lie.
    fn notice(&mut self, message: &Message<'_>) {
        if self.visit.protocol.is_v2() && self.outbox.urgent() < NOTICES {
            self.outbox.push_urgent(Kind::Text, message.text());
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Output(output) => {
                let bytes = if self.visit.protocol.is_v2() { output.bytes } else { output.text };
                if !bytes.is_empty() {
                    self.outbox.push(bytes);
                }
            }
            Event::IdleWarning(seconds) => self.notice(&Message::Notice(Notice::idle(seconds))),
            Event::Participants(people) => {
                let participants = people.iter().map(|(name, role)| v2::Participant { name, role }).collect::<Vec<_>>();
                self.notice(&Message::Participants { participants });
            }
            Event::Ended(ended) => {
                self.output = None;
                self.pump.close();
                if !is_own_end(&ended) {
                    self.outbox.clear();
                }
                self.ended = Some((ended, Instant::now() + self.visit.settings().stall_limit.0));
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Close> {
        match action {
            Action::Input(bytes) => self.pump.push(Push::Input(bytes)),
            Action::Resize(size) => {
                self.visit.size = size;
                self.pump.push(Push::Resize(size));
            }
            Action::Signal(name) => self.pump.push(Push::Signal(name)),
            Action::Acknowledge(bytes) => self.sent.acknowledge(bytes),
            Action::Window(bytes) => self.window = Some(bytes),
            Action::Drop => {
                let dropped = self.outbox.clear() as u64;
                self.notice(&Message::Notice(Notice::dropped(dropped)));
            }
            Action::Ping(value) => self.notice(&Message::Pong { t: &value }),
            // Nothing was asked any more.
            Action::Answer { .. } | Action::End | Action::Bad => {
                if let Step::Cut(close) = self.ear.count() {
                    return Some(close);
                }
            }
        }
        None
    }
}

/// The next event; never, once the terminal has ended.
async fn next(output: &mut Option<Box<dyn TerminalOutput>>) -> Event {
    match output {
        Some(output) => output.next().await,
        None => std::future::pending().await,
    }
}

/// The client that comes back; never, where it cannot.
async fn handover(seat: &mut Option<(Seat, mpsc::Receiver<Handover>)>) -> Option<Handover> {
    match seat {
        Some((_, handovers)) => handovers.recv().await,
        None => std::future::pending().await,
    }
}

/// The end of the patience with a client that does not take the last output of its terminal.
async fn patience(ended: Option<&(Ended, Instant)>) {
    match ended {
        Some((_, until)) => tokio::time::sleep_until(*until).await,
        None => std::future::pending().await,
    }
}

/// Whether the terminal ended by itself: then its last output is shown first.
fn is_own_end(ended: &Ended) -> bool {
    Close::ended(ended).code == 1000
}

fn ended_by_shutdown() -> Ended {
    Ended { why: EndedWhy::Shutdown, by: None, exit_code: None, exit_signal: None }
}

fn bytes_of(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
