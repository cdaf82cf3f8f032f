//! Subscribers at the radius door: who comes in by what he paid for, and what becomes of his session when that changes.

use std::time::Duration;

use gatehouse_domain::{
    Settings,
    radius::{
        accounting::record,
        admit::admit,
        enforce::{Order, Outcome},
        grant::{Decision, Grant, Speed},
        nas::{Disconnect, NasSettings},
        report::{Reply, Status},
        request::AccessRequest,
    },
    settings::Denied,
    visit,
    vpn::external::Credential,
};
use gatehouse_model::{AccountId, Money, PassKind, Secret};
use gatehouse_testkit::TestApp;

use crate::{
    billing_people::{Person, pay, subscriber},
    radius::{Fake, SOURCE, concentrator, counted, door, report, user},
};

fn serving(passes: &[PassKind]) -> NasSettings {
    NasSettings { serves: passes.to_vec(), ..NasSettings::default() }
}

/// Gives a subscriber a service of 50 Mbit/s until a moment.
async fn connect(app: &TestApp, account: AccountId, tags: &str, end: Option<Duration>) {
    let end = end.map_or("NULL".to_owned(), |end| app.app.now().plus(end).0.to_string());
    app.execute(&format!(
        "INSERT INTO billing_service (module, category, title, description, price, period_mode, period_seconds, is_auto_renew, \
         is_no_renew, is_multiple, is_discountable, is_funds_checked, tags, param, created_at, updated_at) VALUES \
         ('m', '', 't', '', 1000, 'month', 0, TRUE, FALSE, FALSE, FALSE, TRUE, '{tags}', '{{\"group\":\"fast\"}}', 0, 0); \
         INSERT INTO billing_subscription (account_id, billing_service_id, state, start_at, end_at, anchor_at, finish_count, \
         created_at, updated_at) SELECT {account}, MAX(id), 'active', 0, {end}, 0, 0, 0, 0 FROM billing_service"
    ))
    .await
    .unwrap();
}

async fn ask(app: &TestApp, login: &str, password: &str) -> Decision {
    app.app.live().refresh(&app.app).await.unwrap();
    let nas = app.app.live().nas().find(SOURCE).cloned().unwrap();
    let request = AccessRequest {
        user_name: login.to_owned(),
        credential: Credential::Pap(Secret::new(password)),
        calling_station: Some("203.0.113.9".to_owned()),
        source: SOURCE,
        called_station: None,
        nas_identifier: None,
    };
    admit(&door(&app.app), &nas, &request).await.unwrap()
}

async fn granted(app: &TestApp, login: &str) -> Grant {
    match ask(app, login, "a password").await {
        Decision::Accept(grant) => *grant,
        Decision::Reject(reject) => panic!("refused: {}", reject.reason),
    }
}

async fn refused(app: &TestApp, login: &str) -> (&'static str, Option<String>) {
    match ask(app, login, "a password").await {
        Decision::Accept(grant) => panic!("let in: {grant:?}"),
        Decision::Reject(reject) => (reject.reason, reject.message),
    }
}

async fn garden(engine: gatehouse_testkit::Engine) -> anyhow::Result<TestApp> {
    let mut settings = Settings::default();
    settings.billing.radius.denied = Denied::WalledGarden;
    TestApp::with(engine, settings).await
}

/// Has a message block him until he reads it.
async fn warn(app: &TestApp, person: Person) {
    app.execute(&format!(
        "INSERT INTO statement (account_id, at, kind, amount, reason, comment, actor, actor_no, created_at) \
         VALUES ({}, 0, 482, 0, 'read me', '', 'admin', 0, 0)",
        person.account
    ))
    .await
    .unwrap();
}

both!(a_subscriber_gets_what_he_paid_for_or_is_told_why_not, |engine| async {
    let app = TestApp::new(engine).await?;
    concentrator(&app, serving(&[PassKind::Subscriber])).await?;
    let ada = subscriber(&app, "Ada", Money(1_000)).await;
    assert_eq!(refused(&app, "Ada").await.0, "no_service");
    connect(&app, ada.account, ",tv,speed=900,", None).await;
    assert_eq!(refused(&app, "Ada").await.0, "no_service", "it gives no Internet");
    connect(&app, ada.account, ",inet,speed=50,", Some(Duration::from_hours(1))).await;
    let grant = granted(&app, "Ada").await;
    assert_eq!(
        (grant.terms.account, grant.terms.pass, grant.terms.is_denied),
        (ada.account, PassKind::Subscriber, false)
    );
    assert_eq!(grant.terms.speed, Some(Speed { up: 900_000_000, down: 900_000_000 }));
    assert_eq!(
        (grant.terms.groups.as_slice(), grant.session_timeout),
        (&["fast".to_owned()][..], Some(Duration::from_hours(1)))
    );
    assert!(String::from_utf8(grant.class)?.starts_with("gh1:subscriber:"));
    // Logins of subscribers are exact.
    assert_eq!(refused(&app, "ada").await.0, "no_such_account");
    assert!(
        matches!(ask(&app, "Ada", "another one").await, Decision::Reject(reject) if reject.reason == "wrong_password")
    );
    // Debt, in force at once although he was let in a moment ago.
    pay(&app, ada.account, Money(-1_001)).await;
    assert_eq!(refused(&app, "Ada").await, ("debt_block", Some("Недостаточно средств на счёте".to_owned())));
    pay(&app, ada.account, Money(1)).await;
    granted(&app, "Ada").await;
    warn(&app, ada).await;
    app.advance(Duration::from_mins(11));
    assert_eq!(refused(&app, "Ada").await.0, "unread_message");
    app.execute("UPDATE statement SET kind = 481 WHERE kind = 482").await?;
    granted(&app, "Ada").await;
    app.advance(Duration::from_hours(1));
    assert_eq!(refused(&app, "Ada").await.0, "no_service", "the period is over");
    Ok(())
});

