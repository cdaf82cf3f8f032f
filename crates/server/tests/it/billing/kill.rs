//! `kill -9` amid renewals, callbacks and credits: each charge and each credit happens exactly once (specs/billing.md §13).

use std::time::Duration;

use gatehouse_domain::{
    Ctx, Random,
    account::{self, NewAccount, pass},
    ledger::{self, Author, Book, Event, Line, Shown, kind},
};
use gatehouse_model::{AccountId, Login, Money, Origin, PassKind, Secret};
use gatehouse_store::{Query, args, sql};
use gatehouse_testkit::{Engine, Installation, PATIENCE, server::http_client, stand_in::Liqpay};
use reqwest::Client;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::caller::{PASSWORD, call, login, post};
use crate::GATEHOUSE;

const DEATHS: u64 = 20;
const ABONENTS: i64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_in_the_middle_of_money_moves_all_of_it_once_on_sqlite() {
    story(Engine::Sqlite).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_in_the_middle_of_money_moves_all_of_it_once_on_postgres() {
    story(Engine::Postgres).await.unwrap();
}

async fn story(engine: Engine) -> anyhow::Result<()> {
    let liqpay = Liqpay::start("company", "key of the company").await?;
    let house = Installation::on(GATEHOUSE, engine)
        .with("BILLING__RENEW__TICK", "20ms")
        .with("BILLING__LIQPAY__PUBLIC_KEY", "company")
        .with("BILLING__LIQPAY__PRIVATE_KEY", "key of the company")
        .with("BILLING__LIQPAY__BASE", &liqpay.base());
    let payer = fill(&house).await?;
    let (client, random) = (http_client()?, Random::System);
    let mut paid = Vec::new();
    for n in 0..DEATHS {
        let running = house.serve_beside("serve").await;
        let base = running.url("http");
        let (payer, debtor) =
            (login(&client, &base, "payer").await?, login(&client, &base, &format!("debtor{n}")).await?);
        let order = call(&client, &base, "a=u_lpay&amt=10", &payer).await?;
        let text = |key: &str| order[key].as_str().unwrap_or_default().to_owned();
        let id = liqpay.checkout(&text("data"), &text("signature"))?;
        liqpay.set_status(&id, "success")?;
        let mut asking = JoinSet::new();
        for _ in 0..4 {
            let (client, base, notice) = (client.clone(), base.clone(), liqpay.notice(&id)?);
            // Whoever gets no answer comes again.
            asking.spawn(async move { drop(report(&client, &base, notice).await) });
        }
        let (asker, url) = (client.clone(), base.clone());
        asking.spawn(async move { drop(call(&asker, &url, "a=u_credit&go=1", &debtor).await) });
        sleep(Duration::from_micros(random.below(60_000))).await;
        running.kill();
        asking.join_all().await;
        paid.push(id);
    }
    let running = house.serve_beside("serve").await;
    let base = running.url("http");
    for (n, id) in paid.iter().enumerate() {
        assert_eq!(report(&client, &base, liqpay.notice(id)?).await?, 200);
        let debtor = login(&client, &base, &format!("debtor{n}")).await?;
        let result = call(&client, &base, "a=u_credit&go=1", &debtor).await?;
        assert!(result["result"] == "ok" || result["result"] == "other_exists", "{result}");
    }
    // Every service has caught up, although nobody was there for seconds.
    let db = house.database().await;
    let given_up = Instant::now() + PATIENCE;
    while count(&db, sql!("SELECT COUNT(*) AS n FROM billing_subscription WHERE end_at < $1 - 2000"), now()).await? > 0
    {
        assert!(Instant::now() < given_up, "renewals do not catch up");
        sleep(Duration::from_millis(100)).await;
    }
    running.stop_beside().await;
    house.run_beside(&["billing", "check"]).await.ok();
    let none = [
        (
            "a period was charged twice or not at all",
            sql!(
                "SELECT COUNT(*) AS n FROM billing_period p WHERE $1 > 0 AND 1 <> (SELECT COUNT(*) FROM ledger_entry e \
             WHERE e.key = 'charge:' || p.billing_subscription_id || ':' || p.start_at)"
            ),
        ),
        (
            "a period does not begin where the one before ends",
            sql!(
                "SELECT COUNT(*) AS n FROM billing_period p WHERE $1 > 0 AND NOT EXISTS (SELECT 1 FROM billing_period q \
             WHERE q.billing_subscription_id = p.billing_subscription_id AND q.start_at = p.end_at) \
             AND NOT EXISTS (SELECT 1 FROM billing_subscription s WHERE s.id = p.billing_subscription_id AND s.end_at = p.end_at)"
            ),
        ),
        (
            "a debtor has no credit or two",
            sql!(
                "SELECT COUNT(*) AS n FROM account a WHERE $1 > 0 AND a.login LIKE 'debtor%' \
             AND 1 <> (SELECT COUNT(*) FROM billing_credit c WHERE c.account_id = a.id)"
            ),
        ),
    ];
    for (what, found) in none {
        assert_eq!(count(&db, found, now()).await?, 0, "{what}");
    }
    assert!(count(&db, sql!("SELECT COUNT(*) AS n FROM billing_period WHERE $1 > 0"), now()).await? > 600 * ABONENTS);
    let held = ledger::balance(&mut db.read(), payer, "UAH").await?;
    assert_eq!(held, Money(i64::try_from(DEATHS)? * 1_000));
    Ok(())
}

fn now() -> i64 {
    gatehouse_domain::Clock::System.now().0
}

async fn count(db: &gatehouse_store::Db, statement: gatehouse_store::Statement, now: i64) -> anyhow::Result<i64> {
    let (n,): (i64,) = db.read().one(statement, args![now]).await?.unwrap_or_default();
    Ok(n)
}

/// Abonents whose services last a second, debtors, and somebody who pays; gives the last one.
async fn fill(house: &Installation) -> anyhow::Result<AccountId> {
    let app = house.app().await?;
    let ctx = app.ctx(gatehouse_domain::Actor::Operator, Origin::Cli);
    let payer = subscriber(&ctx, "payer", true).await?;
    for n in 0..DEATHS {
        let debtor = subscriber(&ctx, &format!("debtor{n}"), true).await?;
        owe(&ctx, debtor).await?;
    }
    let mut abonents = Vec::new();
    for n in 0..ABONENTS {
        abonents.push(subscriber(&ctx, &format!("abonent{n}"), false).await?);
    }
    let mut tx = ctx.begin().await?;
    tx.exec(
        sql!(
            "INSERT INTO billing_service (id, module, category, title, description, price, period_mode, period_seconds, \
             is_auto_renew, is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) \
             VALUES (1, 'unlim', '', 'a second', '', 100, 'seconds', 1, $2, $3, $3, $3, $3, ',inet,', '{}', $1, $1)"
        ),
        args![now(), true, false],
    )
    .await?;
    for abonent in abonents {
        tx.exec(
            sql!(
                "INSERT INTO billing_subscription (account_id, billing_service_id, next_service_id, state, start_at, end_at, anchor_at, \
                 finish_count, created_at, updated_at) VALUES ($1, 1, 1, 'active', $2 - 1000, $2, $2 - 1000, 0, $2, $2)"
            ),
            // Ten minutes behind: there is something to do whenever death comes.
            args![abonent, now() - 600_000],
        )
        .await?;
    }
    tx.commit().await?;
    app.stop().await?;
    Ok(payer)
}

async fn subscriber(ctx: &Ctx, login: &str, has_password: bool) -> anyhow::Result<AccountId> {
    let password = has_password.then(|| Secret::new(PASSWORD));
    let new = NewAccount { login: Login::new(login)?, name: None, email: None, phone: None, password };
    let id = account::create(ctx, &new).await?;
    pass::grant(ctx, login, PassKind::Subscriber).await?;
    Ok(id)
}

/// Takes five units out of an empty wallet.
async fn owe(ctx: &Ctx, account: AccountId) -> anyhow::Result<()> {
    let mut tx = ctx.begin().await?;
    let shown = Shown { kind: kind::CASH, at: None, reason: "", comment: "", reference: None, settles: None };
    let lines = [Line::wallet(account, Money(-500), shown), Line::house(Book::Clearing("cash"), Money(500))];
    let (key, author) = (format!("test:{account}"), Author::kernel());
    ledger::post(ctx, &mut tx, "UAH", &Event { key: &key, reason: "test", author: &author, lines: &lines }).await?;
    Ok(tx.commit().await?)
}

/// The status of the answer to a callback.
async fn report(client: &Client, base: &str, notice: Vec<u8>) -> anyhow::Result<u16> {
    Ok(post(client, format!("{base}/cgi-bin/liqpay.pl"), notice).send().await?.status().as_u16())
}
