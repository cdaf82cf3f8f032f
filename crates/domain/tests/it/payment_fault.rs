//! Payments told many times, in any order, by a process that dies: each moves its money once.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use gatehouse_domain::payment::{
    notice::Taken,
    order,
    reverse::{self, Reversed},
};
use gatehouse_model::Money;
use gatehouse_testkit::Engine;
use tokio::task::JoinSet;

use crate::billing_people as people;
use crate::payment_shop::{Shop, code, done, tell};

both!(sixty_four_deliveries_at_two_processes_credit_once, |engine| async {
    let shop = Shop::new(engine).await?;
    let other = shop.another().await?;
    let made = shop.order("fondy").await?;
    shop.fondy.set_status(&made.reference, "approved")?;
    let approved = shop.fondy.notice(&made.reference)?;
    let mut deliveries = JoinSet::new();
    for n in 0..64 {
        let (app, body) = (if n % 2 == 0 { shop.app.app.clone() } else { other.clone() }, approved.clone());
        deliveries.spawn(async move { tell(&app, "fondy", body).await });
    }
    for taken in deliveries.join_all().await {
        assert_eq!(taken?, Taken::Done);
    }
    assert_eq!((shop.paid().await?, shop.balance().await), (vec![10_000], 10_000));
    // Reversals as well, among late approvals.
    shop.fondy.take_back(&made.reference, 2_500)?;
    let part = shop.fondy.notice(&made.reference)?;
    shop.fondy.take_back(&made.reference, 10_300)?;
    let whole = shop.fondy.notice(&made.reference)?;
    let mut deliveries = JoinSet::new();
    for n in 0..60 {
        let app = if n % 2 == 0 { shop.app.app.clone() } else { other.clone() };
        let body = [&approved, &part, &whole][n % 3].clone();
        deliveries.spawn(async move { tell(&app, "fondy", body).await });
    }
    for taken in deliveries.join_all().await {
        assert_eq!(taken?, Taken::Done);
    }
    assert_eq!((shop.balance().await, shop.house("clearing", "fondy").await?, shop.house("fee", "").await?), (0, 0, 0));
    shop.agrees().await
});

