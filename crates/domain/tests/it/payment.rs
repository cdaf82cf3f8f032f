//! Orders at payment systems, and what their notices do.

use std::time::Duration;

use gatehouse_domain::{
    payment::{Checkout, notice::Taken, order},
    settings::Checkout as Asking,
};
use gatehouse_model::Money;
use gatehouse_store::statement;
use serde_json::Value;

use crate::billing_people as people;
use crate::payment_shop::{Shop, code, done, form};

const HOUR: Duration = Duration::from_hours(1);

both!(an_order_is_paid_into_the_wallet_and_keeps_its_row, |engine| async {
    let shop = Shop::new(engine).await?;
    let made = shop.order("fondy").await?;
    assert_eq!((made.ordered, made.payable), (Money(10_000), Money(10_300)));
    assert_eq!(made.reference, made.id.to_string());
    assert_eq!(made.checkout, Checkout::Page("https://pay.example/checkout/805243692".to_owned()));
    let known = shop.fondy.order(&made.reference).unwrap();
    assert_eq!((known.amount, known.currency.as_str()), (10_300, "UAH"));
    assert_eq!(shop.row(made.id).await?, (444, 0));
    // Nobody is credited because he came back, nor because something is under way.
    shop.fondy.set_status(&made.reference, "processing")?;
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!((shop.row(made.id).await?, shop.balance().await), ((445, 0), 0));
    shop.fondy.set_status(&made.reference, "approved")?;
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!((shop.row(made.id).await?, shop.balance().await), ((20, 10_000), 10_000));
    let row = statement::find(&mut shop.app.app.db().read(), made.id).await?.unwrap();
    assert_eq!(row.reason, "fondy:1767225600:100.00::805243692:card");
    assert_eq!((row.actor.as_str(), row.balance_after), ("other", Some(Money(10_000))));
    assert_eq!((shop.house("clearing", "fondy").await?, shop.house("fee", "").await?), (-10_300, 300));
    // A replay, and a word that comes too late.
    let replay = shop.fondy.notice(&made.reference)?;
    shop.fondy.set_status(&made.reference, "declined")?;
    for body in [replay.clone(), shop.fondy.notice(&made.reference)?, replay] {
        assert_eq!(shop.tell("fondy", body).await?, Taken::Done);
    }
    assert_eq!((shop.paid().await?, shop.row(made.id).await?), (vec![10_000], (20, 10_000)));
    shop.agrees().await
});

both!(the_same_through_liqpay, |engine| async {
    let shop = Shop::with(engine, |settings| settings.billing.liqpay.order_prefix = "gh-".to_owned()).await?;
    let made = shop.order("liqpay").await?;
    assert_eq!(made.reference, format!("gh-{}", made.id));
    let (data, signature) = form(&made)?;
    assert_eq!(shop.liqpay.checkout(data, signature)?, made.reference);
    let known = shop.liqpay.order(&made.reference).unwrap();
    assert_eq!((known.amount, known.currency.as_str()), (10_300, "UAH"));
    for (status, row) in
        [("wait_secure", (445, 0)), ("failure", (446, 0)), ("processing", (446, 0)), ("success", (20, 10_000))]
    {
        shop.liqpay.set_status(&made.reference, status)?;
        assert_eq!(shop.tell("liqpay", shop.liqpay.notice(&made.reference)?).await?, Taken::Done, "{status}");
        assert_eq!(shop.row(made.id).await?, row, "{status}");
    }
    shop.liqpay.take_back(&made.reference, 10_300)?;
    for _ in 0..2 {
        assert_eq!(shop.tell("liqpay", shop.liqpay.notice(&made.reference)?).await?, Taken::Done);
    }
    assert_eq!((shop.paid().await?, shop.balance().await), (vec![10_000, -10_000], 0));
    assert_eq!((shop.house("clearing", "liqpay").await?, shop.house("fee", "").await?), (0, 0));
    // The sandbox pays nothing unless it is meant to.
    let made = shop.order("liqpay").await?;
    let (data, signature) = form(&made)?;
    shop.liqpay.checkout(data, signature)?;
    shop.liqpay.set_status(&made.reference, "sandbox")?;
    assert_eq!(shop.tell("liqpay", shop.liqpay.notice(&made.reference)?).await?, Taken::Done);
    assert_eq!((shop.row(made.id).await?, shop.balance().await), ((446, 0), 0));
    shop.agrees().await
});

