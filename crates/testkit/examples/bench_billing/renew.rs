//! Renewals.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use gatehouse_domain::{
    App, Clock, Open, OpenOptions, Random, Settings, billing::renew, ledger::check::check, seal::KeyRing,
};
use gatehouse_model::{AccountId, BillingServiceId, BillingSubscriptionId, Millis, Money, Secret};
use gatehouse_store::{
    Db, Tx, args,
    billing_subscription::{self, Begun, PeriodRow},
    ledger::{self, AccountKey},
    sql,
    statement::{self, NewStatement},
    subscriber,
};
use gatehouse_testkit::postgres;

use crate::median;

const ROUNDS: i64 = 5;
/// As many to a commit as ours.
const CHUNK: usize = 16;
/// The moment before the first services are due; a round later the next ones are.
const START: i64 = 1_767_225_600_000;
const ROUND: i64 = 60_000;
const MONTH: i64 = 30 * 86_400_000;
const PRICE: Money = Money(1_000);
const SERVICE: BillingServiceId = BillingServiceId(1);

/// Measures on both engines.
pub(crate) async fn run(services: i64) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let files = ["ours.db", "bare.db"].map(|name| format!("sqlite://{}", dir.path().join(name).display()));
    measure("SQLite", dir.path(), &files, services).await?;
    let servers = [postgres::Server::start()?, postgres::Server::start()?];
    measure("PostgreSQL", dir.path(), &[servers[0].url(), servers[1].url()], services).await
}

async fn measure(engine: &str, dir: &Path, urls: &[String; 2], services: i64) -> Result<()> {
    let now = Arc::new(AtomicI64::new(START));
    let app = open(dir, &urls[0], &now).await?;
    fill(app.db(), services).await?;
    let bare = open(dir, &urls[1], &now).await?;
    fill(bare.db(), services).await?;
    let (mut rates, mut ratios) = (vec![], vec![]);
    for round in 1..=ROUNDS {
        now.store(START + round * ROUND, Ordering::Relaxed);
        let begun = Instant::now();
        let renewed = renew::run(&app).await?;
        let ours = renewed as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let looped = bare_loop(bare.db(), Millis(now.load(Ordering::Relaxed))).await?;
        let theirs = looped as f64 / begun.elapsed().as_secs_f64();
        ensure!(renewed == looped && renewed > 0, "ours renewed {renewed}, the bare loop {looped}");
        println!("{engine}, round {round}: {renewed} renewals, ours {ours:.0} a second, bare loop {theirs:.0}");
        rates.push(ours);
        ratios.push(ours / theirs);
    }
    let found = check(&mut app.db().read()).await?;
    ensure!(found.is_empty(), "{found:?}");
    println!(
        "{engine}: {:.0} renewals a second, {:.2} of a bare loop of the same statements",
        median(rates),
        median(ratios)
    );
    app.stop().await?;
    bare.stop().await?;
    Ok(())
}

async fn open(dir: &Path, url: &str, now: &Arc<AtomicI64>) -> Result<App> {
    let random = Random::System;
    let open = Open {
        database_url: Secret::new(url),
        options: OpenOptions::default(),
        keys: KeyRing::open(&dir.join("keys"), &random)?,
        settings: Settings::default(),
        clock: Clock::Manual(Arc::clone(now)),
        random,
    };
    Ok(Box::pin(App::open(open)).await?.0)
}

