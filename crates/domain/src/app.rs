//! The application: what every use case reaches through [`Ctx`]. One per process, cheap to clone.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use gatehouse_model::{Millis, Origin, Secret};
use gatehouse_store::{Db, Engine, OpenOptions, process};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Actor, Caller, Clock, Ctx, Error, Random, Result, Settings, account, audit,
    bastion::{self, terminal::TerminalsHandle},
    billing::{
        main::Mains,
        session::{Sessions, Uses},
        sweep::Sweep,
    },
    gather::Gather,
    job,
    live::Live,
    mail::MailerHandle,
    oa,
    panel::{self, captcha::CaptchaHandle, telegram::BotHandle},
    password::Passwords,
    payment::Providers,
    proxy::{checkin::Checkins, device::Alive, roster::Roster},
    push::SenderHandle,
    radius::{
        awaited::Awaited,
        behind::{self, Behind},
        class::Classes,
        enforce::EnforcerHandle,
        entrant::Entrants,
        failure::Failures,
        recent::Recent,
        turn::NasTurns,
    },
    recording::Recordings,
    seal::KeyRing,
    vpn::{external::ServersHandle, publish::Turns},
};

/// What [`App::open`] needs.
#[derive(Debug)]
pub struct Open {
    /// `sqlite:///path` or `postgres://…`.
    pub database_url: Secret,
    /// Connections and durability.
    pub options: OpenOptions,
    /// The key ring.
    pub keys: KeyRing,
    /// Settings.
    pub settings: Settings,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// Keys remembered by [`App::once_per`].
const MAX_SEEN: usize = 10_000;

/// The application.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    db: Db,
    keys: KeyRing,
    settings: Settings,
    clock: Clock,
    random: Random,
    passwords: Passwords,
    live: Live,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    process_id: AtomicI64,
    seen: Mutex<HashMap<String, Millis>>,
    terminals: OnceLock<TerminalsHandle>,
    external: OnceLock<ServersHandle>,
    enforcer: OnceLock<EnforcerHandle>,
    payments: OnceLock<Providers>,
    push: OnceLock<SenderHandle>,
    mailer: OnceLock<MailerHandle>,
    captcha: OnceLock<CaptchaHandle>,
    telegram: OnceLock<BotHandle>,
    recordings: Recordings,
    oa_entries: Arc<Gather<oa::EntryKey, oa::Entry>>,
    billing_sessions: Arc<Sessions>,
    billing_mains: Arc<Mains>,
    publications: Turns,
    recent: Recent,
    behind: Behind,
    failures: Failures,
    entrants: Entrants,
    awaited: Awaited,
    classes: Classes,
    nas_turns: NasTurns,
    sweep: Sweep,
    billing_uses: Uses,
    exports: Arc<Semaphore>,
    roster: Roster,
    checkins: Checkins,
    alive: Alive,
    profiles: panel::profile::Profiles,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("process_id", &self.process_id()).finish_non_exhaustive()
    }
}

impl App {
    /// Opens the database, migrates it, and makes account 1 with role 1 when it is new.
    ///
    /// Gives the administrator's random password when this call made it; it is shown once and stored nowhere in clear.
    pub async fn open(open: Open) -> Result<(Self, Option<Secret>)> {
        let db = Db::open(open.database_url.expose(), &open.options).await?;
        db.migrate().await?;
        let passwords = Passwords::new(&open.settings.login, &open.random)?;
        let (recent, classes) = (Recent::new(&open.random), Classes::new(&open.random));
        // Reading in this process is quicker than handing out; a server has processors of its own.
        let at_once = if db.engine() == Engine::Sqlite { 1 } else { 4 };
        let app = Self(Arc::new(Inner {
            live: Live::new(),
            db,
            keys: open.keys,
            settings: open.settings,
            clock: open.clock,
            random: open.random,
            passwords,
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            process_id: AtomicI64::new(0),
            seen: Mutex::default(),
            terminals: OnceLock::new(),
            external: OnceLock::new(),
            enforcer: OnceLock::new(),
            payments: OnceLock::new(),
            push: OnceLock::new(),
            mailer: OnceLock::new(),
            captcha: OnceLock::new(),
            telegram: OnceLock::new(),
            recordings: Recordings::default(),
            oa_entries: Arc::default(),
            billing_sessions: Arc::new(Sessions::new(at_once)),
            billing_mains: Arc::new(Mains::new(at_once)),
            publications: Turns::default(),
            recent,
            behind: Behind::default(),
            failures: Failures::default(),
            entrants: Entrants::default(),
            awaited: Awaited::default(),
            classes,
            nas_turns: NasTurns::default(),
            sweep: Sweep::default(),
            billing_uses: Uses::default(),
            exports: Arc::new(Semaphore::new(1)),
            roster: Roster::default(),
            checkins: Checkins::default(),
            alive: Alive::default(),
            profiles: panel::profile::Profiles::default(),
        }));
        let first = account::administrator::make_if_new(&app.ctx(Actor::System("first start"), Origin::System)).await?;
        bastion::seed::make_if_new(&app.ctx(Actor::System("first start"), Origin::System)).await?;
        let ctx = app.ctx(Actor::System("first start"), Origin::System);
        Box::pin(panel::setting::make_if_new(&ctx)).await?;
        app.live().refresh(&app).await?;
        Ok((app, first))
    }