both!(only_sums_that_may_be_paid_are_ordered, |engine| async {
    let shop = Shop::with(engine, |settings| {
        settings.billing.pay.gross_up = true;
        settings.billing.pay.unpaid_per_day = 3;
        settings.billing.fondy.checkout = Asking::Off;
    })
    .await?;
    let who = shop.who();
    for amt in ["0", "-5", "abc", "1e9", "0.001", "", "0.99", "50000.01", "99999999999999999999"] {
        assert_eq!(code(order::create(&who, None, "fondy", amt, None).await)?, "bad_amount", "{amt}");
    }
    assert_eq!(code(order::create(&who, None, "paypal", "100", None).await)?, "gateway_unavailable");
    assert_eq!(people::rows(&shop.app, shop.person.account).await, [411], "no order was made");
    let made = done(order::create(&who, Some(999), "fondy", "100", None).await)?;
    assert_eq!((made.payable, made.checkout), (Money(10_309), Checkout::Direct));
    assert_eq!(shop.fondy.requests(), 0, "apps that pay by themselves need nobody asked");
    for amt in ["1", "50000"] {
        done(order::create(&who, None, "liqpay", amt, None).await)?;
    }
    assert_eq!(code(order::create(&who, None, "fondy", "100", None).await)?, "too_many");
    shop.app.advance(24 * HOUR);
    assert_eq!(code(order::create(&who, None, "fondy", "100", None).await)?, "ok");
    // Staff, for him; not in a session that changes nothing, nor for somebody unknown.
    let mut staff = people::staff(&shop.app, "cashier", &["billing.access", "billing.subscriber.read"], None).await;
    assert_eq!(code(order::create(&staff, Some(shop.person.uid), "fondy", "5", None).await)?, "ok");
    assert_eq!(code(order::create(&staff, Some(999), "fondy", "5", None).await)?, "no_uid");
    staff.is_trusted = false;
    assert_eq!(code(order::create(&staff, Some(shop.person.uid), "fondy", "5", None).await)?, "forbidden");
    Ok(())
});

both!(a_key_goes_on_with_the_order_that_an_outage_left, |engine| async {
    let shop = Shop::new(engine).await?;
    let who = shop.who();
    let ask = async |amt, key| order::create(&who, None, "fondy", amt, Some(key)).await;
    shop.fondy.set_down(true);
    for _ in 0..2 {
        assert_eq!(code(ask("100", "k1").await)?, "gateway_unavailable");
    }
    assert_eq!(people::rows(&shop.app, shop.person.account).await, [411, 444], "one order, which stays");
    shop.fondy.set_down(false);
    let made = done(ask("100", "k1").await)?;
    assert_eq!(shop.row(made.id).await?, (444, 0));
    let requests = shop.fondy.requests();
    assert_eq!(done(ask("100", "k1").await)?, made);
    assert_eq!(shop.fondy.requests(), requests, "the page is known");
    assert_eq!(code(ask("101", "k1").await)?, "idempotency_conflict");
    assert_ne!(done(ask("100", "k2").await)?.id, made.id);
    assert_ne!(shop.order("fondy").await?.id, made.id, "without a key each call is an order");
    // Ten at once under one key are one order.
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let who = shop.who();
        calls
            .spawn(async move { done(order::create(&who, None, "liqpay", "7", Some("k3")).await).map(|made| made.id) });
    }
    let made: Vec<_> = calls.join_all().await.into_iter().collect::<Result<_, _>>()?;
    assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
    // A page that is only wished for.
    let shop = Shop::with(engine, |settings| settings.billing.fondy.checkout = Asking::Optional).await?;
    shop.fondy.set_down(true);
    assert_eq!(shop.order("fondy").await?.checkout, Checkout::Direct);
    Ok(())
});

