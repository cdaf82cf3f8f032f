//! Terminals at a real sshd; rows and recordings are kept in memory.

mod login;
mod native;
mod stream;
mod times;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use gatehouse_domain::{
    Actor, Ctx, Settings,
    bastion::terminal::{
        Admitted, Asked, Boxed, Credential, Encoding, Ended, Event, Failure, Moved, PinnedKey, PresentedKey, Purpose,
        Quota, Size, Terminal, TerminalInput, TerminalOutput, Terminals, Terms, Transfer,
    },
    settings::{HostKeyPolicy, RecordingMode},
};
use gatehouse_model::{AccountId, HostKeyId, Origin, ResourceGroupId, ResourceId, Secret, VoucherId};
use gatehouse_testkit::{Engine, TestApp, peer::Sshd};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    Door,
    ledger::{Failed, Ledger, Recorder},
};

const SIZE: Size = Size { cols: 80, rows: 24 };
const SOON: Duration = Duration::from_secs(20);

/// Rows and recordings in memory.
#[derive(Default)]
struct Book {
    /// What was written, in order: `opened`, `failed dns`, `closed closed`, `pinned SHA256:…`.
    rows: Mutex<Vec<String>>,
    ends: Mutex<Vec<(Uuid, Ended, Moved)>>,
    tape: Arc<Tape>,
    /// Another process pins this one first.
    rival: Mutex<Option<String>>,
}

/// A recording in memory.
#[derive(Default)]
struct Tape {
    output: Mutex<Vec<u8>>,
    /// Everything else.
    marks: Mutex<Vec<String>>,
    breaks: Mutex<bool>,
    is_full: Mutex<bool>,
    changed: Notify,
    is_finished: Mutex<bool>,
}

impl Book {
    fn write(&self, row: impl Into<String>) {
        self.rows.lock().unwrap().push(row.into());
    }

    fn rows(&self) -> Vec<String> {
        self.rows.lock().unwrap().clone()
    }
}

impl Ledger for Book {
    fn pin<'a>(&'a self, _: &'a Ctx, _: &'a Admitted, key: &'a PresentedKey) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(async {
            if let Some(rival) = self.rival.lock().unwrap().clone() {
                return Err(Failure::HostKeyChanged { pinned: vec![rival], presented: key.clone() });
            }
            self.write(format!("pinned {} {}", key.algorithm, key.fingerprint));
            Ok(())
        })
    }

    fn opened<'a>(&'a self, _: &'a Ctx, _: &'a Admitted, _: &'a PresentedKey) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(async {
            self.write("opened");
            Ok(())
        })
    }

    fn failed<'a>(
        &'a self,
        _: &'a Ctx,
        _: &'a Admitted,
        failure: &'a Failure,
        key: Option<&'a PresentedKey>,
    ) -> Boxed<'a, ()> {
        Box::pin(async move {
            let key = key.map_or_else(String::new, |key| format!(" {}", key.algorithm));
            self.write(format!("failed {}{key}", failure.cause()));
        })
    }

    fn closed<'a>(&'a self, _: &'a Ctx, admitted: &'a Admitted, ended: &'a Ended, moved: Moved) -> Boxed<'a, ()> {
        Box::pin(async move {
            self.ends.lock().unwrap().push((admitted.visit, ended.clone(), moved));
            self.write(format!("closed {}", ended.why.as_str()));
        })
    }

    fn transferred<'a>(&'a self, _: &'a Ctx, _: &'a Admitted, transfer: &'a Transfer) -> Boxed<'a, ()> {
        Box::pin(async move { self.write(format!("{} {}", transfer.direction.as_str(), transfer.path)) })
    }

    fn record<'a>(
        &'a self,
        _: &'a Ctx,
        admitted: &'a Admitted,
        size: Size,
        term: &'a str,
    ) -> Boxed<'a, Result<Box<dyn Recorder>, Failure>> {
        Box::pin(async move {
            if admitted.terms.recording == RecordingMode::Strict && *self.tape.breaks.lock().unwrap() {
                return Err(Failure::Recording);
            }
            self.tape.mark(format!("header {}x{} {term}", size.cols, size.rows));
            Ok(Box::new(Taping(self.tape.clone(), admitted.terms.record_input)) as Box<dyn Recorder>)
        })
    }
}

