//! Accounting: stays of VPN users and subscribers as their NAS tells of them (specs/radius.md §7).
//!
//! A session is known by NAS entry and Acct-Session-Id. Reports come twice, late, in the wrong order or not at all, and each
//! says everything from the beginning of the session; so a report never adds, it raises.

use std::time::Duration;

use gatehouse_model::{AccountId, EndedWhy, Millis, PassKind, VisitId, fold_key};
use gatehouse_store::{
    Tx, radius_outbox, subscriber_access,
    visit_radius::{self as rows, NewSession, SessionFields, SessionRow},
};

use super::{
    class, clean,
    counter::{self, Age},
    enforcing, login_of,
    nas::{Disconnect, Gigawords, Nas, OnDeniedStart},
    outbox,
    report::{Reply, Report, Status},
    standing, subscriber,
};
use crate::{Ctx, Error, Result};

/// Clocks of NAS that differ by more are not believed.
const CLOCK_LIMIT: Duration = Duration::from_hours(24);
/// Reports may seem to come this much after what they tell of; a session that begins later is another one.
const SLACK: Duration = Duration::from_secs(10);
/// A refused Start that is repeated within this time is the same one.
const REFUSAL: Duration = Duration::from_mins(1);
/// How often a report is tried that collides with the same one in another process.
const TRIES: usize = 3;

/// Records a report; the answer may leave once this has returned, for then it is on the disk.
///
/// Shape: a [`Report`] → whether to answer. Units: seconds and octets as in RFC 2866, times in milliseconds.
/// Errors: any means that nothing is recorded and nothing may be answered. Source: specs/radius.md §7, §8.4.
pub async fn record(ctx: &Ctx, nas: &Nas, report: &Report) -> Result<Reply> {
    match report.status {
        Status::On | Status::Off => reboot(ctx, nas, report).await,
        _ if report.session_id.is_empty() => {
            if ctx.app.once_per(Duration::from_hours(24), &format!("radius.no_session {}", nas.name)) {
                let nas = &nas.name;
                tracing::warn!(event = "radius.no_session_id", nas, "accounting of {nas} names no session");
            }
            Ok(Reply::Acknowledge)
        }
        Status::Start | Status::Stop | Status::Interim => session(ctx, nas, report).await,
    }
}

/// Every open session of a NAS that says it restarted has ended. One entry may stand for several: they differ by address.
async fn reboot(ctx: &Ctx, nas: &Nas, report: &Report) -> Result<Reply> {
    let mut tx = ctx.begin().await?;
    let at = event_at(report, ctx.now());
    let address = report.source.to_canonical().to_string();
    rows::close_all(&mut tx, nas.id, &address, at, EndedWhy::NasReboot.as_str()).await?;
    tx.commit().await?;
    Ok(Reply::Acknowledge)
}

async fn session(ctx: &Ctx, nas: &Nas, report: &Report) -> Result<Reply> {
    for _ in 0..TRIES {
        if let Some(reply) = try_session(ctx, nas, report).await? {
            return Ok(reply);
        }
    }
    Err(Error::Unavailable("the same session is being opened again and again".into()))
}

/// None: another process opened the same session at the same moment, and it is to be looked at again.
async fn try_session(ctx: &Ctx, nas: &Nas, report: &Report) -> Result<Option<Reply>> {
    let mut tx = ctx.begin().await?;
    let known = rows::find_newest(&mut tx, nas.id, &report.session_id).await?;
    let telling = Telling { nas, report, now: ctx.now(), event: event_at(report, ctx.now()) };
    let mut arrived = None;
    let reply = match (telling.of(known.as_ref()), known) {
        (Of::Past, _) | (Of::Present, None) => Reply::Acknowledge,
        (Of::Present, Some(session)) => telling.go_on(ctx, &mut tx, &session).await?,
        (Of::Another, known) => {
            if let Some(old) = known.as_ref().filter(|old| old.until_at.is_none()) {
                rows::close(&mut tx, old.id, old.event_at, EndedWhy::Stale.as_str()).await?;
            }
            let Some(begun) = telling.begin(ctx, &mut tx, known.as_ref()).await? else { return Ok(None) };
            arrived = begun.account;
            begun.reply
        }
    };
    tx.commit().await?;
    if let Some(account) = arrived {
        ctx.app.awaited().arrived(account, report.calling_station.as_deref());
    }
    Ok(Some(reply))
}