    /// Registers this process and starts its tasks: the live snapshot's poller, jobs, periodic tasks.
    pub async fn start(&self, name: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        let id = process::insert(&mut tx, name, self.now()).await?;
        tx.commit().await?;
        self.0.process_id.store(id, Ordering::Relaxed);
        job::start(self).await?;
        Ok(())
    }

    /// Says good-bye in order: called after all tasks have ended.
    pub async fn stop(&self) -> Result<()> {
        self.flush_behind().await?;
        self.checkins().flush(self).await?;
        let id = self.process_id();
        if id != 0 {
            let mut tx = self.db().begin().await?;
            gatehouse_store::node::delete_states(&mut tx, id).await?;
            process::end(&mut tx, id, self.now()).await?;
            tx.commit().await?;
        }
        self.db().close().await;
        Ok(())
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Time, for doors that stamp packets.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Now.
    pub fn now(&self) -> Millis {
        self.0.clock.now()
    }

    /// Randomness.
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The key ring.
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// Password hashing.
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Look-ups of the oa surface.
    pub(crate) fn oa_entries(&self) -> &Arc<Gather<oa::EntryKey, oa::Entry>> {
        &self.0.oa_entries
    }

    /// Look-ups of sessions of the billing surface.
    pub(crate) fn billing_sessions(&self) -> &Arc<Sessions> {
        &self.0.billing_sessions
    }

    /// Look-ups of subscribers for `u_main`.
    pub(crate) fn billing_mains(&self) -> &Arc<Mains> {
        &self.0.billing_mains
    }

    /// Requests to publish staged changes.
    pub(crate) fn publications(&self) -> &Turns {
        &self.0.publications
    }

    /// What the radius door writes later.
    pub(crate) fn behind(&self) -> &Behind {
        &self.0.behind
    }

    /// Failed logins of the radius door.
    pub(crate) fn failures(&self) -> &Failures {
        &self.0.failures
    }

    /// Where the sweep over debt blocks is.
    pub(crate) fn sweep(&self) -> &Sweep {
        &self.0.sweep
    }

    /// Turns at NAS.
    pub(crate) fn nas_turns(&self) -> &NasTurns {
        &self.0.nas_turns
    }

    /// Leave to list all subscribers: each list holds a connection to the database for as long as its taker is slow.
    pub(crate) fn exports(&self) -> &Arc<Semaphore> {
        &self.0.exports
    }

    /// When sessions of the billing surface were used last.
    pub(crate) fn billing_uses(&self) -> &Uses {
        &self.0.billing_uses
    }

    /// Who was let in through the radius door a moment ago.
    pub(crate) fn entrants(&self) -> &Entrants {
        &self.0.entrants
    }

    /// Who was let in under a limit of sessions, and has not begun his yet.
    pub(crate) fn awaited(&self) -> &Awaited {
        &self.0.awaited
    }

    /// Session keys of the radius door.
    pub(crate) fn classes(&self) -> &Classes {
        &self.0.classes
    }

    /// Writes down what the radius door did up to now; part of a clean stop and of tests.
    pub async fn flush_behind(&self) -> Result<()> {
        behind::flush(self, true).await
    }

    /// Logins of the radius door that were right a moment ago.
    pub(crate) fn recent(&self) -> &Recent {
        &self.0.recent
    }

    /// Who may use which node.
    pub fn roster(&self) -> &Roster {
        &self.0.roster
    }

    /// What nodes of others were last heard to do.
    pub fn checkins(&self) -> &Checkins {
        &self.0.checkins
    }

    /// What stays between two profiles.
    pub(crate) fn profiles(&self) -> &panel::profile::Profiles {
        &self.0.profiles
    }

    /// Devices of users with a limit.
    pub fn alive(&self) -> &Alive {
        &self.0.alive
    }

    /// The recordings that this process is making.
    pub(crate) fn recordings(&self) -> &Recordings {
        &self.0.recordings
    }

    /// The ssh door of this process, once it has started.
    pub fn terminals(&self) -> Option<&TerminalsHandle> {
        self.0.terminals.get()
    }

    /// Tells surfaces of the ssh door. The first one stays.
    pub fn serve_terminals(&self, door: TerminalsHandle) {
        // A second door of one process would be a fault of the wiring; the first keeps serving.
        let _ = self.0.terminals.set(door);
    }

    /// Who asks foreign authentication servers, if anybody does.
    pub fn external(&self) -> Option<&ServersHandle> {
        self.0.external.get()
    }

    /// Tells the login decision who asks foreign authentication servers. The first one stays.
    pub fn serve_external(&self, servers: ServersHandle) {
        // As with terminals: a second one would be a fault of the wiring.
        let _ = self.0.external.set(servers);
    }

    /// The radius door of this process, once it has started.
    pub fn enforcer(&self) -> Option<&EnforcerHandle> {
        self.0.enforcer.get()
    }

    /// Tells the outbox of the radius door. The first one stays.
    pub fn serve_enforcer(&self, door: EnforcerHandle) {
        // As with terminals.
        let _ = self.0.enforcer.set(door);
    }

    /// The payment systems of this process, once they are known.
    pub fn payments(&self) -> Option<&Providers> {
        self.0.payments.get()
    }

    /// Tells orders and jobs of the payment systems. The first call stays.
    pub fn serve_payments(&self, providers: Providers) {
        // As with terminals.
        let _ = self.0.payments.set(providers);
    }

    /// Who sends push messages, if anybody does.
    pub fn push(&self) -> Option<&SenderHandle> {
        self.0.push.get()
    }

    /// Tells the outbox who sends push messages. The first one stays.
    pub fn serve_push(&self, sender: SenderHandle) {
        // As with terminals.
        let _ = self.0.push.set(sender);
    }

    /// Who speaks to mail servers, if anybody does.
    pub fn mailer(&self) -> Option<&MailerHandle> {
        self.0.mailer.get()
    }

    /// Tells the outbox who speaks to mail servers. The first one stays.
    pub fn serve_mail(&self, mailer: MailerHandle) {
        // As with terminals.
        let _ = self.0.mailer.set(mailer);
    }

    /// Who verifies that a person is one, if anybody does.
    pub fn captcha(&self) -> Option<&CaptchaHandle> {
        self.0.captcha.get()
    }

    /// Tells registrations who verifies captchas. The first one stays.
    pub fn serve_captcha(&self, verifier: CaptchaHandle) {
        // As with terminals.
        let _ = self.0.captcha.set(verifier);
    }

    /// Who speaks to the service of the bot, if anybody does.
    pub fn telegram(&self) -> Option<&BotHandle> {
        self.0.telegram.get()
    }

    /// Tells pages who speaks to the service of the bot. The first one stays.
    pub fn serve_telegram(&self, bot: BotHandle) {
        // As with terminals.
        let _ = self.0.telegram.set(bot);
    }

    /// The live snapshot.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// All tasks of the process.
    pub fn tracker(&self) -> &TaskTracker {
        &self.0.tracker
    }

    /// Cancelled when the process is asked to stop.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// This process's row; 0 for commands that do not serve.
    pub fn process_id(&self) -> i64 {
        self.0.process_id.load(Ordering::Relaxed)
    }

    /// Starts a task. The only way to do so: shutdown waits for all of them.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let watched = async move {
            task.await;
            tracing::trace!(task = name, "task ended");
        };
        drop(self.0.tracker.spawn(watched));
    }

    /// A context without a caller: jobs, doors, commands.
    pub fn ctx(&self, actor: Actor, origin: Origin) -> Ctx {
        let caller = Caller { request_id: self.request_id(), ..Caller::default() };
        Ctx { app: self.clone(), actor, origin, caller }
    }

    /// A fresh request id: 16 hex digits.
    pub fn request_id(&self) -> String {
        hex::encode(self.random().bytes::<8>())
    }

    /// Chains what is left of the audit trail; part of a clean stop and of tests.
    pub async fn seal_audit(&self) -> Result<()> {
        while audit::seal(self, 1_000).await? > 0 {}
        Ok(())
    }

    /// True for the first call with a key in each span: for notes that a flood must not multiply.
    pub(crate) fn once_per(&self, span: Duration, key: &str) -> bool {
        let now = self.now();
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(key).is_some_and(|at| now < at.plus(span)) {
            return false;
        }
        if seen.len() >= MAX_SEEN {
            seen.retain(|_, at| now < at.plus(span));
        }
        // Still full: many addresses at once. Silence is then the bound on memory.
        let has_room = seen.len() < MAX_SEEN;
        if has_room {
            seen.insert(key.to_owned(), now);
        }
        has_room
    }

    /// Waits for a span or for the shutdown; true: shut down.
    pub async fn pause(&self, span: Duration) -> bool {
        tokio::select! {
            () = self.shutdown().cancelled() => true,
            () = tokio::time::sleep(span) => false,
        }
    }
}

impl From<gatehouse_store::Error> for Error {
    fn from(error: gatehouse_store::Error) -> Self {
        match error {
            gatehouse_store::Error::Conflict { key } => Self::Conflict { what: "row", key },
            gatehouse_store::Error::Unavailable(_) => Self::Unavailable(Box::new(error)),
            gatehouse_store::Error::Other { .. } => Self::Internal(Box::new(error)),
        }
    }
}

/// Codes of a machine or role as they are stored: separated by blanks.
pub(crate) fn parse_codes(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}
