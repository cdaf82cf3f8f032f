//! Temporary payments: the five results under their rules, once however often they are asked for, and taken back in time.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    billing::credit::{self, Terms, Verdict},
    ledger::{check, kind},
};
use gatehouse_model::Money;
use gatehouse_testkit::TestApp;

use crate::billing_people::{balance, done, operator, pay, refused, rows, subscriber};

const DAY: Duration = Duration::from_hours(24);

fn terms(amount: i64, commission: i64) -> Verdict {
    Verdict::Ok(Terms {
        amount: Money(amount),
        commission: Money(commission),
        full: Money(amount + commission),
        days: 3,
    })
}

/// Credit with a commission of 5 % and 0.10.
async fn dear(engine: gatehouse_testkit::Engine) -> anyhow::Result<TestApp> {
    let mut settings = Settings::default();
    (settings.billing.credit.percent, settings.billing.credit.fixed) = (500, Money(10));
    TestApp::with(engine, settings).await
}

both!(a_credit_covers_the_debt_and_is_taken_back, |engine| async {
    let app = TestApp::new(engine).await?;
    let ada = subscriber(&app, "ada", Money(-316)).await;
    let who = ada.who(&app);
    assert_eq!(done(credit::ask(&who, None).await), terms(316, 0), "the seed's sum");
    assert_eq!(balance(&app, ada.account).await, Money(-316), "asking gives nothing");
    assert_eq!(done(credit::take(&who, None).await), terms(316, 0));
    assert_eq!(balance(&app, ada.account).await, Money(0));
    assert_eq!(done(credit::take(&who, None).await), Verdict::OtherExists);
    assert_eq!(rows(&app, ada.account).await, [kind::CREATED, kind::CASH, kind::DEBT_BLOCK, kind::CREDIT]);
    // A payment before its end does not end it.
    pay(&app, ada.account, Money(316)).await;
    app.advance(DAY * 2);
    app.advance(Duration::from_secs(86_399));
    app.run_due_periodic().await?;
    assert_eq!(balance(&app, ada.account).await, Money(316));
    assert_eq!(done(credit::ask(&who, None).await), Verdict::OtherExists);
    app.advance(Duration::from_secs(6));
    app.run_due_periodic().await?;
    assert_eq!(balance(&app, ada.account).await, Money(0));
    // Of both postings one row is left to be seen, with the sum as its reason.
    let shown = gatehouse_store::statement::list_all(&mut app.app.db().read(), ada.account).await?;
    let seen: Vec<_> = shown.iter().filter(|row| row.folded_into.is_none()).collect();
    let last = seen.last().unwrap();
    assert_eq!((last.kind, last.amount, last.reason.as_str()), (kind::CREDIT_ENDED, Money(0), "3.16"));
    assert!(seen.iter().all(|row| row.kind != kind::CREDIT));
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
});

both!(another_one_needs_more_paid_than_the_last_one_gave, |engine| async {
    let app = dear(engine).await?;
    let ada = subscriber(&app, "ada", Money(-1_000)).await;
    let who = ada.who(&app);
    assert_eq!(done(credit::take(&who, None).await), terms(1_000, 60));
    assert_eq!(balance(&app, ada.account).await, Money(0), "the commission was earned at once");
    app.advance(DAY * 3 + Duration::from_secs(6));
    app.run_due_periodic().await?;
    assert_eq!(balance(&app, ada.account).await, Money(-1_060));
    assert_eq!(done(credit::ask(&who, None).await), Verdict::NoMore);
    // As much as the whole sum is not enough, one kopeck more is.
    pay(&app, ada.account, Money(1_160)).await;
    pay(&app, ada.account, Money(-100)).await;
    assert_eq!(done(credit::take(&who, None).await), Verdict::NoMore);
    pay(&app, ada.account, Money(1)).await;
    assert_eq!(done(credit::ask(&who, None).await), Verdict::NotNeeded);
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
});

both!(rows_and_long_silence_forbid_it, |engine| async {
    let mut settings = Settings::default();
    (settings.billing.credit.nopay_days, settings.billing.credit.max) = (30, Some(Money(500)));
    let app = TestApp::with(engine, settings).await?;
    let ada = subscriber(&app, "ada", Money(-1_000)).await;
    let who = ada.who(&app);
    assert_eq!(done(credit::take(&who, None).await), Verdict::ManyNopayDays, "what is negative is no payment");
    pay(&app, ada.account, Money(100)).await;
    assert_eq!(done(credit::ask(&who, None).await), terms(500, 0), "capped");
    app.advance(DAY * 31);
    assert_eq!(done(credit::ask(&who, None).await), Verdict::ManyNopayDays);
    app.execute(&format!(
        "INSERT INTO statement (account_id, at, kind, amount, reason, comment, actor, actor_no, created_at) \
         VALUES ({}, 0, 452, 0, '', '', 'admin', 0, 0)",
        ada.account
    ))
    .await?;
    assert_eq!(done(credit::ask(&who, None).await), Verdict::Blocked);
    assert_eq!(balance(&app, ada.account).await, Money(-900));
    assert_eq!(refused(credit::ask(&operator(&app), None).await), "no_uid");
    assert_eq!(done(credit::ask(&operator(&app), Some(ada.uid)).await), Verdict::Blocked);
    Ok(())
});

both!(of_twenty_at_once_one_is_given, |engine| async {
    let app = TestApp::new(engine).await?;
    let other = app.again().await?;
    let ada = subscriber(&app, "ada", Money(-5_000)).await;
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..20 {
        let mut who = ada.who(&app);
        if n % 2 == 0 {
            who.ctx.app = other.clone();
        }
        asked.spawn(async move { done(credit::take(&who, None).await) });
    }
    let given = asked.join_all().await;
    assert_eq!(given.iter().filter(|verdict| **verdict == terms(5_000, 0)).count(), 1, "{given:?}");
    assert_eq!(given.iter().filter(|verdict| **verdict == Verdict::OtherExists).count(), 19, "{given:?}");
    assert_eq!(balance(&app, ada.account).await, Money(0));
    // Taken back once, by two schedulers.
    app.advance(DAY * 3 + Duration::from_secs(6));
    let (first, second) = tokio::join!(app.run_due_periodic(), gatehouse_domain::job::run_due_periodic(&other));
    first?;
    second?;
    assert_eq!(balance(&app, ada.account).await, Money(-5_000));
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
});

both!(a_debt_block_that_is_wrong_is_put_right, |engine| async {
    let app = TestApp::new(engine).await?;
    let ada = subscriber(&app, "ada", Money(-1)).await;
    let bob = subscriber(&app, "bob", Money(1)).await;
    app.execute("UPDATE subscriber_pass SET debt_block = NOT debt_block").await?;
    app.run_due_periodic().await?;
    let blocked = async |account| {
        let found = gatehouse_store::subscriber::find(&mut app.app.db().read(), account).await.unwrap();
        found.unwrap().debt_block
    };
    assert!(blocked(ada.account).await);
    assert!(!blocked(bob.account).await);
    Ok(())
});
