//! Jobs and periodic tasks: work that outlives the request which caused it (DESIGN §4 "Jobs", §10.5).
//!
//! A job is enqueued in the transaction that causes it, claimed exactly once under a lease, and deleted in the
//! transaction that does its work. Each kind has its own runner, so that a slow kind delays nobody else.

use std::time::Duration;

use gatehouse_model::Millis;
use gatehouse_store::{Aspect, Tx, job as rows, job::JobRow, live as live_rows, process, visit};

use tokio::task::JoinSet;

use crate::{
    App, Error, Result, Settings, audit,
    bastion::{request, terminal},
    billing::{self, credit, ending, renew, sweep},
    keys, ledger,
    live::Live,
    mail, oa, panel, payment,
    proxy::{checkin, device},
    push, radius, recording, throttle,
    vpn::publish,
};

/// What kinds of jobs there are. The names are published: additions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Makes an oa user.
    OaCreate,
    /// Removes an oa user.
    OaDelete,
    /// Ends a stay through the radius door.
    RadiusDisconnect,
    /// Sends a stay through the radius door what its person now gets.
    RadiusChange,
    /// Asks a payment system what became of an order.
    PaymentPoll,
    /// Sends a push message.
    PushSend,
    /// Sends a mail.
    MailSend,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::OaCreate,
        Self::OaDelete,
        Self::RadiusDisconnect,
        Self::RadiusChange,
        Self::PaymentPoll,
        Self::PushSend,
        Self::MailSend,
    ];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OaCreate => "oa.create",
            Self::OaDelete => "oa.delete",
            Self::RadiusDisconnect => "radius.disconnect",
            Self::RadiusChange => "radius.change",
            Self::PaymentPoll => payment::poll::KIND,
            Self::PushSend => "push.send",
            Self::MailSend => mail::KIND,
        }
    }

    const fn is_radius(self) -> bool {
        matches!(self, Self::RadiusDisconnect | Self::RadiusChange)
    }

    /// Whether it waits for machines of others.
    const fn is_foreign(self) -> bool {
        self.is_radius() || matches!(self, Self::PaymentPoll | Self::PushSend | Self::MailSend)
    }

    /// Whether this process can do it.
    fn is_served(self, app: &App) -> bool {
        match self {
            Self::OaCreate | Self::OaDelete => true,
            Self::RadiusDisconnect | Self::RadiusChange => app.enforcer().is_some(),
            Self::PaymentPoll => app.payments().is_some(),
            Self::PushSend => app.push().is_some(),
            Self::MailSend => app.mailer().is_some(),
        }
    }

    /// How many are claimed and worked at the same time per process: enough to share a commit among, few enough that each
    /// leaves the queue when its own turn has come.
    const PARALLEL: i64 = 32;

    /// How many jobs of a kind that waits for others may be under way per process; at most [`Self::PARALLEL`] more are begun at once.
    /// NAS are many and have turns of their own, a payment system or push service is one.
    const fn rounds(self) -> usize {
        if self.is_radius() { 1_024 } else { 64 }
    }
}

/// Longest time an attempt may take before somebody else takes the job over.
const LEASE: Duration = Duration::from_secs(30);
/// How often jobs of other processes are looked for.
const POLL: Duration = Duration::from_millis(500);

/// Starts the live poller, a runner per kind and the periodic tasks.
pub(crate) async fn start(app: &App) -> Result<()> {
    take_over(app).await?;
    app.spawn("live", Live::run(app.clone()));
    app.spawn("recording.sweep", recording::run_sweep(app.clone()));
    app.spawn("recording.note", recording::run_note(app.clone()));
    let recovering = app.clone();
    app.spawn("recording.recover", async move { recording::try_recover(&recovering).await });
    app.spawn("radius.behind", radius::behind::run(app.clone()));
    app.spawn("node.checkin", checkin::run(app.clone()));
    app.spawn("keys", keys::follow(app.clone()));
    for kind in Kind::ALL {
        app.spawn(kind.as_str(), run_kind(app.clone(), kind));
    }
    for task in Periodic::ALL {
        app.spawn(task.as_str(), run_periodic(app.clone(), task));
    }
    Ok(())
}

