//! The login throttle: failures are counted per (login, address), per address and per login (DESIGN §10.4).
//!
//! A login goes [`check`] → [`verify`] → in one transaction [`failed`] or [`succeeded`] beside the audit row → commit →
//! answer.
//!
//! What is limited are verdicts. Nothing is counted before hashing: that would refuse people who are right when more of
//! them than the limit try at the same moment, as a host does that opens 50 ssh connections at once, and it would keep
//! counting a try whose client went away. Instead the transaction that brings a verdict asks once more whether one may be
//! given. So of any number of parallel tries, in any number of processes, at most the limit learn that they are wrong, and
//! after them nobody learns that he is right. Hashed in vain is what had its turn before the last failure was committed:
//! with [`verify`] `login.hash_parallel` tries, and those whose verdict is being written.
//!
//! A blocked flood reads; it writes one audit row per minute and key.

use std::time::Duration;

use gatehouse_model::{Secret, client_of, fold_key};
use gatehouse_store::{Query, Tx, rate_counter as rows};

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object, Stream},
    bastion::setting,
    password::Verdict,
};

/// Failures of a login from an address. The key is that of the login, `/`, that of the address.
const PAIR: &str = "login.pair";
/// Failures from an address.
const ADDRESS: &str = "login.address";
/// Failures of a login from addresses that it is not [`KNOWN`] at.
const ACCOUNT: &str = "login.account";
/// When a login last succeeded from an address. Keys as those of [`PAIR`].
const KNOWN: &str = "login.known";

/// How often a blocked key is audited.
const NOTE_GRAIN: Duration = Duration::from_mins(1);

/// Refuses with `RateLimited` while a login may not be tried from here; before hashing and before writing, also for a right
/// password.
///
/// The address is the caller's, an IPv6 client counts as its /64; without one only the login's own limit holds. `login` is
/// what was typed, compared folded; it need not exist. `retry_after` is the rest of the window that lasts longest.
pub async fn check(ctx: &Ctx, login: &str) -> Result<()> {
    Try::new(ctx, Some(login)).check().await
}

/// As [`check`] for what has no login: web sockets and tickets.
pub async fn check_address(ctx: &Ctx) -> Result<()> {
    Try::new(ctx, None).check().await
}

/// Verifies a password as [`Passwords::verify`](crate::password::Passwords::verify) does, but asks [`check`] when its turn
/// to hash has come: of a flood that waits for its turns almost nothing is hashed any more once it is blocked.
pub async fn verify(ctx: &Ctx, login: &str, password: &Secret, stored: Option<(i64, String)>) -> Result<Verdict> {
    let turn = ctx.app.passwords().turn().await?;
    check(ctx, login).await?;
    ctx.app.passwords().verify_in(turn, password, stored).await
}

/// Counts a failure inside the transaction that audits it.
///
/// `RateLimited` when other tries have used up the limit meanwhile: the verdict must not be told, and the transaction is
/// dropped. The failure that reaches a limit writes a row in the stream `alert`.
pub async fn failed(ctx: &Ctx, tx: &mut Tx, login: &str) -> Result<()> {
    Try::new(ctx, Some(login)).failed(tx).await
}

