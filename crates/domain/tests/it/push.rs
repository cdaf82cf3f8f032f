//! Push messages: whose apps there are, what they are told, and what a service that refuses does to it.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    billing::connect::connect,
    push::{self, Event},
};
use gatehouse_model::{Money, StatementId};
use gatehouse_store::{Query as _, args, push_token, sql};
use gatehouse_testkit::{Engine, TestApp, stand_in::Fcm};

use crate::billing_people::{self as people, Person};
use crate::billing_services::tariff;
use crate::billing_town::{DAY, Town};
use crate::payment_shop::{Shop, code, done};

struct Phone {
    app: TestApp,
    fcm: Fcm,
    person: Person,
    _folder: tempfile::TempDir,
}

impl Phone {
    /// A subscriber with one app.
    async fn new(engine: Engine) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let fcm = Fcm::start(folder.path()).await?;
        let mut settings = Settings::default();
        settings.billing.push = fcm.settings();
        let app = TestApp::with(engine, settings).await?;
        let sender =
            gatehouse_testkit::upstream::push::sender(&app.app.settings().billing.push, app.app.clock().clone());
        app.app.serve_push(sender.unwrap());
        let person = people::subscriber(&app, "reader", Money::ZERO).await;
        done(push::register(&person.who(&app), "app-1").await)?;
        Ok(Self { app, fcm, person, _folder: folder })
    }

    async fn queue(&self, row: i64) -> anyhow::Result<()> {
        let ctx = self.app.operator();
        let mut tx = ctx.begin().await?;
        let event = Event::PaymentCredited { id: StatementId(row), amount: Money(10_000) };
        push::queue(&ctx, &mut tx, self.person.account, &event).await?;
        Ok(tx.commit().await?)
    }

    async fn waiting(&self) -> anyhow::Result<usize> {
        let q = &mut self.app.app.db().read();
        let jobs: Vec<(String,)> =
            q.all(sql!("SELECT key FROM job WHERE kind = 'push.send' ORDER BY id"), args![]).await?;
        Ok(jobs.len())
    }

    async fn tokens(&self) -> anyhow::Result<Vec<String>> {
        let all = push_token::list(&mut self.app.app.db().read(), self.person.account).await?;
        Ok(all.into_iter().map(|row| row.token).collect())
    }
}

both!(tokens_belong_to_one_account_and_there_are_twenty, |engine| async {
    let phone = Phone::new(engine).await?;
    let (app, who) = (&phone.app, phone.person.who(&phone.app));
    let long = "x".repeat(4_097);
    for token in ["", "with blank", "tab\t", "ключ", "\u{7f}", long.as_str()] {
        assert_eq!(code(push::register(&who, token).await)?, "bad_request", "{token}");
    }
    assert_eq!(code(push::register(&people::operator(app), "app-1").await)?, "forbidden");
    done(push::register(&who, &"x".repeat(4_096)).await)?;
    done(push::register(&who, "c-kkWVxpBpM:APA91bFZGzWjxjWtnX2m0iu4yq-koveiZCk").await)?;
    done(push::register(&who, "app-1").await)?;
    assert_eq!(phone.tokens().await?.len(), 3);
    let other = people::subscriber(app, "other", Money::ZERO).await;
    done(push::register(&other.who(app), "app-1").await)?;
    assert_eq!(phone.tokens().await?.len(), 2, "it moved");
    for n in 0..20 {
        app.advance(Duration::from_secs(1));
        done(push::register(&who, &format!("new-{n}")).await)?;
    }
    let tokens = phone.tokens().await?;
    assert_eq!((tokens.len(), tokens[0].as_str(), tokens[19].as_str()), (20, "new-19", "new-0"));
    Ok(())
});

both!(an_event_reaches_every_app_once, |engine| async {
    let phone = Phone::new(engine).await?;
    done(push::register(&phone.person.who(&phone.app), "app-2").await)?;
    phone.queue(4_544).await?;
    phone.queue(4_544).await?;
    assert_eq!(phone.waiting().await?, 2, "one for each app");
    phone.app.run_due_jobs().await?;
    let mut pushed = phone.fcm.pushed();
    pushed.sort_by(|one, other| one.token.cmp(&other.token));
    let said: Vec<_> = pushed.iter().map(|one| (one.token.as_str(), one.event.as_str(), one.id.as_str())).collect();
    assert_eq!(said, [("app-1", "payment_credited", "4544"), ("app-2", "payment_credited", "4544")]);
    assert_eq!((pushed[0].title.as_str(), pushed[0].body.as_str()), ("Счёт пополнен", "Зачислено 100.00 грн"));
    assert_eq!((phone.fcm.issued(), phone.waiting().await?), (1, 0), "one access token serves all");
    // It is used until shortly before its end.
    phone.app.advance(Duration::from_mins(54));
    phone.queue(1).await?;
    phone.app.run_due_jobs().await?;
    assert_eq!(phone.fcm.issued(), 1);
    phone.app.advance(Duration::from_mins(2));
    phone.queue(2).await?;
    phone.app.run_due_jobs().await?;
    assert_eq!((phone.fcm.issued(), phone.fcm.pushed().len()), (2, 6));
    Ok(())
});