/// When it happened: Event-Timestamp if the clock can be believed, else the receipt less Acct-Delay-Time.
fn event_at(report: &Report, now: Millis) -> Millis {
    let stamp = report.event_timestamp.map(|seconds| Millis(i64::from(seconds) * 1_000));
    let limit = i64::try_from(CLOCK_LIMIT.as_millis()).unwrap_or(i64::MAX);
    if let Some(stamp) = stamp.filter(|stamp| stamp.0.abs_diff(now.0) <= limit.unsigned_abs()) {
        return stamp;
    }
    now.minus(Duration::from_secs(report.delay.unwrap_or(0).into()).min(CLOCK_LIMIT))
}

/// What a report is about, given the newest session of its key.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    /// A session that was not known.
    Another,
    /// The session that is known, which goes on or ends.
    Present,
    /// What has been told already.
    Past,
}

/// A report as it came in.
struct Telling<'a> {
    nas: &'a Nas,
    report: &'a Report,
    now: Millis,
    /// When it happened, by the clock of the NAS.
    event: Millis,
}

impl Telling<'_> {
    /// Beginning of the session as this report tells.
    fn since(&self) -> Millis {
        self.event.minus(Duration::from_secs(self.report.session_time.unwrap_or(0).into()))
    }

    /// Whether this can only be a session that began after everything known of the other.
    fn is_after(&self, known: &SessionRow) -> bool {
        let session_time = self.report.session_time.map(i64::from);
        session_time.is_some_and(|time| time < known.session_time) && self.since() > known.event_at.plus(SLACK)
    }

    /// Whether the key was used again for somebody else. A NAS may also spell a name differently from one report to the next, but
    /// then its session goes on from the same beginning.
    fn is_of_another_user(&self, known: &SessionRow) -> bool {
        let is_other = !self.report.user_name.is_empty() && self.report.user_name != known.user_name;
        let goes_on = self.report.session_time.is_some() && self.since() <= known.since_at.plus(SLACK);
        is_other && !goes_on
    }

    fn of(&self, known: Option<&SessionRow>) -> Of {
        let Some(known) = known else { return Of::Another };
        let is_open = known.until_at.is_none();
        if is_open && self.is_of_another_user(known) {
            return Of::Another;
        }
        let time = self.report.session_time.map_or(0, i64::from);
        match self.report.status {
            Status::Start if is_open => Of::Present,
            Status::Start if self.event > known.event_at => Of::Another,
            Status::Start => Of::Past,
            _ if self.is_after(known) => Of::Another,
            _ if is_open || known.terminate_cause.is_none() => Of::Present,
            // After its Stop only an Interim of what came later shows that it goes on.
            Status::Interim if time > known.session_time && self.event > known.event_at => Of::Present,
            _ => Of::Past,
        }
    }

    /// What the report says, on top of what is known.
    fn fields<'f>(&'f self, facts: &'f Facts, known: Option<&SessionRow>) -> SessionFields<'f> {
        let report = self.report;
        let (old_time, old_up, old_down) = known.map_or((0, 0, 0), |known| (known.session_time, known.up, known.down));
        let time = report.session_time.map(i64::from);
        let age = match time {
            _ if known.is_none() => Age::Newer,
            Some(time) if time > old_time => Age::Newer,
            Some(time) if time < old_time => Age::Older,
            _ => Age::Same,
        };
        let is_trusted = self.nas.settings.gigawords == Gigawords::Trust;
        let sent = report.input.gigawords.or(report.output.gigawords).is_some();
        let has_gigawords = is_trusted && (sent || known.is_some_and(|known| known.has_gigawords));
        let up = counter::total(old_up, report.input, has_gigawords, age);
        let down = counter::total(old_down, report.output, has_gigawords, age);
        let grew = up > old_up || down > old_down;
        let most = |old: Option<i64>, new: Option<u32>| old.unwrap_or(0).max(new.map_or(0, i64::from));
        let event_at = known.map_or(self.event, |known| known.event_at.max(self.event));
        let rates = match known {
            Some(known) if report.status != Status::Start && age != Age::Older => {
                let by_time = time.unwrap_or(0).saturating_sub(old_time);
                let by_clock = event_at.0.saturating_sub(known.event_at.0) / 1_000;
                let seconds = if by_time > 0 { by_time } else { by_clock };
                let rate = |new: i64, old: i64| new.saturating_sub(old).checked_div(seconds).unwrap_or(0);
                (seconds > 0).then(|| (rate(up, old_up), rate(down, old_down)))
            }
            _ => None,
        };
        let (rate_up, rate_down) = match report.status {
            Status::Stop => (0, 0),
            _ => rates.or(known.map(|known| (known.rate_up, known.rate_down))).unwrap_or((0, 0)),
        };
        let cause = (report.status == Status::Stop).then(|| report.terminate_cause.map_or(0, i64::from));
        SessionFields {
            session_id: &report.session_id,
            user_name: &report.user_name,
            class: facts.class,
            framed_ip: facts.framed_ip.as_deref(),
            calling_station: facts.calling_station.as_deref(),
            called_station: facts.called_station.as_deref(),
            nas_identifier: facts.nas_identifier.as_deref(),
            nas_port: report.nas_port.map(i64::from),
            connect_info: facts.connect_info.as_deref(),
            multi_session_id: facts.multi_session_id.as_deref(),
            event_at,
            session_time: time.unwrap_or(0).max(old_time),
            has_gigawords,
            packets_up: most(known.map(|known| known.packets_up), report.input.packets),
            packets_down: most(known.map(|known| known.packets_down), report.output.packets),
            rate_up,
            rate_down,
            grew_at: if grew { Some(self.now) } else { known.and_then(|known| known.grew_at) },
            terminate_cause: cause,
            up,
            down,
        }
    }

    /// Writes a session that was not known. None: somebody else just did.
    async fn begin(&self, ctx: &Ctx, tx: &mut Tx, before: Option<&SessionRow>) -> Result<Option<Begun>> {
        let who = self.who(ctx, tx).await?;
        let is_silent = self.is_silent(who.refused);
        if is_silent && before.is_some_and(|before| is_refusal(before) && self.now < before.seen_at.plus(REFUSAL)) {
            return Ok(Some(Begun { account: None, reply: Reply::Silent }));
        }
        let facts = Facts::of(self.report);
        let ended = match (who.refused, self.report.status) {
            (Some(why), Status::Start) if is_silent => Some((self.event, why)),
            (_, Status::Stop) => Some((self.event, ended_why(self.report.terminate_cause))),
            _ => None,
        };
        let uuid = ctx.app.random().uuid().to_string();
        let fields = self.fields(&facts, None);
        let new = NewSession {
            uuid: &uuid,
            account_id: who.account,
            login: &who.login,
            name: who.name.as_deref(),
            from_address: facts.calling_station.as_deref(),
            since_at: self.since(),
            seen_at: self.now,
            ended: ended.map(|(at, why)| (at, why.as_str())),
            nas_id: self.nas.id,
            nas_name: &self.nas.name,
            nas_address: &self.report.source.to_canonical().to_string(),
            pass: who.account.map(|_| who.pass.as_str()),
            is_in_garden: who.is_in_garden,
            interim: Millis(i64::try_from(self.nas.settings.interim.0.as_millis()).unwrap_or(i64::MAX)),
            report: &fields,
        };
        let Some(id) = rows::insert(tx, &new).await? else { return Ok(None) };
        if is_silent {
            return Ok(Some(Begun { account: who.account, reply: Reply::Silent }));
        }
        if let Some(why) = who.refused.filter(|_| ended.is_none() && self.can_cut()) {
            radius_outbox::update_end_asked(tx, id, why.as_str(), self.now).await?;
            radius_outbox::insert_end_job_if_none(tx, &uuid, &outbox::payload(why), self.now).await?;
        }
        if let Some(account) = who.account {
            self.live(ctx, tx, (account, who.pass), id, (fields.up, fields.down)).await?;
        }
        Ok(Some(Begun { account: who.account, reply: Reply::Acknowledge }))
    }

    /// Writes what became of a session that is known.
    async fn go_on(&self, ctx: &Ctx, tx: &mut Tx, known: &SessionRow) -> Result<Reply> {
        let facts = Facts::of(self.report);
        let fields = self.fields(&facts, Some(known));
        let ended = (self.report.status == Status::Stop).then(|| {
            let asked = known.end_asked_why.as_deref().and_then(EndedWhy::parse);
            let why = asked.unwrap_or_else(|| ended_why(self.report.terminate_cause));
            (fields.event_at, why)
        });
        rows::update(tx, known.id, &fields, self.now, ended.map(|(at, why)| (at, why.as_str()))).await?;
        if (fields.up, fields.down) != (known.up, known.down) {
            rows::update_usage(tx, known.id, fields.up, fields.down).await?;
        }
        let pass = known.pass.as_deref().and_then(PassKind::parse).unwrap_or(PassKind::Vpn);
        if let Some(account) = known.account_id {
            let traffic = (fields.up.saturating_sub(known.up), fields.down.saturating_sub(known.down));
            self.live(ctx, tx, (account, pass), known.id, traffic).await?;
        }
        if ended.is_some() {
            rows::release_address(tx, known.id, self.now).await?;
        }
        let refused = match known.account_id {
            Some(account) if pass == PassKind::Subscriber => subscriber::refusal(ctx, tx, account).await?,
            _ => standing::of_session(known, self.now),
        };
        if ended.is_none() {
            self.cut(ctx, tx, known, refused).await?;
        }
        Ok(if self.is_silent(refused) { Reply::Silent } else { Reply::Acknowledge })
    }

    /// Has a session ended that may not be: its account may not be in, or it was ended already and goes on all the same.
    async fn cut(&self, ctx: &Ctx, tx: &mut Tx, known: &SessionRow, refused: Option<EndedWhy>) -> Result<()> {
        let asked = known.end_asked_at.and(known.end_asked_why.as_deref()).and_then(EndedWhy::parse);
        let Some(why) = asked.or(refused).filter(|_| self.can_cut()) else { return Ok(()) };
        if !radius_outbox::insert_end_job_if_none(tx, &known.uuid, &outbox::payload(why), self.now).await? {
            return Ok(());
        }
        if asked.is_none() {
            radius_outbox::update_end_asked(tx, known.id, why.as_str(), self.now).await?;
        } else if known.until_at.is_some() {
            enforcing::alarm(ctx, tx, known, &self.nas.name, "ended, but it goes on").await?;
        }
        Ok(())
    }

    fn can_cut(&self) -> bool {
        self.nas.settings.disconnect != Disconnect::None
    }

    fn is_silent(&self, refused: Option<EndedWhy>) -> bool {
        let is_start = self.report.status == Status::Start;
        is_start && refused.is_some() && self.nas.settings.on_denied_start() == OnDeniedStart::Silent
    }

    /// Notes a sign of life of an account; of a subscriber also his traffic since the last report, and his address.
    async fn live(
        &self,
        ctx: &Ctx,
        tx: &mut Tx,
        (account, pass): (AccountId, PassKind),
        visit: VisitId,
        traffic: (i64, i64),
    ) -> Result<()> {
        if pass != PassKind::Subscriber {
            ctx.app.behind().active(account, self.now);
            return Ok(());
        }
        subscriber::account(ctx, tx, account, traffic).await?;
        let Some(ip) = Facts::of(self.report).framed_ip.filter(|_| self.report.status != Status::Stop) else {
            return Ok(());
        };
        subscriber_access::occupy(tx, &ip, account, visit, self.now).await?;
        // Two routers cannot have the same address: whoever came last has it.
        for uuid in subscriber_access::list_at_address(tx, account, &ip, visit).await? {
            outbox::disconnect_visit(tx, self.now, &uuid, EndedWhy::Kicked, "radius.address").await?;
        }
        Ok(())
    }

    /// The account: by Class, else as it was let in a moment ago, else by User-Name, of the kinds that the NAS serves.
    async fn who(&self, ctx: &Ctx, tx: &mut Tx) -> Result<Who> {
        let named = String::from_utf8_lossy(&self.report.user_name);
        let login = login_of(self.nas.settings.user_name, &named);
        let by_class = self.report.classes.iter().find_map(|class| class::parse(class));
        let let_in = ctx.app.entrants().find(self.nas.id, &self.report.user_name, self.now);
        let serves = &self.nas.settings.serves;
        let mut who = Who::unknown(clean(login));
        for pass in serves.iter().copied().filter(|pass| [PassKind::Vpn, PassKind::Subscriber].contains(pass)) {
            let account = match by_class {
                Some((of, account)) if of == pass => Some(account),
                Some(_) => continue,
                None => let_in,
            };
            let found = if pass == PassKind::Vpn {
                self.vpn_user(tx, account, login).await?
            } else {
                self.subscriber(ctx, tx, account, login).await?
            };
            match found {
                Some(found) => return Ok(found),
                // It is gone since.
                None if by_class.is_some() || let_in.is_some() && serves.len() == 1 => {
                    who = Who { account, pass, refused: Some(EndedWhy::Deleted), ..who };
                }
                None => {}
            }
        }
        Ok(who)
    }

    async fn vpn_user(&self, tx: &mut Tx, account: Option<AccountId>, login: &str) -> Result<Option<Who>> {
        let found = match account {
            Some(account) => rows::find_standing(tx, account).await?,
            None if login.contains('\0') => None,
            None => rows::find_standing_by_key(tx, &fold_key(login)).await?,
        };
        Ok(found.map(|row| Who {
            account: Some(row.account_id),
            pass: PassKind::Vpn,
            refused: standing::of_account(&row, self.now),
            login: row.login,
            name: row.name,
            is_in_garden: false,
        }))
    }

    async fn subscriber(&self, ctx: &Ctx, tx: &mut Tx, account: Option<AccountId>, login: &str) -> Result<Option<Who>> {
        let found = match account {
            Some(account) => subscriber_access::find(tx, account).await?,
            None if login.contains('\0') => None,
            None => {
                let found = subscriber_access::find_by_key(tx, &fold_key(login)).await?;
                found.filter(|row| row.login == login)
            }
        };
        let Some(row) = found else { return Ok(None) };
        Ok(Some(Who {
            account: Some(row.id),
            pass: PassKind::Subscriber,
            refused: subscriber::refusal(ctx, tx, row.id).await?,
            is_in_garden: subscriber::is_in_garden(ctx, tx, row.id).await?,
            login: row.login,
            name: row.name,
        }))
    }
}