both!(a_blocked_subscriber_waits_in_the_garden_but_a_disabled_one_is_refused, |engine| async {
    let app = garden(engine).await?;
    let nas = concentrator(&app, serving(&[PassKind::Vpn, PassKind::Subscriber])).await?;
    let ada = subscriber(&app, "ada", Money(0)).await;
    let vpn = user(&app, "uma", -1, None).await?;
    connect(&app, ada.account, ",inet,speed=50,", None).await;
    let grant = granted(&app, "ada").await;
    assert!(!grant.terms.is_denied);
    assert!(matches!(ask(&app, "uma", "open sesame").await, Decision::Accept(grant) if grant.terms.account == vpn));
    let fake = Fake::serve(&app.app, [Outcome::Ack, Outcome::Ack, Outcome::Ack]);
    let ctx = door(&app.app);
    let mut start = report(Status::Start, "s1", "ada");
    start.classes = vec![grant.class];
    assert_eq!(record(&ctx, &nas, &start).await?, Reply::Acknowledge);
    // Debt brings his session into the garden, a payment brings it out again; nobody is cut.
    for (sum, is_denied) in [(-100, true), (100, false)] {
        pay(&app, ada.account, Money(sum)).await;
        app.run_due_jobs().await?;
        let seen = fake.seen();
        assert_eq!(seen.len(), 1);
        let (stay, Order::Change(change)) = &seen[0] else { panic!("{seen:?}") };
        assert_eq!((change.terms.is_denied, stay.is_in_garden), (is_denied, !is_denied));
        assert_eq!(granted(&app, "ada").await.terms.is_denied, is_denied);
    }
    gatehouse_domain::account::change::set_enabled(&app.operator(), "ada", false, None).await?;
    app.run_due_jobs().await?;
    assert!(matches!(fake.seen().as_slice(), [(_, Order::Disconnect)]));
    assert_eq!(refused(&app, "ada").await.0, "disabled");
    Ok(())
});

both!(debt_cuts_the_session_where_nothing_can_be_changed, |engine| async {
    let mut settings = Settings::default();
    settings.radius.commands.insert("cut".to_owned(), vec!["/bin/true".to_owned()]);
    let app = TestApp::with(engine, settings).await?;
    let mut settings = serving(&[PassKind::Subscriber]);
    (settings.disconnect, settings.command) = (Disconnect::Command, Some("cut".to_owned()));
    let nas = concentrator(&app, settings).await?;
    let ada = subscriber(&app, "ada", Money(0)).await;
    connect(&app, ada.account, ",inet,", None).await;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    let ctx = door(&app.app);
    record(&ctx, &nas, &report(Status::Start, "s1", "ada")).await?;
    let stays = visit::list(&app.operator(), None, false, None, 100).await?;
    assert_eq!((stays.len(), stays[0].account_id), (1, Some(ada.account)));
    pay(&app, ada.account, Money(-1)).await;
    app.run_due_jobs().await?;
    assert!(matches!(fake.seen().as_slice(), [(_, Order::Disconnect)]));
    // It goes on all the same: that is a cause of its own.
    app.advance(Duration::from_mins(1));
    record(&ctx, &nas, &counted(Status::Interim, "s1", "ada", (60, 1, 1))).await?;
    app.run_due_jobs().await?;
    assert!(!fake.seen().is_empty());
    Ok(())
});

