//! Money from one subscriber to another.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    billing::{
        Outcome, Who,
        transfer::{Transfer, Wish, transfer},
    },
    ledger::check,
    payment::order::payment_code,
};
use gatehouse_model::Money;
use gatehouse_testkit::{Engine, TestApp};
use tokio::task::JoinSet;

use crate::billing_people::{self as people, Person};
use crate::payment_shop::{code, done};

async fn app(engine: Engine) -> anyhow::Result<TestApp> {
    let mut settings = Settings::default();
    settings.billing.transfer.enabled = true;
    settings.billing.transfer.percent = 100;
    settings.billing.transfer.fixed = Money(50);
    TestApp::with(engine, settings).await
}

async fn send(who: &Who, to: Person, amt: &str, balance: Option<&str>) -> Outcome<Transfer> {
    transfer(who, None, &Wish { ppc: &payment_code(to.uid), amt, balance, go: true, key: None }).await
}

both!(a_transfer_costs_its_fee_and_has_its_conditions, |engine| async {
    let app = app(engine).await?;
    let (uma, ivo) =
        (people::subscriber(&app, "uma", Money(10_000)).await, people::subscriber(&app, "ivo", Money::ZERO).await);
    let who = uma.who(&app);
    let wish = Wish { ppc: &payment_code(ivo.uid), amt: "50", balance: Some("100.00"), go: false, key: None };
    let quote = Transfer { to: ivo.uid, amount: Money(5_000), fee: Money(100), row: None };
    assert_eq!(done(transfer(&who, None, &wish).await)?, quote);
    assert_eq!(people::balance(&app, uma.account).await, Money(10_000), "a quote moves nothing");
    for (amt, why) in [("0.99", "bad_amount"), ("1000.01", "bad_amount"), ("-1", "bad_amount"), ("99", "no_money")] {
        assert_eq!(code(send(&who, ivo, amt, None).await)?, why, "{amt}");
    }
    assert_eq!(code(send(&who, uma, "1", None).await)?, "not_found", "to himself");
    assert_eq!(code(send(&who, ivo, "1", Some("99.99")).await)?, "repeat");
    // The same call twice, as from a page that was sent again.
    let sent = done(send(&who, ivo, "50", Some("100.00")).await)?;
    assert_eq!(code(send(&who, ivo, "50", Some("100.00")).await)?, "repeat");
    assert!(sent.row.is_some());
    let held = (people::balance(&app, uma.account).await, people::balance(&app, ivo.account).await);
    assert_eq!(held, (Money(4_900), Money(5_000)));
    let rows = (people::rows(&app, uma.account).await, people::rows(&app, ivo.account).await);
    assert_eq!((rows.0.last(), rows.1.last()), (Some(&130), Some(&30)));
    // Not at once on to somebody else.
    assert_eq!(code(send(&ivo.who(&app), uma, "1", None).await)?, "too_many");
    app.advance(Duration::from_hours(24));
    assert_eq!(code(send(&ivo.who(&app), uma, "1", None).await)?, "ok");
    // With the two of them on PostgreSQL side by side, whoever begins.
    app.advance(Duration::from_hours(24));
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let (from, to) = if n % 2 == 0 { (uma, ivo) } else { (ivo, uma) };
        let who = from.who(&app);
        calls.spawn(async move { code(send(&who, to, "1", None).await) });
    }
    for said in calls.join_all().await {
        assert!(matches!(said?, "ok" | "too_many"));
    }
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    let off = TestApp::new(engine).await?;
    let (uma, ivo) =
        (people::subscriber(&off, "uma", Money(500)).await, people::subscriber(&off, "ivo", Money::ZERO).await);
    assert_eq!(code(send(&uma.who(&off), ivo, "1", None).await)?, "forbidden");
    Ok(())
});