both!(each_refusal_has_its_consequence, |engine| async {
    let phone = Phone::new(engine).await?;
    let mut row = 0;
    let mut send = async || {
        row += 1;
        phone.queue(row).await?;
        phone.app.run_due_jobs().await?;
        anyhow::Ok((phone.waiting().await?, phone.fcm.pushed().len(), phone.tokens().await?.len()))
    };
    // The access token ended before its time: a new one, at once.
    assert_eq!(send().await?, (0, 1, 1));
    phone.fcm.revoke();
    assert_eq!(send().await?, (0, 2, 1));
    assert_eq!(phone.fcm.issued(), 2);
    // Never taken: given up, the token stays.
    phone.fcm.refuse(400, "INVALID_ARGUMENT", None);
    assert_eq!(send().await?, (0, 2, 1));
    phone.fcm.refuse(403, "SENDER_ID_MISMATCH", None);
    assert_eq!(send().await?, (0, 2, 1));
    // Not now: again when they say, or after a pause.
    phone.fcm.refuse(429, "QUOTA_EXCEEDED", Some("120"));
    assert_eq!(send().await?, (1, 2, 1));
    phone.app.advance(Duration::from_secs(119));
    assert_eq!(phone.app.run_due_jobs().await?, 0);
    phone.app.advance(Duration::from_secs(1));
    phone.app.run_due_jobs().await?;
    assert_eq!((phone.waiting().await?, phone.fcm.pushed().len()), (0, 3));
    phone.fcm.refuse(503, "UNAVAILABLE", None);
    assert_eq!(send().await?, (1, 3, 1));
    phone.app.advance(Duration::from_secs(10));
    phone.app.run_due_jobs().await?;
    assert_eq!((phone.waiting().await?, phone.fcm.pushed().len()), (0, 4));
    // The app was removed.
    phone.fcm.refuse(404, "UNREGISTERED", None);
    assert_eq!(send().await?, (0, 4, 0));
    assert_eq!(send().await?, (0, 4, 0), "nobody is left");
    Ok(())
});

both!(a_message_that_finds_nobody_for_a_day_is_given_up, |engine| async {
    let phone = Phone::new(engine).await?;
    phone.fcm.set_down(true);
    phone.queue(1).await?;
    for _ in 0..24 {
        phone.app.run_due_jobs().await?;
        phone.app.advance(Duration::from_hours(1));
    }
    assert_eq!(phone.waiting().await?, 1);
    phone.app.advance(Duration::from_secs(1));
    phone.app.run_due_jobs().await?;
    assert_eq!(phone.waiting().await?, 0);
    phone.fcm.set_down(false);
    phone.queue(2).await?;
    phone.app.run_due_jobs().await?;
    assert_eq!(phone.fcm.pushed().len(), 1);
    Ok(())
});

both!(without_configuration_nothing_is_queued_and_payments_tell, |engine| async {
    let shop = Shop::new(engine).await?;
    done(push::register(&shop.who(), "app-1").await)?;
    shop.paid_order().await?;
    let q = &mut shop.app.app.db().read();
    let count = sql!("SELECT CAST(COUNT(*) AS BIGINT) AS jobs FROM job WHERE kind = 'push.send'");
    assert_eq!(q.one::<(i64,)>(count, args![]).await?, Some((0,)));
    // With it, money in and out are told.
    let folder = tempfile::tempdir()?;
    let fcm = Fcm::start(folder.path()).await?;
    let push = fcm.settings();
    let shop = Shop::with(engine, move |settings| settings.billing.push = push).await?;
    let sender =
        gatehouse_testkit::upstream::push::sender(&shop.app.app.settings().billing.push, shop.app.app.clock().clone());
    shop.app.app.serve_push(sender.unwrap());
    done(push::register(&shop.who(), "app-1").await)?;
    let made = shop.paid_order().await?;
    people::pay(&shop.app, shop.person.account, Money(-10_000)).await;
    shop.fondy.take_back(&made.reference, 2_500)?;
    shop.tell("fondy", shop.fondy.notice(&made.reference)?).await?;
    shop.app.run_due_jobs().await?;
    let mut told: Vec<_> = fcm.pushed().into_iter().map(|one| one.event).collect();
    told.sort();
    assert_eq!(told, ["debt_block", "payment_credited", "payment_reversed"]);
    Ok(())
});

both!(a_service_that_ends_for_want_of_money_is_told_of_a_day_before, |engine| async {
    let folder = tempfile::tempdir()?;
    let fcm = Fcm::start(folder.path()).await?;
    let mut settings = Settings::default();
    settings.billing.push = fcm.settings();
    let town = Town::with(engine, settings).await?;
    let sender =
        gatehouse_testkit::upstream::push::sender(&town.app.app.settings().billing.push, town.app.app.clock().clone());
    town.app.app.serve_push(sender.unwrap());
    let fifty = town.service(tariff("50 Mb", 1_000)).await?;
    let (poor, rich) = (town.person(1, 1_500).await?, town.person(2, 2_000).await?);
    for (who, token) in [(&poor, "poor"), (&rich, "rich")] {
        done(push::register(who, token).await)?;
        done(connect(who, None, fifty, None).await)?;
    }
    let told = async || {
        town.app.run_due_periodic().await?;
        town.app.run_due_jobs().await?;
        anyhow::Ok(fcm.pushed().into_iter().map(|one| (one.token, one.event)).collect::<Vec<_>>())
    };
    town.app.advance(28 * DAY + Duration::from_mins(1_439));
    assert_eq!(told().await?, []);
    for _ in 0..3 {
        town.app.advance(Duration::from_mins(2));
        assert_eq!(
            told().await?,
            [("poor".to_owned(), "service_ending".to_owned())],
            "once, and who has it is left alone"
        );
    }
    assert!(fcm.pushed()[0].body.starts_with("«50 Mb» заканчивается 31.01.2026"), "{}", fcm.pushed()[0].body);
    Ok(())
});