/// A session that was written as a new one.
struct Begun {
    /// Whose it is.
    account: Option<AccountId>,
    reply: Reply,
}

/// Whose session it is.
struct Who {
    account: Option<AccountId>,
    /// The pass it rests on.
    pass: PassKind,
    login: String,
    name: Option<String>,
    /// Why he may not be in.
    refused: Option<EndedWhy>,
    is_in_garden: bool,
}

impl Who {
    fn unknown(login: String) -> Self {
        Self { account: None, pass: PassKind::Vpn, login, name: None, refused: None, is_in_garden: false }
    }
}

/// Texts of a report as they are stored.
struct Facts<'a> {
    class: Option<&'a [u8]>,
    framed_ip: Option<String>,
    calling_station: Option<String>,
    called_station: Option<String>,
    nas_identifier: Option<String>,
    connect_info: Option<String>,
    multi_session_id: Option<String>,
}

impl<'a> Facts<'a> {
    fn of(report: &'a Report) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(clean);
        let own = report.classes.iter().find(|class| class::parse(class).is_some());
        Self {
            class: own.or(report.classes.first()).map(Vec::as_slice),
            // 0.0.0.0 says that the NAS does not know it yet.
            framed_ip: report.framed_ip.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()),
            calling_station: text(&report.calling_station),
            called_station: text(&report.called_station),
            nas_identifier: text(&report.nas_identifier),
            connect_info: text(&report.connect_info),
            multi_session_id: text(&report.multi_session_id),
        }
    }
}

/// Whether a stay is a refused Start.
fn is_refusal(session: &SessionRow) -> bool {
    session.terminate_cause.is_none() && session.until_at == Some(session.since_at) && session.session_time == 0
}

/// Acct-Terminate-Cause (RFC 2866 §5.10) in our words.
fn ended_why(cause: Option<u32>) -> EndedWhy {
    match cause {
        Some(4) => EndedWhy::Idle,
        Some(5) => EndedWhy::MaxDuration,
        Some(6) => EndedWhy::Kicked,
        Some(7 | 11) => EndedWhy::NasReboot,
        Some(8 | 9 | 17) => EndedWhy::Failed,
        _ => EndedWhy::Closed,
    }
}
