//! Scratch cards: worth their money once, and no play of chance.

use std::time::Duration;

use gatehouse_domain::billing::{
    Outcome, Who,
    redeem::{Redeemed, redeem},
};
use gatehouse_domain::ledger::check;
use gatehouse_model::{Money, Secret};
use gatehouse_store::{scratch_card, statement};
use gatehouse_testkit::TestApp;
use tokio::task::JoinSet;

use crate::billing_people::{self as people, UAH};
use crate::payment_shop::{code, done};

async fn print(app: &TestApp, code: &str, worth: i64) -> anyhow::Result<()> {
    let hash = app.app.keys().hash("scratch_card.code", code);
    let mut tx = app.app.db().begin().await?;
    scratch_card::insert(&mut tx, &hash, "A-1", (Money(worth), UAH), app.app.now()).await?;
    Ok(tx.commit().await?)
}

async fn scratch(who: &Who, text: &str) -> Outcome<Redeemed> {
    redeem(who, None, &Secret::new(text)).await
}

both!(a_card_pays_once_however_many_scratch_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let (uma, ivo) =
        (people::subscriber(&app, "uma", Money(-500)).await, people::subscriber(&app, "ivo", Money::ZERO).await);
    print(&app, "ABCD1234EFGH5678", 5_000).await?;
    let mut tries = JoinSet::new();
    for n in 0..10 {
        let who = if n % 2 == 0 { uma.who(&app) } else { ivo.who(&app) };
        tries.spawn(async move { code(scratch(&who, "abcd-1234 efgh-5678").await) });
    }
    let said: Vec<_> = tries.join_all().await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(said.iter().filter(|said| **said == "ok").count(), 1, "{said:?}");
    assert!(said.iter().all(|said| matches!(*said, "ok" | "not_found")), "{said:?}");
    let held = people::balance(&app, uma.account).await.plus(people::balance(&app, ivo.account).await);
    assert_eq!(held, Money(4_500));
    let rows = [people::rows(&app, uma.account).await, people::rows(&app, ivo.account).await].concat();
    assert_eq!(
        (rows.iter().filter(|kind| **kind == 99).count(), rows.iter().filter(|kind| **kind == 305).count()),
        (1, 9)
    );
    assert_eq!(check::check(&mut app.app.db().read()).await?, []);
    Ok(())
});

both!(ten_wrong_codes_a_day_are_enough, |engine| async {
    let app = TestApp::new(engine).await?;
    let uma = people::subscriber(&app, "uma", Money::ZERO).await;
    let who = uma.who(&app);
    print(&app, "ABCD1234EFGH5678", 5_000).await?;
    let mut tries = JoinSet::new();
    for n in 0..20 {
        let who = who.clone();
        tries.spawn(async move { code(scratch(&who, &format!("WRONG{n:09}")).await) });
    }
    let said: Vec<_> = tries.join_all().await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(said.iter().filter(|said| **said == "not_found").count(), 10, "{said:?}");
    assert_eq!(said.iter().filter(|said| **said == "too_many").count(), 10, "{said:?}");
    assert_eq!(code(scratch(&who, "ABCD1234EFGH5678").await)?, "too_many", "not even the right one");
    app.advance(Duration::from_hours(24));
    for short in ["", "1", "ключ-ключ"] {
        assert_eq!(code(scratch(&who, short).await)?, "not_found");
    }
    let made = done(scratch(&who, "ABCD1234EFGH5678").await)?;
    assert_eq!((made.amount, people::balance(&app, uma.account).await), (Money(5_000), Money(5_000)));
    let row = statement::find(&mut app.app.db().read(), made.id).await?.unwrap();
    assert_eq!((row.kind, row.reason.as_str(), row.actor.as_str()), (99, "A-1", "user"));
    // Staff, for him; other staff not.
    print(&app, "SECONDCARD", 100).await?;
    let card = Secret::new("SECONDCARD");
    let codes = ["billing.access", "billing.subscriber.read"];
    let staff = people::staff(&app, "reader", &codes, None).await;
    assert_eq!(code(redeem(&staff, Some(uma.uid), &card).await)?, "no_privilege");
    let staff = people::staff(&app, "cashier", &[&codes[..], &["billing.card.manage"]].concat(), None).await;
    assert_eq!(code(redeem(&staff, Some(uma.uid), &card).await)?, "ok");
    Ok(())
});