/// As [`failed`] for what has no login: web sockets and tickets; counts per address only.
pub async fn failed_address(ctx: &Ctx) -> Result<()> {
    let mut tx = ctx.begin().await?;
    Try::new(ctx, None).failed(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes a success from this address: clears the pair's counter and remembers the address as known for this login.
///
/// `RateLimited` when other tries have used up a limit meanwhile: the verdict must not be told, and the transaction is
/// dropped.
pub async fn succeeded(ctx: &Ctx, tx: &mut Tx, login: &str) -> Result<()> {
    let attempt = Try::new(ctx, Some(login));
    if let Some(blocked) = attempt.blocked(tx).await? {
        return Err(blocked.refuse());
    }
    let pairs = attempt.pairs();
    for key in &pairs {
        rows::delete(tx, PAIR, key).await?;
    }
    if let Some(key) = pairs.first() {
        // A window of no length: each success starts it anew.
        rows::count(tx, KNOWN, key, ctx.now(), ctx.now()).await?;
    }
    Ok(())
}

/// Forgets the failures of a login, from every address. Those of the addresses stay.
pub(crate) async fn clear(ctx: &Ctx, tx: &mut Tx, login: &str) -> Result<()> {
    for key in ctx.app.keys().hashes(ACCOUNT, &fold_key(login)) {
        // `0` is what follows `/`.
        rows::delete_range(tx, PAIR, &format!("{key}/"), &format!("{key}0")).await?;
        rows::delete(tx, ACCOUNT, &key).await?;
    }
    Ok(())
}

/// Deletes counters that count no more; run by the periodic task `session.purge`. Those of other limits live for a day.
pub(crate) async fn forget(app: &App, tx: &mut Tx) -> Result<()> {
    let login = setting::in_force(app, tx).await?.login;
    let longest = [login.pair_window.0, login.address_window.0, login.account_window.0, Duration::from_hours(24)];
    let before = app.now().minus(longest.into_iter().max().unwrap_or_default());
    rows::delete_old(tx, before, KNOWN, app.now().minus(login.known_address.0)).await?;
    Ok(())
}

/// A limit as it applies to one try.
struct Limit {
    scope: &'static str,
    /// Under the present key of the ring, where failures are counted, then under older ones.
    keys: Vec<String>,
    failures: i64,
    window: Duration,
}

/// A limit that is reached.
struct Blocked {
    scope: &'static str,
    key: String,
    failures: i64,
    retry_after: Duration,
}

impl Blocked {
    /// Counts a refusal and makes its error.
    fn refuse(&self) -> Error {
        metrics::counter!("gatehouse_login_throttled_total", "limit" => self.scope).increment(1);
        Error::RateLimited { retry_after: self.retry_after }
    }
}

/// One try: whose login, from where.
struct Try<'a> {
    ctx: &'a Ctx,
    login: Option<&'a str>,
    /// Keyed hashes, one for each key of the ring.
    logins: Vec<String>,
    addresses: Vec<String>,
}

impl<'a> Try<'a> {
    fn new(ctx: &'a Ctx, login: Option<&'a str>) -> Self {
        let hashes = |purpose, text: &str| ctx.app.keys().hashes(purpose, text).collect();
        let logins = login.map(|login| hashes(ACCOUNT, &fold_key(login))).unwrap_or_default();
        let address = ctx.caller.address.map(client_of);
        let addresses = address.map(|address| hashes(ADDRESS, &address.to_string())).unwrap_or_default();
        Self { ctx, login, logins, addresses }
    }

    /// Keys of the login at the address; none unless both are there.
    fn pairs(&self) -> Vec<String> {
        self.logins.iter().zip(&self.addresses).map(|(login, address)| format!("{login}/{address}")).collect()
    }

    /// The limits that hold, always in the same order, in which their rows are locked.
    async fn limits(&self, q: &mut impl Query) -> Result<Vec<Limit>> {
        let settings = setting::in_force(&self.ctx.app, q).await?.login;
        let limit = |scope, keys, failures: u32, window| Limit { scope, keys, failures: failures.into(), window };
        let mut limits = vec![
            limit(PAIR, self.pairs(), settings.pair_failures, settings.pair_window.0),
            limit(ADDRESS, self.addresses.clone(), settings.address_failures, settings.address_window.0),
        ];
        if !self.is_known(q).await? {
            limits.push(limit(ACCOUNT, self.logins.clone(), settings.account_failures, settings.account_window.0));
        }
        limits.retain(|limit| limit.failures > 0 && !limit.keys.is_empty());
        Ok(limits)
    }

    /// Whether the login succeeded from here lately.
    async fn is_known(&self, q: &mut impl Query) -> Result<bool> {
        let forgotten = self.ctx.now().minus(self.ctx.app.settings().login.known_address.0);
        for key in self.pairs() {
            if rows::find(q, KNOWN, &key, forgotten).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The limit that is reached, if one is; of several the one that lasts longest.
    async fn blocked(&self, q: &mut impl Query) -> Result<Option<Blocked>> {
        let mut longest: Option<Blocked> = None;
        for limit in self.limits(q).await? {
            let expired = self.ctx.now().minus(limit.window);
            for key in &limit.keys {
                let counter = rows::find(q, limit.scope, key, expired).await?;
                let Some(counter) = counter.filter(|counter| counter.count >= limit.failures) else { continue };
                let blocked = self.block(&limit, key, counter);
                if longest.as_ref().is_none_or(|longest| longest.retry_after < blocked.retry_after) {
                    longest = Some(blocked);
                }
            }
        }
        Ok(longest)
    }

    fn block(&self, limit: &Limit, key: &str, counter: rows::Counter) -> Blocked {
        let rest = counter.window_at.plus(limit.window).0.saturating_sub(self.ctx.now().0);
        let retry_after = Duration::from_millis(u64::try_from(rest).unwrap_or(0));
        Blocked { scope: limit.scope, key: key.to_owned(), failures: limit.failures, retry_after }
    }

    async fn check(&self) -> Result<()> {
        let Some(blocked) = self.blocked(&mut self.ctx.read()).await? else { return Ok(()) };
        if self.ctx.app.once_per(NOTE_GRAIN, &format!("{} {}", blocked.scope, blocked.key))
            && let Err(error) = self.note(&blocked).await
        {
            tracing::warn!(event = "audit.failed", error = error.chain(), "a blocked login could not be audited");
        }
        Err(blocked.refuse())
    }

    /// The address that is counted, for people; empty when the caller has none.
    fn here(&self) -> String {
        self.ctx.caller.address.map(|address| client_of(address).to_string()).unwrap_or_default()
    }

    /// Audits that tries are being refused.
    async fn note(&self, blocked: &Blocked) -> Result<()> {
        let mut tx = self.ctx.begin().await?;
        let here = self.here();
        let object =
            self.login.map_or(Object::new("address", None, &here), |login| Object::new("account", None, login));
        self.record(&mut tx, Stream::Login, "account.login", object, blocked, "throttled").await?;
        tx.commit().await?;
        Ok(())
    }

    async fn failed(&self, tx: &mut Tx) -> Result<()> {
        let now = self.ctx.now();
        for limit in self.limits(tx).await? {
            let Some(key) = limit.keys.first() else { continue };
            let counter = rows::count(tx, limit.scope, key, now, now.minus(limit.window)).await?;
            let blocked = self.block(&limit, key, counter);
            if counter.count > limit.failures {
                return Err(blocked.refuse());
            }
            if counter.count == limit.failures {
                let here = self.here();
                let object = match self.login {
                    Some(login) if limit.scope != ADDRESS => Object::new("account", None, login),
                    _ => Object::new("address", None, &here),
                };
                self.record(tx, Stream::Alert, "account.throttle", object, &blocked, "ok").await?;
            }
        }
        Ok(())
    }

    async fn record(
        &self,
        tx: &mut Tx,
        stream: Stream,
        action: &'static str,
        object: Object<'_>,
        blocked: &Blocked,
        outcome: &str,
    ) -> Result<()> {
        let until = self.ctx.now().plus(blocked.retry_after).to_rfc3339();
        let detail = serde_json::json!({ "limit": blocked.scope, "failures": blocked.failures, "until": until });
        audit::record(tx, self.ctx, stream, action, object, outcome, Some(detail.to_string())).await
    }
}
