//! Everything about a subscriber at a glance, asked for many at once.

use gatehouse_domain::billing::main;
use gatehouse_model::Money;
use gatehouse_testkit::{Engine, TestApp};
use tokio::task::JoinSet;

use crate::billing_people::{self as people, done, operator, refused};

async fn many_at_once_are_each_shown_their_own(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    people::group(&app, "home", Money::ZERO).await;
    let mut all = Vec::new();
    for n in 0..10 {
        all.push(people::subscriber(&app, &format!("user{n}"), Money(100 + n)).await);
    }
    let odd = "张\"\\'三\u{7f}\u{1f600}";
    app.execute(&format!(
        "UPDATE subscriber_pass SET full_name = '{}' WHERE account_id = {}",
        odd.replace('\'', "''"),
        all[3].account
    ))
    .await?;
    for _ in 0..3 {
        let mut asking = JoinSet::new();
        for (n, one) in all.iter().copied().enumerate().cycle().take(100) {
            let who = one.who(&app);
            asking.spawn(async move { (n, one, done(main::show(&who, None).await)) });
        }
        for (n, one, main) in asking.join_all().await {
            let n = i64::try_from(n)?;
            assert_eq!((main.usr.row.uid, main.usr.row.account_id), (one.uid, one.account));
            let moved: Vec<_> = main.pays.iter().map(|row| row.amount.0).collect();
            assert_eq!((main.usr.row.balance, moved.as_slice()), (Money(100 + n), &[100 + n][..]));
            assert_eq!(main.usr.row.full_name, if n == 3 { odd } else { "" });
        }
    }
    // What was committed a moment ago is seen, newest first.
    let one = all[0];
    for sum in [5, 7] {
        app.advance(std::time::Duration::from_secs(1));
        people::pay(&app, one.account, Money(sum)).await;
        let main = done(main::show(&one.who(&app), None).await);
        assert_eq!((main.pays[0].amount, main.usr.row.balance), (Money(sum), main.pays[0].balance_after.unwrap()));
    }
    let main = done(main::show(&operator(&app), Some(one.uid)).await);
    let shown: Vec<_> = main.pays.iter().map(|row| row.amount.0).collect();
    assert_eq!(shown, [7, 5, 100]);
    assert_eq!(refused(main::show(&operator(&app), Some(9_999)).await), "no_uid");
    gatehouse_domain::account::change::delete(&app.operator(), "user9").await?;
    assert_eq!(refused(main::show(&all[9].who(&app), None).await), "no_uid");
    Ok(())
}
both!(glance, |engine| many_at_once_are_each_shown_their_own(engine));