both!(addresses_are_lent_to_one_session_at_a_time, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, serving(&[PassKind::Subscriber])).await?;
    let ctx = door(&app.app);
    for n in [1, 2] {
        app.execute(&format!(
            "INSERT INTO address (ip, kind, is_public, tags, release_at) VALUES ('10.0.0.{n}', 'dynamic', FALSE, '', 0)"
        ))
        .await?;
    }
    app.execute(
        "INSERT INTO address (ip, kind, is_public, tags, release_at) VALUES ('198.51.100.1', 'dynamic', TRUE, '', 0)",
    )
    .await?;
    for (login, tags) in [("ada", ",inet,"), ("bob", ",inet,"), ("cleo", ",inet,"), ("dora", ",inet,realip,")] {
        let person = subscriber(&app, login, Money(0)).await;
        connect(&app, person.account, tags, None).await;
    }
    let ip = |grant: Grant| grant.terms.framed_ip.unwrap().to_string();
    let first = ip(granted(&app, "ada").await);
    assert_eq!(ip(granted(&app, "ada").await), first, "it is kept for her");
    let second = ip(granted(&app, "bob").await);
    assert_ne!(first, second);
    assert_eq!(refused(&app, "cleo").await.0, "no_address");
    assert_eq!(ip(granted(&app, "dora").await), "198.51.100.1");
    // Who never starts loses it.
    let mut start = report(Status::Start, "a", "ada");
    start.framed_ip = first.parse().ok();
    record(&ctx, &nas, &start).await?;
    app.advance(Duration::from_secs(301));
    assert_eq!(ip(granted(&app, "cleo").await), second);
    assert_eq!(refused(&app, "bob").await.0, "no_address");
    // Who stops keeps it for a while.
    let mut stop = counted(Status::Stop, "a", "ada", (300, 1, 1));
    stop.framed_ip = first.parse().ok();
    record(&ctx, &nas, &stop).await?;
    assert_eq!(refused(&app, "bob").await.0, "no_address");
    app.advance(Duration::from_secs(301));
    assert_eq!(ip(granted(&app, "bob").await), first);
    // One that is bound for good; two sessions cannot have it.
    let dora = gatehouse_domain::account::find(&app.operator(), "dora").await?;
    app.execute(&format!("UPDATE address SET kind = 'static', account_id = {} WHERE is_public", dora.id)).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    for session in ["d1", "d2"] {
        assert_eq!(ip(granted(&app, "dora").await), "198.51.100.1");
        let mut start = report(Status::Start, session, "dora");
        start.framed_ip = "198.51.100.1".parse().ok();
        record(&ctx, &nas, &start).await?;
    }
    app.run_due_jobs().await?;
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0.session_id, b"d1");
    Ok(())
});

both!(the_end_of_an_older_session_frees_no_address_of_a_newer_one, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, serving(&[PassKind::Subscriber])).await?;
    let ctx = door(&app.app);
    app.execute(
        "INSERT INTO address (ip, kind, is_public, tags, release_at) VALUES ('10.0.0.1', 'dynamic', FALSE, '', 0)",
    )
    .await?;
    for login in ["ada", "bob"] {
        let person = subscriber(&app, login, Money(0)).await;
        connect(&app, person.account, ",inet,", None).await;
    }
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    let lent = granted(&app, "ada").await.terms.framed_ip;
    assert!(lent.is_some());
    let tell = async |status, session: &str, seconds| {
        let mut told = counted(status, session, "ada", (seconds, 1, 1));
        told.framed_ip = lent;
        record(&ctx, &nas, &told).await.unwrap()
    };
    // The router takes her anew and has not told of the end yet; what it tells of the older session comes late.
    tell(Status::Start, "older", 0).await;
    tell(Status::Start, "newer", 0).await;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen()[0].0.session_id, b"older");
    tell(Status::Interim, "older", 60).await;
    tell(Status::Stop, "older", 61).await;
    app.advance(Duration::from_secs(301));
    assert_eq!(refused(&app, "bob").await.0, "no_address", "she is in with it");
    tell(Status::Stop, "newer", 301).await;
    assert_eq!(refused(&app, "bob").await.0, "no_address", "kept for her for a while");
    app.advance(Duration::from_secs(301));
    assert_eq!(granted(&app, "bob").await.terms.framed_ip, lent);
    Ok(())
});

both!(traffic_is_counted_by_month_and_the_last_sign_of_it_is_known, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, serving(&[PassKind::Subscriber])).await?;
    let ada = subscriber(&app, "ada", Money(0)).await;
    connect(&app, ada.account, ",inet,", None).await;
    let ctx = door(&app.app);
    record(&ctx, &nas, &report(Status::Start, "s", "ada")).await?;
    let start = app.app.now();
    for (seconds, up) in [(60, 100), (120, 300), (120, 300), (180, 300)] {
        app.advance(Duration::from_mins(1));
        record(&ctx, &nas, &counted(Status::Interim, "s", "ada", (seconds, up, 10 * up))).await?;
    }
    let activity = async || {
        gatehouse_store::subscriber_access::find_activity(&mut app.app.db().read(), ada.account).await.unwrap().unwrap()
    };
    let now = activity().await;
    assert_eq!((now.up, now.down), (300, 3_000));
    assert_eq!(now.last_traffic_at, Some(start.plus(Duration::from_mins(2))));
    assert_eq!(now.last_auth_at, Some(start.plus(Duration::from_mins(4))));
    app.advance(Duration::from_hours(24 * 40));
    record(&ctx, &nas, &counted(Status::Stop, "s", "ada", (9_000, 350, 3_000))).await?;
    let next = activity().await;
    assert_eq!((next.up, next.down), (50, 0));
    assert!(next.month > now.month);
    Ok(())
});
