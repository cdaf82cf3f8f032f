//! Money that staff give and take back.

use std::time::Duration;

use gatehouse_domain::{
    billing::staff_payment::{self as desk, Gift},
    ledger::check,
};
use gatehouse_model::{Money, StatementId};
use gatehouse_store::statement;
use gatehouse_testkit::{Engine, TestApp};

use crate::billing_people::{self as people, done, operator, refused};

async fn what_is_given_counts_and_is_taken_back_once(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let staff = operator(&app);
    let cash = done(desk::add(&staff, Some(one.uid), Gift::Cash, Money(10_000), "касса 2", None).await);
    let bonus = done(desk::add(&staff, Some(one.uid), Gift::Bonus, Money(500), "", None).await);
    assert_eq!(people::balance(&app, one.account).await, Money(10_500));

    // The same key again is the same row; another sum under it is refused.
    let again = || desk::add(&staff, Some(one.uid), Gift::Cash, Money(700), "", Some("till:1"));
    let keyed = done(again().await);
    assert_eq!(done(again().await), keyed);
    let other = desk::add(&staff, Some(one.uid), Gift::Cash, Money(701), "", Some("till:1")).await;
    assert_eq!(refused(other), "idempotency_conflict");
    assert_eq!(people::balance(&app, one.account).await, Money(11_200));

    let part = done(desk::reverse(&staff, cash, Some(Money(2_500))).await);
    assert_eq!(refused(desk::reverse(&staff, cash, Some(Money(7_501))).await), "bad_amount");
    let rest = done(desk::reverse(&staff, cash, None).await);
    assert_ne!(part, rest);
    assert_eq!(done(desk::reverse(&staff, cash, None).await), rest, "twice is once");
    done(desk::reverse(&staff, bonus, None).await);
    assert_eq!(people::balance(&app, one.account).await, Money(700));
    let row = statement::find(&mut app.app.db().read(), rest).await?.unwrap();
    assert_eq!((row.kind, row.amount, row.balance_after), (1, Money(-7_500), Some(Money(1_200))));
    for id in [rest, StatementId(9_999), StatementId(1)] {
        assert_eq!(refused(desk::reverse(&staff, id, None).await), "not_found", "{id}");
    }
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
}
both!(given, |engine| what_is_given_counts_and_is_taken_back_once(engine));

async fn rights_decide_who_gives_and_takes_what(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money::ZERO).await;
    let read = ["billing.access", "billing.subscriber.read"];
    let with = |codes: &[&'static str]| [&read[..], codes].concat();
    let till = people::staff(&app, "till", &with(&["billing.payment.cash", "billing.payment.reverse"]), None).await;
    let other = people::staff(&app, "other", &with(&["billing.payment.bonus", "billing.payment.reverse"]), None).await;
    let codes = with(&["billing.payment.reverse", "billing.payment.foreign", "billing.payment.old"]);
    let chief = people::staff(&app, "chief", &codes, None).await;

    let mine = done(desk::add(&till, Some(one.uid), Gift::Cash, Money(100), "", None).await);
    let second = done(desk::add(&till, Some(one.uid), Gift::Cash, Money(200), "", None).await);
    assert_eq!(refused(desk::add(&till, Some(one.uid), Gift::Bonus, Money(100), "", None).await), "no_privilege");
    assert_eq!(refused(desk::add(&one.who(&app), None, Gift::Cash, Money(100), "", None).await), "forbidden");
    assert_eq!(refused(desk::reverse(&one.who(&app), mine, None).await), "forbidden");
    for amount in [0, -1, 5_000_001] {
        assert_eq!(refused(desk::add(&till, Some(one.uid), Gift::Cash, Money(amount), "", None).await), "bad_amount");
    }
    assert_eq!(refused(desk::reverse(&other, mine, None).await), "no_privilege", "another's");
    done(desk::reverse(&till, mine, None).await);
    app.advance(Duration::from_hours(25));
    assert_eq!(refused(desk::reverse(&till, second, None).await), "no_privilege", "old");
    done(desk::reverse(&chief, second, None).await);
    assert_eq!(people::balance(&app, one.account).await, Money::ZERO);
    let mut safe = till.clone();
    safe.is_trusted = false;
    assert_eq!(refused(desk::add(&safe, Some(one.uid), Gift::Cash, Money(100), "", None).await), "forbidden");
    Ok(())
}
both!(rights, |engine| rights_decide_who_gives_and_takes_what(engine));

async fn at_once_one_payment_is_taken_back_once(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money(100)).await;
    let staff = operator(&app);
    let cash = done(desk::add(&staff, Some(one.uid), Gift::Cash, Money(10_000), "", None).await);
    let all = futures_util::future::join_all((0..10).map(|_| desk::reverse(&staff, cash, None))).await;
    let mut rows: Vec<_> = all.into_iter().map(done).collect();
    rows.dedup();
    assert_eq!(rows.len(), 1);
    assert_eq!(people::balance(&app, one.account).await, Money(100));
    Ok(())
}
both!(together, |engine| at_once_one_payment_is_taken_back_once(engine));

async fn a_temporary_payment_goes_as_it_came(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let one = people::subscriber(&app, "one", Money(-500)).await;
    let staff = operator(&app);
    for days in [0, 367] {
        let gift = Gift::Credit { days };
        assert_eq!(refused(desk::add(&staff, Some(one.uid), gift, Money(600), "", None).await), "bad_request");
    }
    let id = done(desk::add(&staff, Some(one.uid), Gift::Credit { days: 3 }, Money(600), "", None).await);
    assert_eq!(people::balance(&app, one.account).await, Money(100));
    assert_eq!(refused(desk::reverse(&staff, id, Some(Money(1))).await), "bad_amount", "whole or not at all");
    for _ in 0..2 {
        assert_eq!(done(desk::reverse(&staff, id, None).await), id);
    }
    assert_eq!(people::balance(&app, one.account).await, Money(-500));
    app.advance(Duration::from_hours(24 * 4));
    app.run_due_periodic().await?;
    assert_eq!(people::balance(&app, one.account).await, Money(-500), "its end takes nothing more");
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
}
both!(lent, |engine| a_temporary_payment_goes_as_it_came(engine));