/// What a process does at its start for those that vanished. A SQLite file is served by one process, so every lease in it
/// belongs to a dead one; on PostgreSQL leases run out by themselves.
async fn take_over(app: &App) -> Result<()> {
    let mut tx = app.db().begin().await?;
    if app.db().engine() == gatehouse_store::Engine::Sqlite {
        rows::release_leases(&mut tx, app.now()).await?;
        for (id, _) in process::list_lost(&mut tx, Millis(i64::MAX)).await? {
            if id != app.process_id() {
                lose(&mut tx, id, app.now()).await?;
            }
        }
    }
    oa::job::reschedule(app, &mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Closes what a vanished process left open.
async fn lose(tx: &mut Tx, process_id: i64, now: Millis) -> Result<()> {
    visit::close_lost(tx, process_id).await?;
    gatehouse_store::node::delete_states(tx, process_id).await?;
    process::end(tx, process_id, now).await?;
    tx.touch(Aspect::Node, None);
    Ok(())
}

async fn run_kind(app: App, kind: Kind) {
    let mut commits = app.db().signals().jobs();
    let mut running = JoinSet::new();
    loop {
        commits.borrow_and_update();
        while running.try_join_next().is_some() {}
        let wait = match run_some(&app, kind, &mut running).await {
            Ok(0) => next_in(&app, kind).await,
            // More may be waiting: no pause, but a shutdown between two batches is heard.
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(
                    event = "job.claim_failed",
                    kind = kind.as_str(),
                    error = error.chain(),
                    "cannot claim jobs"
                );
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            () = app.shutdown().cancelled() => return,
            _ = commits.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn next_in(app: &App, kind: Kind) -> Duration {
    match rows::find_next_at(&mut app.db().read(), kind.as_str()).await {
        Ok(Some(at)) => {
            let wait = u64::try_from(at.0.saturating_sub(app.now().0)).unwrap_or(0).max(1);
            Duration::from_millis(wait).min(POLL)
        }
        _ => POLL,
    }
}

/// Claims one batch of a kind and works it off, or begins to, where one job must not wait for another; gives how many jobs were
/// claimed.
async fn run_some(app: &App, kind: Kind, running: &mut JoinSet<()>) -> Result<usize> {
    if !kind.is_foreign() {
        return run_batch(app, kind).await;
    }
    // A machine that does not answer takes seconds.
    if running.len() >= kind.rounds() {
        running.join_next().await;
    }
    let jobs = claim(app, kind).await?;
    let claimed = jobs.len();
    for job in jobs {
        running.spawn(run_one(app.clone(), kind, job));
    }
    Ok(claimed)
}

/// Claims one batch of a kind and works it off; gives how many jobs were claimed.
async fn run_batch(app: &App, kind: Kind) -> Result<usize> {
    let jobs = claim(app, kind).await?;
    let claimed = jobs.len();
    let mut running = JoinSet::new();
    for job in jobs {
        running.spawn(run_one(app.clone(), kind, job));
    }
    running.join_all().await;
    Ok(claimed)
}

/// Claims due jobs and commits the claim, together with what it means for the rows: that their work has begun.
async fn claim(app: &App, kind: Kind) -> Result<Vec<JobRow>> {
    let now = app.now();
    if !kind.is_served(app) {
        return Ok(Vec::new());
    }
    // Reading first keeps an idle server from writing.
    if rows::find_next_at(&mut app.db().read(), kind.as_str()).await?.is_none_or(|at| at > now) {
        return Ok(Vec::new());
    }
    let mut tx = app.db().begin().await?;
    let jobs = rows::claim(&mut tx, kind.as_str(), now, now.plus(LEASE), Kind::PARALLEL).await?;
    if kind == Kind::OaCreate {
        oa::job::begin_creations(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    Ok(jobs)
}

/// Works one job; a failed one is put back with its back-off, which is said once at first and then once an hour.
async fn run_one(app: App, kind: Kind, job: JobRow) {
    let result = match kind {
        Kind::OaCreate => oa::job::create(&app, &job).await,
        Kind::OaDelete => oa::job::delete(&app, &job).await,
        Kind::RadiusDisconnect => radius::enforcing::disconnect(&app, &job).await,
        Kind::RadiusChange => radius::enforcing::change(&app, &job).await,
        Kind::PaymentPoll => payment::poll::run(&app, &job).await,
        Kind::PushSend => push::send::run(&app, &job).await,
        Kind::MailSend => mail::run(&app, &job).await,
    };
    let Err(error) = result else { return };
    metrics::counter!("gatehouse_job_failures_total", "kind" => kind.as_str()).increment(1);
    let (wait, attempts) = (backoff(&app, kind, job.attempts), job.attempts);
    if attempts == 1 || wait >= app.settings().oa.retry_max.0 && attempts % 12 == 0 {
        tracing::warn!(
            event = "job.failed",
            kind = kind.as_str(),
            key = job.key,
            attempts,
            error = error.chain(),
            "job failed, will be retried"
        );
    }
    // What hindered the job often hinders giving it back, too. Once the lease has run out the job comes again by itself.
    for second in 0..LEASE.as_secs() {
        let Err(later) = give_back(&app, kind, &job, &error, wait).await else { return };
        if second == 0 {
            tracing::warn!(
                event = "job.give_back_failed",
                kind = kind.as_str(),
                error = later.chain(),
                "cannot give a job back"
            );
        }
        if app.pause(Duration::from_secs(1)).await {
            return;
        }
    }
}

/// Puts a failed job back with its back-off.
async fn give_back(app: &App, kind: Kind, job: &JobRow, error: &Error, wait: Duration) -> Result<()> {
    let mut tx = app.db().begin().await?;
    if kind == Kind::OaDelete {
        oa::job::note_delete_failed(app, &mut tx, job, error).await?;
    }
    rows::retry(&mut tx, job.id, job.attempts, app.now().plus(wait), &error.chain()).await?;
    tx.commit().await?;
    Ok(())
}

/// `oa.retry_min` doubling to `oa.retry_max`, ±20 %. Of jobs that wait for others, whose failures are no errors, only a fault of
/// ours comes here.
fn backoff(app: &App, kind: Kind, attempts: i64) -> Duration {
    if kind.is_foreign() {
        return radius::enforcing::pause(usize::try_from(attempts).unwrap_or_default());
    }
    let (min, max) = (app.settings().oa.retry_min.0, app.settings().oa.retry_max.0);
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(20);
    let base = min.saturating_mul(1 << doublings).min(max);
    let percent = u32::try_from(80 + app.random().below(41)).unwrap_or(100);
    base.saturating_mul(percent) / 100
}

/// Works off every job that is due now, for tests and for commands that wait for their effect; gives how many ran.
pub async fn run_due(app: &App) -> Result<usize> {
    let mut total = 0;
    loop {
        let mut ran = 0;
        for kind in Kind::ALL {
            ran += run_batch(app, kind).await?;
        }
        if ran == 0 {
            return Ok(total);
        }
        total += ran;
    }
}

/// Periodic tasks: one runner per database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Periodic {
    AuditSeal,
    AccessExpire,
    RadiusExpire,
    ProcessReap,
    RadiusStale,
    DeviceStale,
    BillingRenew,
    BillingCreditEnd,
    BillingDebtSweep,
    LedgerCheck,
    PanelMinute,
    SessionPurge,
    PanelRemind,
    Recordings,
    Retention,
}

impl Periodic {
    const ALL: [Self; 15] = [
        Self::AuditSeal,
        Self::AccessExpire,
        Self::RadiusExpire,
        Self::ProcessReap,
        Self::RadiusStale,
        Self::DeviceStale,
        Self::BillingRenew,
        Self::BillingCreditEnd,
        Self::BillingDebtSweep,
        Self::LedgerCheck,
        Self::PanelMinute,
        Self::SessionPurge,
        Self::PanelRemind,
        Self::Recordings,
        Self::Retention,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::AuditSeal => "audit.seal",
            Self::AccessExpire => "access.expire",
            Self::RadiusExpire => "radius.expire",
            Self::ProcessReap => "process.reap",
            Self::RadiusStale => "radius.stale",
            Self::DeviceStale => "device.stale",
            Self::BillingRenew => "billing.renew",
            Self::BillingCreditEnd => "billing.credit_end",
            Self::BillingDebtSweep => "billing.debt_sweep",
            Self::LedgerCheck => "ledger.check",
            Self::PanelMinute => "panel.minute",
            Self::SessionPurge => "session.purge",
            Self::PanelRemind => "panel.remind",
            Self::Recordings => "recording.retention",
            Self::Retention => "retention",
        }
    }

    fn every(self, settings: &Settings) -> Duration {
        Duration::from_secs(match self {
            Self::AuditSeal | Self::AccessExpire | Self::RadiusExpire => 1,
            Self::BillingRenew => return settings.billing.renew.tick.0,
            Self::BillingCreditEnd => 5,
            Self::BillingDebtSweep => 7,
            Self::ProcessReap | Self::RadiusStale | Self::DeviceStale => 10,
            Self::PanelMinute | Self::PanelRemind => 60,
            Self::SessionPurge | Self::Recordings => 3_600,
            Self::LedgerCheck | Self::Retention => 86_400,
        })
    }
}

/// Runs every periodic task that is due now, for tests.
pub async fn run_due_periodic(app: &App) -> Result<()> {
    for task in Periodic::ALL {
        run_periodic_once(app, task).await?;
    }
    Ok(())
}

/// Longest silence of a process that is still taken for alive.
const SILENCE: Duration = Duration::from_secs(30);

async fn run_periodic(app: App, task: Periodic) {
    let mut is_failing = false;
    loop {
        match run_periodic_once(&app, task).await {
            Ok(()) => is_failing = false,
            Err(error) => {
                if !is_failing {
                    tracing::warn!(
                        event = "periodic.failed",
                        task = task.as_str(),
                        error = error.chain(),
                        "periodic task failed"
                    );
                }
                is_failing = true;
            }
        }
        // A day's task looks every hour whether its time has come, so that a restart does not skip it.
        if app.pause(task.every(app.settings()).min(Duration::from_hours(1))).await {
            return;
        }
    }
}

async fn run_periodic_once(app: &App, task: Periodic) -> Result<()> {
    if task == Periodic::ProcessReap {
        let mut tx = app.db().begin().await?;
        process::update_seen(&mut tx, app.process_id(), app.now()).await?;
        tx.commit().await?;
    }
    // What has nothing to do each second does not write each second that it looked.
    let is_idle = match task {
        Periodic::AuditSeal => !audit::is_open(app).await?,
        Periodic::AccessExpire => !terminal::has_expired(app).await? && !request::is_due(app).await?,
        Periodic::RadiusExpire => !radius::stale::has_expired(app).await?,
        Periodic::BillingRenew => !renew::is_due(app).await? && !ending::is_due(app).await?,
        Periodic::BillingCreditEnd => !credit::is_due(app).await?,
        Periodic::DeviceStale => !device::has_stale(app).await?,
        Periodic::BillingDebtSweep => !sweep::is_wanted(app).await?,
        Periodic::PanelRemind => !panel::remind::is_due(app).await?,
        Periodic::ProcessReap
        | Periodic::RadiusStale
        | Periodic::LedgerCheck
        | Periodic::PanelMinute
        | Periodic::SessionPurge
        | Periodic::Recordings
        | Periodic::Retention => false,
    };
    if is_idle {
        return Ok(());
    }
    // A little early counts, or every other turn would be missed by a millisecond.
    let (now, every) = (app.now(), task.every(app.settings()));
    let slack = every / 10;
    if rows::find_periodic(&mut app.db().read(), task.as_str()).await?.is_some_and(|at| at > now.plus(slack)) {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    let is_mine =
        rows::claim_periodic(&mut tx, task.as_str(), now.plus(slack), now.plus(every), app.process_id()).await?;
    tx.commit().await?;
    if !is_mine {
        return Ok(());
    }
    let result = work(app, task).await;
    if let Err(error) = &result {
        let mut tx = app.db().begin().await?;
        rows::update_periodic(&mut tx, task.as_str(), Some(&error.chain())).await?;
        tx.commit().await?;
    }
    result
}

async fn work(app: &App, task: Periodic) -> Result<()> {
    let now = app.now();
    match task {
        Periodic::AuditSeal => app.seal_audit().await,
        Periodic::AccessExpire => {
            request::expire(app).await?;
            terminal::note_expired(app).await
        }
        Periodic::ProcessReap => {
            let lost = process::list_lost(&mut app.db().read(), now.minus(SILENCE)).await?;
            for (id, _) in lost {
                let mut tx = app.db().begin().await?;
                lose(&mut tx, id, now).await?;
                tx.commit().await?;
                tracing::warn!(event = "process.lost", process = id, "process {id} vanished; its visits are closed");
            }
            recording::try_recover(app).await;
            publish::measure(app).await
        }
        Periodic::SessionPurge => {
            let mut tx = app.db().begin().await?;
            gatehouse_store::login_session::delete_ended(&mut tx, now.minus(Duration::from_hours(720))).await?;
            gatehouse_store::one_time::delete_expired(&mut tx, now).await?;
            throttle::forget(app, &mut tx).await?;
            billing::idempotency::purge(app, &mut tx).await?;
            panel::gift::code::expire(app, &mut tx).await?;
            mail::forget(&mut tx, now.minus(mail::NOTED)).await?;
            for aspect in Aspect::ALL {
                live_rows::delete_old_changes(&mut tx, aspect.as_str(), 100_000).await?;
            }
            tx.commit().await?;
            Ok(())
        }
        Periodic::RadiusExpire => radius::stale::expire(app).await,
        Periodic::RadiusStale => radius::stale::close(app).await,
        Periodic::BillingRenew => {
            renew::run(app).await?;
            ending::run(app).await
        }
        Periodic::DeviceStale => device::end_stale(app).await,
        Periodic::BillingCreditEnd => credit::end_due(app).await,
        Periodic::LedgerCheck => ledger::check::watch(app).await,
        Periodic::PanelMinute => panel::minute::run(app).await,
        Periodic::BillingDebtSweep => sweep::run(app).await,
        Periodic::PanelRemind => panel::remind::run(app).await,
        Periodic::Recordings => recording::retain(app).await.map(drop),
        Periodic::Retention => {
            crate::visit::retain(app).await?;
            audit::prune(app).await.map(drop)
        }
    }
}