impl Tape {
    fn mark(&self, mark: impl Into<String>) {
        self.marks.lock().unwrap().push(mark.into());
    }

    fn verdict(&self) -> Result<(), Failed> {
        if *self.breaks.lock().unwrap() { Err(Failed("broken".to_owned())) } else { Ok(()) }
    }

    fn set(&self, switch: &Mutex<bool>, on: bool) {
        *switch.lock().unwrap() = on;
        self.changed.notify_waiters();
    }
}

/// A recorder; whether it keeps input.
struct Taping(Arc<Tape>, bool);

impl Recorder for Taping {
    fn is_recording(&self) -> bool {
        true
    }

    fn output(&mut self, text: &[u8]) -> Result<(), Failed> {
        self.0.output.lock().unwrap().extend_from_slice(text);
        self.0.verdict()
    }

    fn input(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        if self.1 {
            self.0.mark(format!("i {}", String::from_utf8_lossy(bytes)));
        }
        self.0.verdict()
    }

    fn resize(&mut self, size: Size) -> Result<(), Failed> {
        self.0.mark(format!("r {}x{}", size.cols, size.rows));
        self.0.verdict()
    }

    fn marker(&mut self, label: &str) -> Result<(), Failed> {
        self.0.mark(format!("m {label}"));
        self.0.verdict()
    }

    fn room(&self) -> Option<Boxed<'static, Result<(), Failed>>> {
        let tape = self.0.clone();
        let is_full = *tape.is_full.lock().unwrap();
        is_full.then(|| {
            Box::pin(async move {
                loop {
                    let changed = tape.changed.notified();
                    if !*tape.is_full.lock().unwrap() {
                        return Ok(());
                    }
                    changed.await;
                }
            }) as Boxed<'static, _>
        })
    }

    fn failed(&self) -> Boxed<'static, Failed> {
        let tape = self.0.clone();
        Box::pin(async move {
            loop {
                let changed = tape.changed.notified();
                if let Err(failed) = tape.verdict() {
                    return failed;
                }
                changed.await;
            }
        })
    }

    fn watchers(&self) -> watch::Receiver<Vec<gatehouse_domain::recording::Watcher>> {
        watch::channel(Vec::new()).1
    }

    fn finish(self: Box<Self>) -> Boxed<'static, ()> {
        *self.0.is_finished.lock().unwrap() = true;
        Box::pin(async {})
    }
}

/// An application, a door and a target.
struct World {
    test: TestApp,
    door: Door,
    book: Arc<Book>,
    sshd: Sshd,
}

impl World {
    async fn new() -> Self {
        Self::with(Settings::default(), Sshd::start().await.unwrap()).await
    }

    async fn with(settings: Settings, sshd: Sshd) -> Self {
        let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
        let book = Arc::new(Book::default());
        Self { test, door: Door::with(book.clone()), book, sshd }
    }

    fn ctx(&self) -> Ctx {
        self.test.app.ctx(Actor::System("test"), Origin::System)
    }

    /// Leave to go to the sshd with a key that it takes.
    fn admitted(&self) -> Admitted {
        let key = self.sshd.key("ed25519", None, gatehouse_testkit::peer::KeyFormat::OpenSsh).unwrap();
        self.admitted_with(Credential::PrivateKey(Secret::new(key)))
    }

