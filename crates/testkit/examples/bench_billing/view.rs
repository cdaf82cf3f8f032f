//! What subscribers and staff look at: `u_main` beside a constant answer, `api_users` whole.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use gatehouse_domain::{
    account::{administrator, change},
    billing::main::this_month,
};
use gatehouse_model::{Millis, Money, Secret};
use gatehouse_store::{Db, args, sql};
use gatehouse_testkit::Installation;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::median;

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
/// Entries of everybody's wallet; each has two postings.
const ENTRIES: i64 = 5;
/// Rows more of one subscriber, who is asked about apart.
const LONG: i64 = 20_000;
const PASSWORD: &str = "bench password";

/// Measures the real binary on SQLite.
pub(crate) async fn run(people: i64) -> Result<()> {
    let binary = PathBuf::from(std::env::var_os("GATEHOUSE_BIN").context("run it as `cargo xtask bench billing`")?);
    let installation = Installation::new(binary);
    let app = installation.app().await?;
    let begun = Instant::now();
    let ctx = app.ctx(gatehouse_domain::Actor::Operator, gatehouse_model::Origin::Cli);
    fill(app.db(), people, app.now(), this_month(&ctx)).await?;
    for login in ["user1", "user2", administrator::LOGIN] {
        change::set_password(&ctx, login, &Secret::new(PASSWORD)).await?;
    }
    app.stop().await?;
    println!("{people} subscribers, {} postings: filled in {:?}", 2 * ENTRIES * people, begun.elapsed());
    let server = installation.serve_beside("serve").await;
    let address = server.url("http").trim_start_matches("http://").to_owned();
    let mut sessions = Vec::new();
    for login in ["user1", "user2", administrator::LOGIN] {
        sessions.push(login_of(&address, login).await?);
    }
    let main = |session: &str| {
        format!("GET /cgi-bin/noapi.pl?a=u_main HTTP/1.1\r\nHost: bench\r\nCookie: noses={session}\r\n\r\n")
            .into_bytes()
    };
    let constant = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec();
    let (long, short) = (main(&sessions[0]), main(&sessions[1]));
    let (mut constants, mut shorts, mut longs, mut tails) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        constants.push(round_of(&address, &constant, 64, "ok").await?.0);
        shorts.push(round_of(&address, &short, 64, "\"usr\"").await?.0);
        longs.push(round_of(&address, &long, 64, "\"usr\"").await?.0);
        tails.push(round_of(&address, &short, 4, "\"usr\"").await?.1);
    }
    let [constant, short, long, tail] = [constants, shorts, longs, tails].map(median);
    println!("constant answer/s, 64 connections   {constant:>9.0}");
    println!("u_main/s, 64 connections            {short:>9.0}   ratio {:.2} (goal 0.15)", short / constant);
    println!("the same with {LONG} rows more       {long:>9.0}   ratio to the other {:.2}", long / short);
    println!("u_main, 4 connections, p99          {tail:>9.2} ms");
    let before = resident(server.pid())?;
    let begun = Instant::now();
    let bytes = users(&address, &sessions[2]).await?;
    let after = resident(server.pid())?;
    println!(
        "api_users: {bytes} bytes in {:.1?}; most memory ever {before} kB before, {after} kB after",
        begun.elapsed()
    );
    Ok(())
}