/// A service, and people who have it, have money for two periods, and are due in rounds of the same size.
async fn fill(db: &Db, people: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    let now = START - MONTH;
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
        args![PRICE, true, false, now],
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
            "INSERT INTO subscriber_pass (account_id, uid, billing_group_id, contract, full_name, comment, limit_balance, \
             block_if_limit, discount, cstate, cstate_at, is_always_on, admin_block, admin_block_why, debt_block, seal_ref, \
             created_at, updated_at) SELECT id, id, 1, '', '', '', 0, $1, 0, 0, $3, $2, $2, '', $2, '', $3, $3 \
             FROM account WHERE id > 1000"
        ),
        args![true, false, now],
    )
    .await?;
    // What they have paid.
    for statement in [
        sql!(
            "INSERT INTO ledger_account (kind, currency, owner_id, ref, balance, created_at) \
             SELECT 'wallet', 'UAH', id, '', $1, $2 FROM account WHERE id > 1000"
        ),
        sql!(
            "INSERT INTO ledger_account (kind, currency, owner_id, ref, balance, created_at) \
             SELECT 'clearing', 'UAH', 0, 'cash', $1 - $1, $2 FROM billing_group"
        ),
        sql!(
            "INSERT INTO ledger_entry (key, at, reason, actor) SELECT 'staff:' || id, $1 * 0 + $2, 'bench', 'admin:0' FROM account \
             WHERE id > 1000"
        ),
        sql!(
            "INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) SELECT e.id, w.id, $1 + $2 * 0 FROM ledger_account w \
             JOIN ledger_entry e ON e.key = 'staff:' || w.owner_id WHERE w.kind = 'wallet'"
        ),
        sql!(
            "INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) SELECT e.id, c.id, $2 * 0 - $1 FROM ledger_entry e \
             JOIN ledger_account c ON c.kind = 'clearing'"
        ),
        sql!(
            "INSERT INTO statement (account_id, ledger_account_id, entry_id, at, kind, amount, balance_after, reason, comment, actor, \
             actor_no, created_at) SELECT w.owner_id, w.id, e.id, $2, 1, $1, $1, '', 'cash', 'admin', 0, $2 FROM ledger_account w \
             JOIN ledger_entry e ON e.key = 'staff:' || w.owner_id WHERE w.kind = 'wallet'"
        ),
    ] {
        tx.exec(statement, args![PRICE.plus(PRICE), now]).await?;
    }
    tx.exec(
        sql!(
            "INSERT INTO billing_subscription (account_id, billing_service_id, next_service_id, state, start_at, end_at, anchor_at, \
             finish_count, created_at, updated_at) SELECT id, 1, 1, 'active', $1 + id % $3 * $4, $2 + id % $3 * $4, $1, 0, $1, $1 \
             FROM account WHERE id > 1000"
        ),
        args![now + 1, START + 1, ROUNDS, ROUND],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// The statements of a renewal, one after another, with nothing between them.
async fn bare_loop(db: &Db, now: Millis) -> Result<u64> {
    let mut renewed = 0;
    loop {
        let due = billing_subscription::list_due(&mut db.read(), now, 512).await?;
        if due.is_empty() {
            return Ok(renewed);
        }
        renewed += due.len() as u64;
        for chunk in due.chunks(CHUNK) {
            let mut tx = db.begin().await?;
            for (id, account) in chunk {
                statements(&mut tx, *id, *account, now).await?;
            }
            tx.commit().await?;
        }
    }
}

async fn statements(tx: &mut Tx, id: BillingSubscriptionId, account: AccountId, now: Millis) -> Result<()> {
    let wallet = AccountKey { kind: "wallet", currency: "UAH", owner: account.0, reference: "" };
    let revenue = AccountKey { kind: "revenue", currency: "UAH", owner: 0, reference: "1" };
    ledger::lock_account(tx, wallet, now).await?;
    subscriber::lock_terms(tx, account).await?;
    let start = billing_subscription::lock(tx, id).await?.and_then(|row| row.end_at).context("it has an end")?;
    let end = Millis(start.0 + MONTH);
    let (wallet, _) = ledger::lock_account(tx, wallet, now).await?;
    let entry = ledger::insert_entry(tx, &format!("charge:{id}:{}", start.0), now, "bench", "kernel:0").await?;
    let entry = entry.context("it is new")?;
    let revenue = match ledger::find_account(tx, revenue).await? {
        Some((revenue, _)) => revenue,
        None => ledger::lock_account(tx, revenue, now).await?.0,
    };
    ledger::insert_posting(tx, entry, wallet, PRICE.negated()).await?;
    let balance = ledger::add_balance(tx, wallet, PRICE.negated()).await?;
    let (reference, reason) = (id.to_string(), format!(r#"{{"cash":"10.00","tm_start":{}}}"#, start.0));
    let row = NewStatement {
        account_id: Some(account),
        ledger_account_id: Some(wallet),
        entry_id: Some(entry),
        at: now,
        kind: 100,
        amount: PRICE.negated(),
        balance_after: Some(balance),
        reason: &reason,
        comment: "50 Mb",
        reference: Some(&reference),
        actor: "kernel",
        actor_no: 0,
        actor_address: None,
        created_at: now,
    };
    let charge = statement::insert(tx, &row).await?;
    subscriber::lock_terms(tx, account).await?;
    ledger::insert_posting(tx, entry, revenue, PRICE).await?;
    let period = PeriodRow {
        billing_subscription_id: id,
        start_at: start,
        end_at: Some(end),
        billing_service_id: SERVICE,
        amount: PRICE,
        refunded: Money::ZERO,
        statement_id: Some(charge),
    };
    billing_subscription::insert_period(tx, &period).await?;
    let begun = Begun {
        billing_service_id: SERVICE,
        next_service_id: Some(SERVICE),
        ordered_service_id: None,
        start_at: start,
        end_at: Some(end),
        anchor_at: start,
        charge_id: Some(charge),
        state: "active",
    };
    billing_subscription::begin(tx, id, &begun, now).await?;
    Ok(())
}