both!(what_does_not_agree_with_the_order_moves_nothing, |engine| async {
    let shop = Shop::new(engine).await?;
    let made = shop.order("fondy").await?;
    let id = made.reference.as_str();
    shop.fondy.set_status(id, "approved")?;
    let with = |name: &'static str, value: Value| {
        shop.fondy.notice_with(id, |fields| {
            fields.insert(name.to_owned(), value);
        })
    };
    let wrong = [
        ("amount", Value::from("10000")),
        ("amount", Value::from("1030000")),
        ("amount", Value::Null),
        ("currency", Value::from("USD")),
        ("currency", Value::Null),
        ("merchant_id", Value::from(1)),
    ];
    let count = wrong.len();
    for (name, value) in wrong {
        assert_eq!(shop.tell("fondy", with(name, value.clone())?).await?, Taken::Refused, "{name} {value}");
    }
    let alerts = shop.alerts().await?;
    assert_eq!(alerts.len(), count);
    assert_eq!(alerts.last(), Some(&("billing.payment.mismatch".to_owned(), "wrong_merchant".to_owned())));
    // Unsigned, tampered, signed by somebody else, of the other provider: nobody is alarmed.
    let tampered = String::from_utf8(shop.fondy.notice(id)?)?.replace("card", "cash");
    let mut others = vec![tampered.into_bytes(), b"{}".to_vec(), Vec::new(), vec![0xff; 9]];
    let stranger = gatehouse_testkit::stand_in::Fondy::start(1_396_424, "guess").await?;
    stranger.begin(id, 10_300, "UAH");
    stranger.set_status(id, "approved")?;
    others.push(stranger.notice(id)?);
    for body in others {
        assert_eq!(shop.tell("fondy", body).await?, Taken::Refused);
    }
    assert_eq!(shop.tell("liqpay", shop.fondy.notice(id)?).await?, Taken::Refused);
    assert_eq!(shop.tell("paypal", shop.fondy.notice(id)?).await?, Taken::UnknownOrder);
    shop.fondy.begin("no-order", 10_300, "UAH");
    assert_eq!(shop.tell("fondy", shop.fondy.notice("no-order")?).await?, Taken::UnknownOrder);
    assert_eq!((shop.alerts().await?.len(), shop.row(made.id).await?, shop.balance().await), (count, (444, 0), 0));
    // One payment pays one order; a second payment of an order is for staff.
    assert_eq!(shop.tell("fondy", shop.fondy.notice(id)?).await?, Taken::Done);
    let payment = shop.fondy.order(id).unwrap().payment;
    let second = shop.order("fondy").await?;
    shop.fondy.set_status(&second.reference, "approved")?;
    let stolen = shop.fondy.notice_with(&second.reference, |fields| {
        fields.insert("payment_id".to_owned(), payment.into());
    })?;
    assert_eq!(shop.tell("fondy", stolen).await?, Taken::Refused);
    assert_eq!(shop.tell("fondy", with("payment_id", 1.into())?).await?, Taken::Done);
    let alerts = shop.alerts().await?;
    let last: Vec<&str> = alerts.iter().skip(count).map(|(action, _)| action.as_str()).collect();
    assert_eq!(last, ["billing.payment.mismatch", "billing.payment.twice"]);
    assert_eq!((shop.paid().await?, shop.row(second.id).await?), (vec![10_000], (444, 0)));
    shop.agrees().await
});

both!(whoever_says_nothing_is_asked, |engine| async {
    let shop = Shop::new(engine).await?;
    let lost = shop.order("fondy").await?;
    let never = shop.order("liqpay").await?;
    assert_eq!(shop.app.run_due_jobs().await?, 0, "not before ten minutes");
    shop.fondy.set_status(&lost.reference, "approved")?;
    shop.app.advance(Duration::from_mins(10));
    shop.app.run_due_jobs().await?;
    assert_eq!((shop.row(lost.id).await?, shop.row(never.id).await?), ((20, 10_000), (444, 0)));
    // His notice comes all the same.
    assert_eq!(shop.tell("fondy", shop.fondy.notice(&lost.reference)?).await?, Taken::Done);
    assert_eq!(shop.paid().await?, [10_000]);
    // The other one is asked for until his time is over, and once more then.
    let mut asked = 0;
    for _ in 0..47 {
        shop.app.advance(HOUR);
        asked += shop.app.run_due_jobs().await?;
    }
    assert_eq!(shop.row(never.id).await?, (444, 0));
    assert!((7..=13).contains(&asked), "{asked} questions in two days");
    // At the end the provider is away: nobody knows.
    shop.liqpay.set_down(true);
    shop.app.advance(HOUR);
    shop.app.run_due_jobs().await?;
    assert_eq!(shop.row(never.id).await?, (444, 0));
    shop.liqpay.set_down(false);
    shop.app.advance(6 * HOUR);
    shop.app.run_due_jobs().await?;
    assert_eq!(shop.row(never.id).await?, (446, 0));
    shop.app.advance(48 * HOUR);
    assert_eq!(shop.app.run_due_jobs().await?, 0, "nobody asks any more");
    // The payer was slow, the money is real.
    let (data, signature) = form(&never)?;
    shop.liqpay.checkout(data, signature)?;
    shop.liqpay.set_status(&never.reference, "success")?;
    assert_eq!(shop.tell("liqpay", shop.liqpay.notice(&never.reference)?).await?, Taken::Done);
    assert_eq!((shop.row(never.id).await?, shop.balance().await), ((20, 10_000), 20_000));
    shop.agrees().await
});

both!(an_answer_that_tells_of_a_reversal_is_the_whole_story, |engine| async {
    let shop = Shop::new(engine).await?;
    let made = shop.order("fondy").await?;
    shop.fondy.set_status(&made.reference, "approved")?;
    shop.fondy.take_back(&made.reference, 2_500)?;
    // Neither the approval nor the reversal was heard of.
    shop.app.advance(Duration::from_mins(10));
    shop.app.run_due_jobs().await?;
    assert_eq!((shop.paid().await?, shop.balance().await), (vec![10_000, -2_427], 7_573));
    shop.agrees().await
});