/// Subscribers with a wallet of several entries; the first with a long history.
async fn fill(db: &Db, people: i64, now: Millis, month: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.exec(
        sql!("INSERT INTO billing_group (id, name, property, limit_balance, created_at, updated_at) VALUES (1, 'town', '', 0, $1, $1)"),
        args![now],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO billing_service (id, module, category, title, description, price, period_mode, period_seconds, \
             is_auto_renew, is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) \
             VALUES (1, 'unlim', '', '50 Mb', '', $1, 'seconds', 2592000, $2, $3, $3, $3, $2, ',inet,', '{}', $4, $4)"
        ),
        args![Money(1_000), true, false, now],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO account (id, login, is_enabled, is_protected, origin, must_change_password, epoch, seal_ref, created_at, \
             updated_at) WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
             SELECT 1000 + i, 'user' || i, $2, $3, 'billing', $3, 0, '', $4, $4 FROM n"
        ),
        args![people, true, false, now],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO login_name (login_key, account_id, is_staged) SELECT login, id, $1 FROM account WHERE id > 1000"
        ),
        args![false],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO subscriber_pass (account_id, uid, billing_group_id, contract, full_name, comment, limit_balance, \
             block_if_limit, discount, cstate, cstate_at, is_always_on, admin_block, admin_block_why, debt_block, seal_ref, \
             created_at, updated_at) SELECT id, id, 1, '', '', '', 0, $1, 0, 0, $3, $2, $2, '', $2, '', $3, $3 \
             FROM account WHERE id > 1000"
        ),
        args![true, false, now],
    )
    .await?;
    for statement in [
        sql!(
            "INSERT INTO subscriber_activity (account_id, month, up, down) SELECT id, $3, 1000, 2000 + $1 * 0 + $2 * 0 FROM account \
             WHERE id > 1000"
        ),
        sql!(
            "INSERT INTO ledger_account (kind, currency, owner_id, ref, balance, created_at) \
             SELECT 'wallet', 'UAH', id, '', 100 * $2, $1 + $3 * 0 FROM account WHERE id > 1000"
        ),
        sql!(
            "INSERT INTO ledger_account (kind, currency, owner_id, ref, balance, created_at) \
             VALUES ('clearing', 'UAH', 0, 'cash', $2 - $2, $1 + $3 * 0)"
        ),
        sql!(
            "INSERT INTO ledger_entry (key, at, reason, actor) WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL \
             SELECT i + 1 FROM n WHERE i < $2) SELECT 'staff:' || i || ':' || id, $1 - 1000 * i + $3 * 0, 'bench', 'admin:0' \
             FROM account CROSS JOIN n WHERE id > 1000"
        ),
        sql!(
            "INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) \
             UNION ALL SELECT i + 1 FROM n WHERE i < $2) SELECT e.id, w.id, 100 + $1 * 0 + $3 * 0 FROM ledger_account w CROSS JOIN n \
             JOIN ledger_entry e ON e.key = 'staff:' || n.i || ':' || w.owner_id WHERE w.kind = 'wallet'"
        ),
        sql!(
            "INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) SELECT e.id, c.id, $1 * 0 + $2 * 0 + $3 * 0 - 100 \
             FROM ledger_entry e JOIN ledger_account c ON c.kind = 'clearing'"
        ),
        sql!(
            "INSERT INTO statement (account_id, ledger_account_id, entry_id, at, kind, amount, balance_after, reason, comment, actor, \
             actor_no, created_at) SELECT w.owner_id, w.id, p.entry_id, e.at, 1, 100, 100, '', 'cash', 'admin', 0, $1 + $2 * 0 + $3 * 0 \
             FROM ledger_account w JOIN ledger_posting p ON p.ledger_account_id = w.id JOIN ledger_entry e ON e.id = p.entry_id \
             WHERE w.kind = 'wallet'"
        ),
        sql!(
            "INSERT INTO billing_subscription (account_id, billing_service_id, next_service_id, state, start_at, end_at, anchor_at, \
             finish_count, created_at, updated_at) SELECT id, 1, 1, 'active', $1 + $3 * 0, $1 + 2592000000, $1 + $2 * 0, 0, $1, $1 \
             FROM account WHERE id > 1000"
        ),
    ] {
        tx.exec(statement, args![now, ENTRIES, month]).await?;
    }
    tx.exec(
        sql!(
            "INSERT INTO statement (account_id, at, kind, amount, reason, comment, actor, actor_no, created_at) \
             WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
             SELECT 1001, $1 - i, 480 + i % 2, 0, 'a message', CASE WHEN i % 2 = 0 THEN '' ELSE 'a note' END, 'admin', 0, $1 FROM n"
        ),
        args![now, LONG],
    )
    .await?;
    Ok(tx.commit().await?)
}

async fn login_of(address: &str, login: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let target = format!("/cgi-bin/noapi.pl?_uu={login}&_pp={}&_role=admin", PASSWORD.replace(' ', "+"));
    let request = format!("GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n");
    let body = exchange(&mut stream, request.as_bytes(), &mut Vec::new()).await?;
    let session = body.split("\"ses\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(session.with_context(|| format!("{login}: {body}"))?.to_owned())
}

/// Answers per second, and the 99th percentile of their times in milliseconds.
async fn round_of(address: &str, request: &[u8], connections: usize, expected: &'static str) -> Result<(f64, f64)> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..connections {
        let (request, address) = (request.to_vec(), address.to_owned());
        running.spawn(async move {
            let mut stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let (mut times, mut buffer) = (Vec::new(), Vec::new());
            while started.elapsed() < ROUND {
                let sent = Instant::now();
                let body = exchange(&mut stream, &request, &mut buffer).await?;
                ensure!(body.contains(expected), "unexpected answer: {body}");
                times.push(sent.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok(times)
        });
    }
    let mut times: Vec<f64> =
        running.join_all().await.into_iter().collect::<Result<Vec<Vec<f64>>>>()?.into_iter().flatten().collect();
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Ok((rate, times[times.len() * 99 / 100]))
}

/// Sends a request and reads one answer with a Content-Length.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<String> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|n| n.parse::<usize>().ok());
        let length = length.context("an answer without Content-Length")?;
        if buffer.len() >= head + 4 + length {
            return Ok(String::from_utf8_lossy(&buffer[head + 4..]).into_owned());
        }
    }
}

/// Reads the whole list; gives its length.
async fn users(address: &str, session: &str) -> Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /cgi-bin/noapi.pl?a=api_users HTTP/1.1\r\nHost: bench\r\nCookie: noses={session}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut read, mut buffer) = (0_u64, vec![0; 1 << 16]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            ensure!(read > 1_000_000, "only {read} bytes came");
            return Ok(read);
        }
        read += count as u64;
    }
}

/// The most memory a process ever had, kB.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