/// Every order of these, each told twice in a row, and once more at the end.
fn orders(words: &[&'static str]) -> Vec<Vec<&'static str>> {
    if words.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (n, word) in words.iter().enumerate() {
        let mut rest = words.to_vec();
        rest.remove(n);
        all.extend(orders(&rest).into_iter().map(|order| [vec![*word, *word], order].concat()));
    }
    all
}

async fn every_order_of_notices_comes_to_the_same(engine: Engine) -> anyhow::Result<()> {
    // A tenth order of a day is fine, a hundredth is.
    let shop = Shop::with(engine, |settings| settings.billing.pay.unpaid_per_day = 1_000).await?;
    let mut expected = 0;
    for words in [
        &["approved", "part"][..],
        &["approved", "whole"],
        &["declined", "approved"],
        &["part", "whole"],
        &["processing", "approved", "part", "whole"],
    ] {
        for order in orders(words) {
            let made = shop.order("fondy").await?;
            let id = made.reference.as_str();
            for word in order.iter().chain(order.last()) {
                match *word {
                    "part" => shop.fondy.take_back(id, 2_500)?,
                    "whole" => shop.fondy.take_back(id, 10_300)?,
                    status => {
                        shop.fondy.take_back(id, 0)?;
                        shop.fondy.set_status(id, status)?;
                    }
                }
                assert_eq!(shop.tell("fondy", shop.fondy.notice(id)?).await?, Taken::Done, "{word} of {order:?}");
            }
            expected += match (words.contains(&"approved"), words.contains(&"part"), words.contains(&"whole")) {
                (true, false, false) => 10_000,
                (true, true, false) => 7_573,
                // Taken back in whole, or never paid as far as anybody told.
                _ => 0,
            };
            assert_eq!(shop.balance().await, expected, "after {order:?}");
        }
    }
    shop.agrees().await
}
both!(every_order, |engine| every_order_of_notices_comes_to_the_same(engine));

both!(a_reversal_may_leave_a_debt_which_blocks, |engine| async {
    let shop = Shop::new(engine).await?;
    let made = shop.paid_order().await?;
    people::pay(&shop.app, shop.person.account, Money(-9_000)).await;
    shop.fondy.take_back(&made.reference, 10_300)?;
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!(shop.balance().await, -9_000);
    assert!(people::rows(&shop.app, shop.person.account).await.contains(&423), "blocked");
    shop.agrees().await
});

both!(staff_reverse_at_the_provider_first, |engine| async {
    let shop = Shop::new(engine).await?;
    let codes = ["billing.access", "billing.subscriber.read", "billing.payment.reverse"];
    let staff = people::staff(&shop.app, "cashier", &codes, None).await;
    let made = shop.paid_order().await?;
    let back = async |amount: Option<i64>| reverse::payment(&staff, made.id, amount.map(Money)).await;
    assert_eq!(code(reverse::payment(&shop.who(), made.id, None).await)?, "forbidden");
    assert_eq!(code(back(Some(10_001)).await)?, "bad_amount");
    assert_eq!(code(back(Some(0)).await)?, "bad_amount");
    // Away, declined, later.
    shop.fondy.set_down(true);
    assert_eq!(code(back(None).await)?, "gateway_unavailable");
    shop.fondy.set_down(false);
    shop.fondy.set_reversal("declined");
    assert_eq!(code(back(None).await)?, "gateway_unavailable");
    shop.fondy.set_reversal("created");
    assert_eq!(done(back(Some(1_000)).await)?, Reversed { refunded: Money(0), is_pending: true });
    assert_eq!(shop.balance().await, 10_000);
    shop.fondy.take_back(&made.reference, 1_030)?;
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!(shop.balance().await, 9_000);
    // Done, and its notice afterwards.
    shop.fondy.set_reversal("approved");
    assert_eq!(done(back(Some(2_000)).await)?, Reversed { refunded: Money(3_000), is_pending: false });
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!((shop.balance().await, shop.fondy.order(&made.reference).unwrap().reversed), (7_000, 3_090));
    // Done, but the answer is lost: the same call again finds it done.
    shop.fondy.take_back(&made.reference, 4_120)?;
    assert_eq!(done(back(Some(1_000)).await)?, Reversed { refunded: Money(4_000), is_pending: false });
    assert_eq!(shop.fondy.order(&made.reference).unwrap().reversed, 4_120, "not reversed twice");
    assert_eq!(done(back(None).await)?, Reversed { refunded: Money(10_000), is_pending: false });
    assert_eq!((shop.balance().await, shop.fondy.order(&made.reference).unwrap().reversed), (0, 10_300));
    assert_eq!(code(back(Some(1)).await)?, "bad_amount");
    // LiqPay does it by another word.
    let other = shop.order("liqpay").await?;
    assert_eq!(code(reverse::payment(&staff, other.id, None).await)?, "not_found", "nothing was paid");
    let (data, signature) = crate::payment_shop::form(&other)?;
    shop.liqpay.checkout(data, signature)?;
    shop.liqpay.set_status(&other.reference, "success")?;
    shop.tell("liqpay", shop.liqpay.notice(&other.reference)?).await?;
    let reversed = done(reverse::payment(&staff, other.id, Some(Money(2_427))).await)?;
    assert_eq!((reversed.refunded, shop.liqpay.order(&other.reference).unwrap().refunded), (Money(2_427), 2_500));
    assert_eq!(shop.balance().await, 7_573);
    shop.agrees().await
});

/// Where a call is cut off, at the latest: by then it has come to its end on either engine.
const TURNS: usize = 20;

/// Polls a future so many times and drops it then, as a process that is killed does; some: it came to its end before.
async fn killed_after<F: Future>(turns: usize, future: F) -> Option<F::Output> {
    let (mut future, mut turn) = (pin!(future), 0);
    poll_fn(|context| {
        turn += 1;
        if turn > turns { Poll::Ready(None) } else { future.as_mut().poll(context).map(Some) }
    })
    .await
}

both!(a_process_that_dies_anywhere_loses_and_doubles_nothing, |engine| async {
    let shop = Shop::with(engine, |settings| settings.billing.pay.unpaid_per_day = 1_000).await?;
    let (mut expected, mut killed) = (0, 0);
    for turns in 1..=TURNS {
        // The order: under its key there is one, wherever the first call died.
        let key = format!("kill-{turns}");
        let who = shop.who();
        killed +=
            usize::from(killed_after(turns, order::create(&who, None, "fondy", "100", Some(&key))).await.is_none());
        let made = done(order::create(&who, None, "fondy", "100", Some(&key)).await)?;
        // The approval, then a part of it back: each is told until somebody took it.
        for reversed in [0, 2_500] {
            shop.fondy.set_status(&made.reference, "approved")?;
            if reversed > 0 {
                shop.fondy.take_back(&made.reference, reversed)?;
            }
            let body = shop.fondy.notice(&made.reference)?;
            killed += usize::from(killed_after(turns, shop.tell("fondy", body.clone())).await.is_none());
            assert_eq!(shop.tell("fondy", body).await?, Taken::Done);
        }
        expected += 7_573;
        assert_eq!(shop.balance().await, expected, "killed after {turns} turns");
    }
    assert!(killed >= 6, "only {killed} calls were killed");
    assert_eq!(shop.paid().await?.len(), 2 * TURNS, "one payment and one reversal for each order");
    shop.agrees().await
});
