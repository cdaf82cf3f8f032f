//! Publication of many changes at once, of users who are all in, on both engines: each gets an order for his NAS. The door itself is
//! off, so that nothing carries orders out meanwhile.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use gatehouse_model::Millis;
use gatehouse_store::{Db, Query as _, args, sql};
use gatehouse_testkit::{Installation, app::Engine};

use crate::{
    load::login,
    median, milliseconds, ours,
    publish::{Caller, now},
    worst,
};

/// Changes of one publication, and the goal for its reply in milliseconds (specs/vpn.md §15).
const SIZES: [(usize, f64); 2] = [(100, 100.0), (10_000, 5_000.0)];
/// Publications of each size.
const TIMES: usize = 5;

/// Measures on both engines.
pub(crate) async fn measure(users: usize) -> Result<()> {
    for (engine, name) in [(Engine::Sqlite, "SQLite"), (Engine::Postgres, "PostgreSQL")] {
        let installation = Installation::on(ours::binary()?, engine).with("RADIUS__ENABLED", "false");
        // By the binary, which may be an older one than this program.
        let accounts = (0..users).map(|user| format!("[[account]]\nlogin = \"{}\"\nvpn = {{}}\n", login(user)));
        installation.write("state.toml", &accounts.collect::<String>());
        installation.run("apply state.toml").ok();
        let server = installation.serve("serve");
        let caller = Caller::of(&installation, &server)?;
        let database = installation.database().await;
        println!("\nPublication of changes of users who are in, {users} users, {name}, milliseconds, {TIMES} times");
        for (size, goal) in SIZES.into_iter().filter(|(size, _)| *size <= users) {
            let mut spans = Vec::new();
            // The first one warms up.
            for round in 0..=TIMES {
                stage(&database, i64::try_from(size)?, i64::try_from(round)?).await?;
                let started = Instant::now();
                caller.call("Updater", "UpdaterCloud", &[]).await?;
                spans.push(milliseconds(started));
                let orders = take_orders(&database).await?;
                ensure!(orders == i64::try_from(size)?, "{orders} orders for {size} who changed");
            }
            spans.remove(0);
            println!(
                "  {size:>6} changes, request to reply: median {:7.1}  worst {:7.1}  (goal: below {goal})",
                median(spans.clone()),
                worst(&spans)
            );
        }
        database.close().await;
        server.stop();
    }
    Ok(())
}

/// Lets so many users in who are not yet, and stages another expiry for them.
async fn stage(database: &Db, users: i64, round: i64) -> Result<()> {
    let expires_at = Millis(now().0 + 400 * 86_400_000 + round);
    let mut tx = database.begin().await?;
    tx.exec(
        sql!(
            "INSERT INTO visit (uuid, door, account_id, login, since_at, seen_at) \
             SELECT 'bench' || account_id, 'radius', account_id, '', $1, $1 FROM vpn_pass_live WHERE account_id IN \
             (SELECT account_id FROM vpn_pass_live ORDER BY account_id LIMIT $2) \
             AND NOT EXISTS (SELECT 1 FROM visit v WHERE v.account_id = vpn_pass_live.account_id)"
        ),
        args![now(), users],
    )
    .await?;
    tx.exec(
        sql! {
            sqlite: "INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, \
                     user_name, event_at, session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim) \
                     SELECT id, 1, 'bench', '127.0.0.1', 'vpn', CAST(uuid AS BLOB), TRUE, FALSE, CAST(uuid AS BLOB), $1, 0, FALSE, \
                     0, 0, 0, 0, 60000 FROM visit WHERE NOT EXISTS (SELECT 1 FROM visit_radius r WHERE r.visit_id = visit.id)",
            postgres: "INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, \
                       user_name, event_at, session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim) \
                       SELECT id, 1, 'bench', '127.0.0.1', 'vpn', convert_to(uuid, 'UTF8'), TRUE, FALSE, convert_to(uuid, 'UTF8'), \
                       $1, 0, FALSE, 0, 0, 0, 0, 60000 FROM visit \
                       WHERE NOT EXISTS (SELECT 1 FROM visit_radius r WHERE r.visit_id = visit.id)"
        },
        args![now()],
    )
    .await?;
    let staged = tx
        .exec(
            sql!(
                "UPDATE vpn_pass SET expires_at = $1 WHERE account_id IN \
                 (SELECT account_id FROM visit WHERE until_at IS NULL ORDER BY account_id LIMIT $2)"
            ),
            args![expires_at, users],
        )
        .await?;
    ensure!(staged == u64::try_from(users)?, "{staged} users are staged");
    tx.exec(
        sql!("INSERT INTO vpn_pending (kind, object_id) SELECT 'user', account_id FROM vpn_pass WHERE expires_at = $1"),
        args![expires_at],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Takes the orders away; how many there were.
async fn take_orders(database: &Db) -> Result<i64> {
    let mut tx = database.begin().await?;
    let orders: Option<(i64,)> =
        tx.one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM job WHERE kind = 'radius.change'"), args![]).await?;
    tx.exec(sql!("DELETE FROM job WHERE kind = 'radius.change'"), args![]).await?;
    tx.commit().await?;
    Ok(orders.context("no count")?.0)
}