    fn admitted_with(&self, credential: Credential) -> Admitted {
        Admitted {
            visit: Uuid::from_bytes(self.test.app.random().bytes()),
            account: AccountId(1),
            login: "administrator".to_owned(),
            name: None,
            via: gatehouse_domain::Via::Door,
            epoch: 0,
            address: None,
            asked: Asked { resource: ResourceId(1), voucher: VoucherId(1), purpose: Purpose::Shell, client: "web" },
            resource_name: "target".to_owned(),
            group: ResourceGroupId(1),
            host: "127.0.0.1".to_owned(),
            port: self.sshd.port(),
            voucher_name: "voucher".to_owned(),
            username: self.sshd.user().to_owned(),
            credential,
            pins: vec![pin(&self.sshd.host_keys()[0])],
            terms: terms(&self.test.app.settings().terminal),
            verdict: gatehouse_domain::bastion::rule::Verdict::default(),
            request: None,
            may_upload: true,
            may_download: true,
            quota: Quota {
                of_account: self.test.app.settings().terminal.max_sessions_per_user,
                of_process: self.test.app.settings().terminal.max_sessions,
            },
        }
    }

    async fn open(&self, admitted: Admitted) -> Result<Terminal, Failure> {
        let opening = self.door.open(self.ctx(), admitted, SIZE, "xterm".to_owned(), None);
        timeout(SOON, opening).await.expect("an answer comes in time")
    }

    async fn screen(&self) -> Screen {
        Screen::new(self.open(self.admitted()).await.unwrap())
    }

    async fn refused(&self, admitted: Admitted) -> Failure {
        match self.open(admitted).await {
            Ok(_) => panic!("it opened"),
            Err(failure) => failure,
        }
    }
}

fn terms(settings: &gatehouse_domain::settings::TerminalSettings) -> Terms {
    Terms {
        idle: settings.idle.0,
        max_duration: settings.max_duration.0,
        hostkey: HostKeyPolicy::Tofu,
        recording: RecordingMode::Strict,
        record_input: false,
        exec: true,
        sftp: true,
        forward: false,
        legacy_algorithms: false,
        legacy_scp: false,
        max_file: None,
        encoding: Encoding::Utf8,
    }
}

/// A pin of `ssh-ed25519 AAAA…`.
fn pin(public_key: &str) -> PinnedKey {
    let key = russh::keys::PublicKey::from_openssh(public_key).unwrap();
    let PresentedKey { algorithm, public_key, fingerprint } = crate::target::key::presented(&key);
    PinnedKey { id: HostKeyId(1), algorithm, public_key, fingerprint }
}

/// A terminal and what was seen of it.
struct Screen {
    output: Box<dyn TerminalOutput>,
    input: Box<dyn TerminalInput>,
    visit: Uuid,
    seen: String,
    /// Where [`Screen::until`] looks on.
    looked: usize,
}

impl Screen {
    fn new(terminal: Terminal) -> Self {
        let Terminal { opened, output, input } = terminal;
        Self { output, input, visit: opened.visit, seen: String::new(), looked: 0 }
    }

    async fn event(&mut self) -> Event {
        timeout(SOON, self.output.next()).await.expect("something happens in time")
    }

    async fn send(&mut self, text: &str) {
        assert!(self.input.send(Bytes::copy_from_slice(text.as_bytes())).await);
    }

    /// Runs a line of shell and gives what came up to the marker it ends with.
    async fn run(&mut self, line: &str) -> String {
        // The echo of the line does not hold the marker in one piece.
        self.send(&format!("{line}; printf '<%s>\\n' DO''NE\n")).await;
        self.until("<DONE>").await
    }

    /// Reads on until a text comes.
    async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen[self.looked..].find(text) {
                let end = self.looked + at + text.len();
                let found = self.seen[self.looked..end].to_owned();
                self.looked = end;
                return found;
            }
            match self.event().await {
                Event::Output(output) => self.seen.push_str(std::str::from_utf8(&output.text).unwrap()),
                Event::Ended(ended) => panic!("it ended, {ended:?}, instead of saying {text}: {}", self.seen),
                Event::IdleWarning(_) | Event::Participants(_) => {}
            }
        }
    }

    /// Reads until the end.
    async fn ended(&mut self) -> Ended {
        loop {
            match self.event().await {
                Event::Output(output) => self.seen.push_str(std::str::from_utf8(&output.text).unwrap()),
                Event::Ended(ended) => return ended,
                Event::IdleWarning(_) | Event::Participants(_) => {}
            }
        }
    }
}

async fn eventually(what: &str, condition: impl AsyncFn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < SOON, "{what} never happened");
        sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}
