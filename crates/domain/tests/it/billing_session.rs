//! Sessions of the billing surface, its idempotency keys, and its views of subscribers, on both engines.

use std::time::Duration;

use gatehouse_domain::{
    Caller, Ctx,
    account::{NewAccount, create, pass},
    billing::{
        Failure, Outcome, Refusal, Role, Who, auth_log,
        export::{self, Asked},
        idempotency::{self, Claim},
        main, pays,
        session::{self, Login, Session},
    },
    factor,
};
use gatehouse_model::{Login as LoginName, Money, PassKind, Secret};
use gatehouse_testkit::{Engine, TestApp};

use crate::billing_people::{self as people, operator};

const PASSWORD: &str = "a password";

fn anonymous(app: &TestApp) -> Ctx {
    let caller = Caller { address: Some([192, 0, 2, 1].into()), request_id: "r".to_owned(), language: None };
    session::anonymous(&app.app, caller)
}

async fn login(app: &TestApp, login: &str, password: &str) -> Option<(Secret, Role)> {
    let asked = Login { login, password: &Secret::new(password), wants_admin: false, user_agent: Some("curl") };
    session::login(&anonymous(app), &asked).await.unwrap().map(|opened| (opened.secret, opened.role))
}

async fn admit(app: &TestApp, secret: &Secret) -> Option<(Who, Session)> {
    session::admit(&anonymous(app), secret.expose()).await.unwrap()
}

async fn a_session_is_opened_used_and_ended(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let person = people::subscriber(&app, "test", Money::ZERO).await;
    assert!(login(&app, "test", "wrong").await.is_none());
    assert!(login(&app, "Test", PASSWORD).await.is_none());
    let (secret, role) = login(&app, "test", PASSWORD).await.unwrap();
    assert_eq!(role, Role::User { account: person.account, uid: person.uid });
    let (who, own) = admit(&app, &secret).await.unwrap();
    assert!(who.is_trusted && who.role == role);
    let (second, _) = login(&app, "test", PASSWORD).await.unwrap();
    app.advance(Duration::from_secs(7_199));
    assert!(admit(&app, &secret).await.is_some());
    app.advance(Duration::from_secs(7_199));
    assert!(admit(&app, &secret).await.is_some(), "it slides");
    assert!(admit(&app, &second).await.is_none(), "it ends");
    session::logout(&who, &own).await?;
    assert!(admit(&app, &secret).await.is_none());
    Ok(())
}
both!(opened_used_ended, |engine| a_session_is_opened_used_and_ended(engine));

async fn staff_append_their_code(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let name = LoginName::new("kim")?;
    let password = Some(Secret::new(PASSWORD));
    let new = NewAccount { login: name, name: None, email: None, phone: None, password };
    let id = create(&ctx, &new).await?;
    pass::grant(&ctx, "kim", PassKind::Staff).await?;
    assert!(login(&app, "kim", PASSWORD).await.is_none(), "without billing.access");
    pass::grant_role(&ctx, "kim", gatehouse_domain::account::administrator::ROLE).await?;
    let (before, role) = login(&app, "kim", PASSWORD).await.unwrap();
    assert!(matches!(role, Role::Admin { account: Some(account), .. } if account == id));
    assert!(login(&app, "kim", &format!("{PASSWORD}123456")).await.is_none(), "there is no second factor");

    let (enrolled, _) = login(&app, "kim", PASSWORD).await.unwrap();
    let own = admit(&app, &enrolled).await.unwrap().0.ctx;
    let secret = factor::setup(&own).await?.secret;
    factor::confirm(&own, &crate::login::totp(&app, secret.expose())).await?;
    let (who, _) = admit(&app, &before).await.unwrap();
    assert!(who.ctx.require("billing.access").is_err(), "it did not prove the second factor");
    app.advance(Duration::from_mins(1));
    let code = crate::login::totp(&app, secret.expose());
    assert!(login(&app, "kim", PASSWORD).await.is_none(), "a code is needed");
    assert!(login(&app, "kim", &format!("{PASSWORD}000000")).await.is_none());
    let (after, _) = login(&app, "kim", &format!("{PASSWORD}{code}")).await.unwrap();
    assert!(login(&app, "kim", &format!("{PASSWORD}{code}")).await.is_none(), "a code counts once");
    let (who, own) = admit(&app, &after).await.unwrap();
    assert!(who.ctx.require("billing.access").is_ok());
    session::distrust(&who, &own).await?;
    assert!(!admit(&app, &after).await.unwrap().0.is_trusted);
    Ok(())
}
both!(second_factor, |engine| staff_append_their_code(engine));

fn done<T>(outcome: Outcome<T>) -> T {
    people::done(outcome)
}

