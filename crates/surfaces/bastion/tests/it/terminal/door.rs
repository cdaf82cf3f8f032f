//! A door without targets: the test holds the other end of each terminal.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gatehouse_domain::{
    Ctx,
    bastion::terminal::{
        Admitted, AskHostKey, Boxed, Ended, Event, Failure, Opened, Output, PresentedKey, Size, Terminal,
        TerminalInput, TerminalOutput, Terminals,
    },
};
use gatehouse_model::EndedWhy;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What happens with the next dial.
pub(crate) enum Next {
    /// It fails.
    Fail(Failure),
    /// The client is asked about the host key.
    Ask,
    /// It lasts for ever.
    Hang,
}

/// What arrived for a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Input(Bytes),
    Resize(u32, u32),
    Signal(String),
    /// The person left.
    Closed,
    /// The input half is gone.
    Dropped,
}

/// The door's end of an open terminal.
pub(crate) struct Stay {
    pub(crate) admitted: Admitted,
    pub(crate) size: Size,
    pub(crate) term: String,
    /// Output and what comes in order with it.
    ordered: mpsc::Sender<Event>,
    /// What overtakes output.
    urgent: mpsc::UnboundedSender<Event>,
    pub(crate) pushed: mpsc::UnboundedReceiver<Pushed>,
    pub(crate) blocked: watch::Receiver<bool>,
    /// Whether the target takes input.
    pub(crate) takes_input: watch::Sender<bool>,
}

#[derive(Default, Clone)]
pub(crate) struct Door(Arc<Scene>);

#[derive(Default)]
struct Scene {
    script: Mutex<VecDeque<Next>>,
    stays: Mutex<VecDeque<Stay>>,
    /// Dials that were abandoned.
    abandoned: Arc<AtomicUsize>,
}

impl Door {
    pub(crate) fn script(&self, next: Next) {
        self.0.script.lock().unwrap_or_else(PoisonError::into_inner).push_back(next);
    }

