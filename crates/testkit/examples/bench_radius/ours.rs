//! Our server: the real binary with VPN users whose passwords are hashed at the default cost.

use std::{
    ffi::OsString,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use gatehouse_domain::{
    Actor, Random,
    apply::{self, Applied, Mode, StateFile},
    password::Passwords,
    settings::LoginSettings,
};
use gatehouse_model::{AccountId, Origin, Secret};
use gatehouse_store::{Query as _, account, args, sql};
use gatehouse_testkit::{Installation, RunningServer, peer::wait_for};
use serde_json::json;

use crate::{PASSWORD, load::login};

/// What the NAS entry and the load share.
pub(crate) const SECRET: &str = "gatehouse-and-a-nas";
/// Accounts of one transaction.
const PAGE: i64 = 1_000;
/// How old an audit row is before it is chained.
const CHAINED_AFTER: Duration = Duration::from_secs(61);

/// The binary that is measured.
pub(crate) fn binary() -> Result<OsString> {
    std::env::var_os("GATEHOUSE_BIN").context("run it as `cargo xtask bench radius`")
}

/// An installation with so many users, no server running.
pub(crate) async fn install(users: usize) -> Result<Installation> {
    let login = LoginSettings::default();
    // An installation of tests hashes at the least cost.
    let installation = Installation::new(binary()?)
        .with("LOGIN__ARGON2_MEMORY", &login.argon2_memory.to_string())
        .with("LOGIN__ARGON2_PASSES", &login.argon2_passes.to_string());
    let started = Instant::now();
    apply(&installation, users).await?;
    let applied = started.elapsed().as_secs_f64();
    // Hashing each one's own would take an hour; for who logs in it makes no difference whether others have the same hash.
    let (scheme, hash) = Passwords::new(&login, &Random::System)?.hash(&Random::System, &Secret::new(PASSWORD)).await?;
    let app = installation.app().await?;
    let mut after = AccountId(0);
    loop {
        let page = account::list(&mut app.db().read(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let mut tx = app.db().begin().await?;
        for row in &page {
            account::update_password(&mut tx, row.id, scheme, &hash, app.now()).await?;
        }
        tx.commit().await?;
    }
    let whole = started.elapsed().as_secs_f64();
    println!("{users} users: apply took {applied:.1} s, giving them one password {:.1} s", whole - applied);
    // The audit trail of so many creations is chained a minute later; not while something is measured.
    tokio::time::sleep(CHAINED_AFTER).await;
    app.seal_audit().await?;
    app.stop().await?;
    Ok(installation)
}

async fn apply(installation: &Installation, users: usize) -> Result<()> {
    let accounts: Vec<_> = (0..users).map(|user| json!({ "login": login(user), "vpn": {} })).collect();
    let nas = json!({ "name": "bench", "address": "127.0.0.1", "secret": SECRET, "disconnect": "none" });
    let file: StateFile = serde_json::from_value(json!({ "nas": [nas], "account": accounts }))?;
    let app = installation.app().await?;
    let applied = apply::apply(&app.ctx(Actor::Operator, Origin::Cli), &file, Mode::Write).await?;
    ensure!(matches!(applied, Applied::Done(_)), "{applied:?}");
    Ok(app.stop().await?)
}

/// Where the server takes RADIUS: `radius-auth`, `radius-acct`.
pub(crate) fn address(server: &RunningServer, name: &str) -> Result<SocketAddr> {
    let url = server.url(name);
    url.trim_start_matches("udp://").parse().with_context(|| format!("{name} listens at {url}"))
}

/// How many sessions the database knows.
pub(crate) async fn sessions(installation: &Installation) -> Result<i64> {
    let database = installation.database().await;
    let row: Option<(i64,)> =
        database.read().one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM visit_radius"), args![]).await?;
    database.close().await;
    Ok(row.context("no count")?.0)
}

/// How long the last publications took, by their own account, milliseconds.
pub(crate) async fn publications(installation: &Installation, last: i64) -> Result<Vec<i64>> {
    let database = installation.database().await;
    let rows: Vec<(i64,)> = database
        .read()
        .all(sql!("SELECT duration FROM vpn_publication ORDER BY id DESC LIMIT $1"), args![last])
        .await?;
    database.close().await;
    Ok(rows.into_iter().map(|(duration,)| duration).collect())
}

/// Waits until logins and stays are written down that were answered before.
pub(crate) async fn settled(server: &RunningServer) -> Result<()> {
    let mut before = f64::NAN;
    wait_for("the server to come to rest", async || {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = crate::cpu_seconds(server.pid())?;
        let is_resting = now - before < 0.1;
        before = now;
        Ok(is_resting)
    })
    .await
}