async fn a_key_makes_a_call_happen_once(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let who = people::subscriber(&app, "test", Money::ZERO).await.who(&app);
    let mut mine = 0;
    let claims = (0..8).map(|_| async {
        match done(idempotency::claim(&who, "k", &["a", "b"]).await) {
            Claim::Mine(claim) => {
                idempotency::keep(&who, &claim, "the answer").await.unwrap();
                None
            }
            Claim::Done(answer) => Some(answer),
        }
    });
    for answer in futures_util::future::join_all(claims).await {
        match answer {
            None => mine += 1,
            Some(answer) => assert_eq!(answer, "the answer"),
        }
    }
    assert_eq!(mine, 1);
    let other = idempotency::claim(&who, "k", &["ab"]).await;
    assert!(matches!(other, Err(Failure::Refused(Refusal::IdempotencyConflict))));
    let Claim::Mine(claim) = done(idempotency::claim(&who, "again", &[]).await) else { panic!() };
    idempotency::forget(&who, &claim).await?;
    let Claim::Mine(_dies) = done(idempotency::claim(&who, "again", &["x"]).await) else { panic!() };
    app.advance(Duration::from_mins(1));
    assert!(matches!(done(idempotency::claim(&who, "again", &["y"]).await), Claim::Mine(_)), "its holder is dead");
    app.advance(Duration::from_hours(24));
    app.run_due_periodic().await?;
    let left: Option<(i64,)> = gatehouse_store::Query::one(
        &mut app.app.db().read(),
        gatehouse_store::sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM idempotency_key"),
        gatehouse_store::args![],
    )
    .await?;
    assert_eq!(left, Some((0,)));
    Ok(())
}
both!(keys, |engine| a_key_makes_a_call_happen_once(engine));

async fn subscribers_are_shown_to_themselves_and_to_staff(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let (one, two) =
        (people::subscriber(&app, "one", Money(1_250)).await, people::subscriber(&app, "two", Money::ZERO).await);
    app.execute(&format!(
        "INSERT INTO visit (uuid, door, account_id, login, since_at, seen_at) VALUES ('a', 'radius', {account}, 'one', 1, 2);
         INSERT INTO visit_radius (visit_id, nas_id, nas_name, nas_address, pass, session_id, is_open, is_in_garden, user_name, framed_ip, \
         event_at, session_time, has_gigawords, packets_up, packets_down, rate_up, rate_down, interim) \
         SELECT id, 1, 'n', '192.0.2.1', 'subscriber', {bytes}, (1 = 1), (1 = 0), {bytes}, '10.0.0.5', 0, 0, (1 = 0), 0, 0, 0, 0, 0 FROM visit;
         INSERT INTO address (ip, kind, is_public, tags, account_id, visit_id, bound_at, release_at) \
         SELECT '10.0.0.5', 'static', (1 = 0), '', {account}, id, 1, 0 FROM visit;
         INSERT INTO subscriber_activity (account_id, last_auth_at, month, up, down) VALUES ({account}, 5, 24313, 1, 2);",
        account = one.account,
        bytes = if engine == Engine::Sqlite { "x'01'" } else { "'\\x01'::bytea" },
    ))
    .await?;
    let own = done(main::show(&one.who(&app), Some(two.uid)).await);
    assert_eq!((own.usr.row.uid, own.usr.row.balance, own.usr.octets), (one.uid, Money(1_250), (1, 2)));
    assert_eq!((own.addresses.len(), own.pays.len()), (1, 1));
    assert_eq!(done(auth_log::list(&one.who(&app), None, 0).await).len(), 1);
    assert_eq!(done(auth_log::list(&one.who(&app), None, 1).await).len(), 0);
    let staff = operator(&app);
    let rows = done(pays::list(&staff, Some(one.uid), 0).await);
    let shown: Vec<_> = rows.iter().map(|row| (row.kind, row.balance_after)).collect();
    assert_eq!(shown, [(1, Some(Money(1_250))), (411, None)]);
    assert_eq!(done(pays::list(&one.who(&app), None, 0).await).len(), 1);

    let mut export = done(export::begin(&staff, Asked::default()).await);
    for _ in 0..2 {
        let page = export.page().await?;
        assert_eq!(page.iter().map(|user| user.usr.row.uid).collect::<Vec<_>>(), [one.uid, two.uid]);
        assert!(export.page().await?.is_empty());
        // From one moment, whatever happens meanwhile.
        people::subscriber(&app, &format!("late{}", app.app.request_id()), Money::ZERO).await;
        export.rewind();
    }
    drop(export);
    let codes = ["billing.access", "billing.subscriber.read"];
    let far = people::group(&app, "far", Money::ZERO).await;
    let local = people::staff(&app, "local", &codes, Some(&[far])).await;
    assert!(done(export::begin(&local, Asked::default()).await).page().await?.is_empty());
    let everywhere = people::staff(&app, "everywhere", &codes, None).await;
    let asked = Asked { limit: Some(1), start: 1, ..Asked::default() };
    let page = done(export::begin(&everywhere, asked).await).page().await?;
    assert_eq!(page.iter().map(|user| user.usr.row.uid).collect::<Vec<_>>(), [two.uid]);
    assert_eq!(people::refused(export::services(&one.who(&app)).await), "forbidden");
    assert_eq!(done(export::services(&staff).await).len(), 0);
    Ok(())
}
both!(views, |engine| subscribers_are_shown_to_themselves_and_to_staff(engine));