    /// Dials that were abandoned.
    pub(crate) fn abandoned(&self) -> usize {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    /// The next terminal that opens.
    pub(crate) async fn stay(&self) -> Stay {
        let opened = async {
            loop {
                if let Some(stay) = self.0.stays.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                    return stay;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, opened).await.expect("a terminal opens")
    }

    /// Whether nothing was dialled.
    pub(crate) fn is_untouched(&self) -> bool {
        self.0.stays.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn opened(&self, admitted: Admitted, size: Size, term: String) -> Terminal {
        let (ordered, outputs) = mpsc::channel(1);
        let (urgent, others) = mpsc::unbounded_channel();
        let (pushes, pushed) = mpsc::unbounded_channel();
        let (blocks, blocked) = watch::channel(false);
        let (takes_input, takes) = watch::channel(true);
        let opened = Opened { visit: admitted.visit, host_key: host_key(), is_recorded: true };
        let stay = Stay { admitted, size, term, ordered, urgent, pushed, blocked, takes_input };
        self.0.stays.lock().unwrap_or_else(PoisonError::into_inner).push_back(stay);
        Terminal {
            opened,
            output: Box::new(ScriptedOutput { outputs, others, blocks, is_blocked: false }),
            input: Box::new(ScriptedInput { pushes, takes }),
        }
    }
}

pub(crate) fn host_key() -> PresentedKey {
    PresentedKey {
        algorithm: "ssh-ed25519".to_owned(),
        public_key: "ssh-ed25519 AAAA".to_owned(),
        fingerprint: "SHA256:new".to_owned(),
    }
}

impl Terminals for Door {
    fn open(
        &self,
        _ctx: Ctx,
        admitted: Admitted,
        size: Size,
        term: String,
        ask: Option<AskHostKey>,
    ) -> Boxed<'static, Result<Terminal, Failure>> {
        let door = self.clone();
        Box::pin(async move {
            let next = door.0.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                None => Ok(door.opened(admitted, size, term)),
                Some(Next::Fail(failure)) => Err(failure),
                Some(Next::Ask) => {
                    let is_trusted = match ask {
                        Some(ask) => ask(host_key()).await,
                        None => false,
                    };
                    if is_trusted {
                        Ok(door.opened(admitted, size, term))
                    } else {
                        Err(Failure::HostKeyUnknown(host_key()))
                    }
                }
                Some(Next::Hang) => {
                    let _abandoned = CountOnDrop(Arc::clone(&door.0.abandoned));
                    std::future::pending().await
                }
            }
        })
    }
}

struct CountOnDrop(Arc<AtomicUsize>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Stay {
    /// Writes output; waits while the client takes none.
    pub(crate) async fn write(&self, output: impl Into<Bytes>) {
        let bytes: Bytes = output.into();
        let text = String::from_utf8_lossy(&bytes).into_owned().into();
        let written = self.ordered.send(Event::Output(Output { bytes, text }));
        timeout(PATIENCE, written).await.expect("it is taken").expect("the terminal is open");
    }

    /// The shell exits, after all its output.
    pub(crate) async fn exit(&self, code: u32) {
        let ended = Ended { why: EndedWhy::Closed, by: None, exit_code: Some(code), exit_signal: None };
        self.ordered.send(Event::Ended(ended)).await.expect("the terminal is open");
    }

    /// Something that overtakes output.
    pub(crate) fn tell(&self, event: Event) {
        self.urgent.send(event).expect("the terminal is open");
    }

    /// The door ends it.
    pub(crate) fn end(&self, why: EndedWhy, by: Option<(&str, &str)>) {
        let by = by.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        self.tell(Event::Ended(Ended { why, by, exit_code: None, exit_signal: None }));
    }

    /// What arrives next for the target.
    pub(crate) async fn next(&mut self) -> Pushed {
        timeout(PATIENCE, self.pushed.recv()).await.expect("something arrives").expect("the terminal is open")
    }

    /// Input until it has so many bytes.
    pub(crate) async fn input(&mut self, length: usize) -> Vec<u8> {
        let mut input = Vec::new();
        while input.len() < length {
            match self.next().await {
                Pushed::Input(bytes) => input.extend_from_slice(&bytes),
                other => panic!("{other:?} after {} bytes", input.len()),
            }
        }
        input
    }

    /// Waits for the client's side to be blocked, or not.
    pub(crate) async fn until_blocked(&mut self, is_blocked: bool) {
        timeout(PATIENCE, self.blocked.wait_for(|now| *now == is_blocked)).await.expect("it changes").unwrap();
    }

    /// Waits until the surface has let go of the terminal; gives what still came.
    pub(crate) async fn until_gone(&mut self) -> Vec<Pushed> {
        let mut seen = Vec::new();
        loop {
            match self.next().await {
                Pushed::Dropped => break,
                other => seen.push(other),
            }
        }
        timeout(PATIENCE, self.ordered.closed()).await.expect("the output half goes, too");
        seen
    }
}

struct ScriptedOutput {
    outputs: mpsc::Receiver<Event>,
    others: mpsc::UnboundedReceiver<Event>,
    blocks: watch::Sender<bool>,
    is_blocked: bool,
}

impl TerminalOutput for ScriptedOutput {
    fn next(&mut self) -> Boxed<'_, Event> {
        Box::pin(async move {
            tokio::select! {
                biased;
                Some(event) = self.others.recv() => event,
                Some(event) = self.outputs.recv(), if !self.is_blocked => event,
                () = std::future::pending() => unreachable!("pends"),
            }
        })
    }

    fn set_blocked(&mut self, is_blocked: bool) {
        assert_ne!(self.is_blocked, is_blocked, "told of changes only");
        self.is_blocked = is_blocked;
        self.blocks.send_replace(is_blocked);
    }

    fn latency(&self) -> Option<Duration> {
        Some(Duration::from_micros(1_500))
    }
}

struct ScriptedInput {
    pushes: mpsc::UnboundedSender<Pushed>,
    takes: watch::Receiver<bool>,
}

impl ScriptedInput {
    fn push(&mut self, pushed: Pushed) -> Boxed<'_, bool> {
        Box::pin(async move { self.takes.wait_for(|takes| *takes).await.is_ok() && self.pushes.send(pushed).is_ok() })
    }
}

impl TerminalInput for ScriptedInput {
    fn send(&mut self, bytes: Bytes) -> Boxed<'_, bool> {
        self.push(Pushed::Input(bytes))
    }

    fn resize(&mut self, size: Size) -> Boxed<'_, bool> {
        self.push(Pushed::Resize(size.cols, size.rows))
    }

    fn signal(&mut self, name: String) -> Boxed<'_, bool> {
        self.push(Pushed::Signal(name))
    }

    fn close(&mut self) {
        // The test may have let go of its end first.
        let _ = self.pushes.send(Pushed::Closed);
    }
}

impl Drop for ScriptedInput {
    fn drop(&mut self) {
        // As above.
        let _ = self.pushes.send(Pushed::Dropped);
    }
}
