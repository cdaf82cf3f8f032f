//! The login throttle: exact limits, whose they are, and how they end.

use std::time::Duration;

use gatehouse_domain::{
    Actor, Caller, Ctx, Error, Settings,
    account::{self, NewAccount, change},
    audit::{self, Object, Stream},
    password::Verdict,
    throttle,
};
use gatehouse_model::{Login, Millis, Origin, Secret, fold_key};
use gatehouse_store::rate_counter;
use gatehouse_testkit::{Engine, TestApp};
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_mins(1);

/// A stranger at an address.
fn at(app: &TestApp, address: &str) -> Ctx {
    let caller = Caller { address: Some(address.parse().unwrap()), ..Caller::default() };
    Ctx { app: app.app.clone(), actor: Actor::Anonymous, origin: Origin::Bastion, caller }
}

/// An address out of many.
fn nth(n: u32) -> String {
    std::net::Ipv4Addr::from_bits(0xc612_0000 + n).to_string()
}

/// Seconds until a refused login may be tried again.
fn wait(result: Result<(), Error>) -> Option<u64> {
    match result {
        Ok(()) => None,
        Err(Error::RateLimited { retry_after }) => Some(retry_after.as_secs()),
        Err(other) => panic!("{other}"),
    }
}

/// A try with a wrong password, as far as the throttle is concerned.
async fn fail(ctx: &Ctx, login: &str) -> Result<(), Error> {
    throttle::check(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    throttle::failed(ctx, &mut tx, login).await?;
    Ok(tx.commit().await?)
}

/// A try with the right one.
async fn succeed(ctx: &Ctx, login: &str) -> Result<(), Error> {
    throttle::check(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    throttle::succeeded(ctx, &mut tx, login).await?;
    Ok(tx.commit().await?)
}

/// A whole login as a surface does it; gives the verdict.
async fn log_in(ctx: &Ctx, login: &str, password: &str) -> Result<bool, Error> {
    throttle::check(ctx, login).await?;
    let account = gatehouse_store::account::find_by_key(&mut ctx.read(), &fold_key(login)).await?;
    let stored = account.and_then(|account| account.password_scheme.zip(account.password_hash));
    let is_right = throttle::verify(ctx, login, &Secret::new(password), stored).await? != Verdict::Wrong;
    let mut tx = ctx.begin().await?;
    if is_right {
        throttle::succeeded(ctx, &mut tx, login).await?;
    } else {
        throttle::failed(ctx, &mut tx, login).await?;
        let object = Object::new("account", None, login);
        audit::record(&mut tx, ctx, Stream::Login, "account.login", object, "wrong_password", None).await?;
    }
    tx.commit().await?;
    Ok(is_right)
}

async fn make(app: &TestApp, login: &str) -> anyhow::Result<()> {
    let password = Some(Secret::new("right"));
    let new = NewAccount { login: Login::new(login)?, name: None, email: None, phone: None, password };
    account::create(&app.operator(), &new).await?;
    Ok(())
}

/// Audit rows of an action as (object, outcome), oldest first.
async fn audited(app: &TestApp, action: &str) -> anyhow::Result<Vec<(String, String)>> {
    let rows = audit::list(&app.operator(), None, Some(action), 1_000).await?;
    Ok(rows.into_iter().rev().map(|row| (row.object_name, row.outcome)).collect())
}

both!(a_login_fails_ten_times_from_an_address_and_is_refused_until_the_window_is_over, |engine| async {
    let app = TestApp::new(engine).await?;
    let (here, there) = (at(&app, "192.0.2.1"), at(&app, "192.0.2.2"));
    for n in 0..10 {
        assert_eq!(wait(fail(&here, if n % 2 == 0 { "Ann" } else { "aNN" }).await), None, "{n}");
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(wait(fail(&here, "ann").await), Some(290), "the window began with the first failure");
    assert_eq!(wait(succeed(&here, "ann").await), Some(290), "also with the right password");
    assert_eq!(wait(fail(&here, "bob").await), None);
    assert_eq!(wait(succeed(&there, "ann").await), None);
    app.advance(Duration::from_secs(289));
    assert_eq!(wait(throttle::check(&here, "ann").await), Some(1));
    app.advance(Duration::from_secs(1));
    for _ in 0..10 {
        assert_eq!(wait(fail(&here, "ann").await), None, "the next window is as wide");
    }
    assert_eq!(wait(fail(&here, "ann").await), Some(300));
    Ok(())
});

both!(a_success_clears_the_pair, |engine| async {
    let app = TestApp::new(engine).await?;
    let here = at(&app, "192.0.2.1");
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(wait(fail(&here, "ann").await), None);
        }
        assert_eq!(wait(succeed(&here, "ann").await), None);
    }
    Ok(())
});

both!(an_address_fails_fifty_times_whatever_the_logins_and_an_ipv6_client_is_its_64, |engine| async {
    let app = TestApp::new(engine).await?;
    for n in 0..50 {
        let here = at(&app, &format!("2001:db8::{n:x}"));
        if n % 2 == 0 {
            assert_eq!(wait(fail(&here, &format!("user{n}")).await), None, "{n}");
        } else {
            throttle::check_address(&here).await?;
            throttle::failed_address(&here).await?;
        }
    }
    let here = at(&app, "2001:db8::ffff");
    assert_eq!(wait(throttle::check(&here, "ann").await), Some(300));
    assert_eq!(wait(throttle::check_address(&here).await), Some(300));
    assert_eq!(wait(throttle::failed_address(&here).await), Some(300));
    assert_eq!(wait(throttle::check(&at(&app, "2001:db8:0:1::1"), "ann").await), None);
    let nowhere = Ctx { caller: Caller::default(), ..here };
    assert_eq!(wait(throttle::check(&nowhere, "ann").await), None, "without an address only logins are limited");
    throttle::check_address(&nowhere).await?;
    assert_eq!(audited(&app, "account.throttle").await?, [("2001:db8::".to_owned(), "ok".to_owned())]);
    app.advance(5 * MINUTE);
    throttle::check_address(&at(&app, "2001:db8::1")).await?;
    Ok(())
});

both!(a_login_fails_a_hundred_times_from_everywhere_but_known_addresses_stay_open, |engine| async {
    let app = TestApp::new(engine).await?;
    let (home, late) = (at(&app, "192.0.2.1"), at(&app, "192.0.2.9"));
    succeed(&home, "ann").await?;
    for n in 0..100 {
        assert_eq!(wait(fail(&at(&app, &nth(n)), "ann").await), None, "{n}");
    }
    assert_eq!(wait(succeed(&late, "ann").await), Some(900));
    assert_eq!(wait(succeed(&late, "bob").await), None);
    let nowhere = Ctx { caller: Caller::default(), ..at(&app, "192.0.2.1") };
    assert_eq!(wait(succeed(&nowhere, "ann").await), Some(900));
    assert_eq!(wait(fail(&home, "ann").await), None, "known");
    app.advance(15 * MINUTE);
    assert_eq!(wait(succeed(&late, "ann").await), None);
    // A month later the address is a stranger's again.
    app.advance(Duration::from_hours(720));
    for n in 0..99 {
        assert_eq!(wait(fail(&at(&app, &nth(n)), "ann").await), None, "{n}");
    }
    assert_eq!(wait(fail(&home, "ann").await), None);
    assert_eq!(wait(fail(&home, "ann").await), Some(900));
    Ok(())
});

both!(an_unlock_clears_what_a_login_failed_from_anywhere, |engine| async {
    let app = TestApp::new(engine).await?;
    make(&app, "Ann").await?;
    for n in 0..10 {
        for _ in 0..10 {
            fail(&at(&app, &nth(n)), "ann").await?;
        }
        fail(&at(&app, &nth(n)), "bob").await?;
    }
    let (tenth, other) = (at(&app, &nth(9)), at(&app, &nth(99)));
    assert_eq!(wait(throttle::check(&tenth, "ann").await), Some(900), "the longer wait is told");
    assert_eq!(wait(throttle::check(&other, "ann").await), Some(900));
    change::unlock(&app.operator(), "ann").await?;
    for ctx in [&tenth, &other] {
        for _ in 0..10 {
            assert_eq!(wait(fail(ctx, "ann").await), None);
        }
        assert_eq!(wait(fail(ctx, "ann").await), Some(300));
    }
    for _ in 0..9 {
        assert_eq!(wait(fail(&tenth, "bob").await), None);
    }
    assert_eq!(wait(fail(&tenth, "bob").await), Some(300), "another login keeps what it had");
    Ok(())
});

both!(of_parallel_tries_no_more_than_the_limit_get_a_verdict, |engine| async {
    let app = TestApp::new(engine).await?;
    // The second one is another process on the same database; on SQLite there is none.
    let again = if engine == Engine::Postgres { app.again().await? } else { app.app.clone() };
    make(&app, "ann").await?;
    let mut tries = JoinSet::new();
    for n in 0..64 {
        let ctx = at(&app, "192.0.2.1");
        let ctx = if n % 2 == 0 { ctx } else { Ctx { app: again.clone(), ..ctx } };
        tries.spawn(async move { log_in(&ctx, "ann", "wrong").await });
    }
    let verdicts = tries.join_all().await;
    let told = verdicts.iter().filter(|verdict| matches!(verdict, Ok(false))).count();
    let refused = verdicts.iter().filter(|verdict| matches!(verdict, Err(Error::RateLimited { .. }))).count();
    assert_eq!((told, refused), (10, 54), "{verdicts:?}");
    assert!(matches!(log_in(&at(&app, "192.0.2.1"), "ann", "right").await, Err(Error::RateLimited { .. })));
    let wrong = audited(&app, "account.login").await?.iter().filter(|(_, why)| why == "wrong_password").count();
    assert_eq!(wrong, 10);
    assert_eq!(audited(&app, "account.throttle").await?.len(), 1, "one alert");
    again.stop().await?;
    Ok(())
});

both!(people_who_are_right_may_come_in_any_number_at_once, |engine| async {
    let app = TestApp::new(engine).await?;
    make(&app, "ann").await?;
    let mut tries = JoinSet::new();
    for _ in 0..64 {
        let ctx = at(&app, "192.0.2.1");
        tries.spawn(async move { log_in(&ctx, "ann", "right").await });
    }
    assert!(tries.join_all().await.into_iter().all(|verdict| matches!(verdict, Ok(true))));
    Ok(())
});

both!(a_verdict_that_comes_too_late_is_not_told, |engine| async {
    let app = TestApp::new(engine).await?;
    make(&app, "ann").await?;
    let here = at(&app, "192.0.2.1");
    // Waits for its turn to hash, so the address is blocked before it is hashed.
    let turns = [app.app.passwords().turn().await?, app.app.passwords().turn().await?];
    let waiting = log_in(&here, "ann", "right");
    let blocking = async {
        for _ in 0..10 {
            fail(&here, "ann").await.unwrap();
        }
        drop(turns);
    };
    let (verdict, ()) = tokio::join!(waiting, blocking);
    assert!(matches!(verdict, Err(Error::RateLimited { .. })), "{verdict:?}");
    // Was hashed already.
    let mut tx = here.begin().await?;
    assert_eq!(wait(throttle::succeeded(&here, &mut tx, "ann").await), Some(300));
    drop(tx);
    let mut tx = here.begin().await?;
    assert_eq!(wait(throttle::failed(&here, &mut tx, "ann").await), Some(300));
    drop(tx);
    app.advance(5 * MINUTE);
    assert!(log_in(&here, "ann", "right").await?);
    Ok(())
});

both!(a_blocked_flood_writes_one_row_a_minute, |engine| async {
    let app = TestApp::new(engine).await?;
    let here = at(&app, "192.0.2.1");
    for _ in 0..10 {
        fail(&here, "ann").await?;
    }
    for minute in 1..=3 {
        for _ in 0..100 {
            wait(fail(&here, "ann").await).unwrap();
        }
        let rows = audited(&app, "account.login").await?;
        assert_eq!(rows, vec![("ann".to_owned(), "throttled".to_owned()); minute]);
        app.advance(MINUTE);
    }
    assert_eq!(audited(&app, "account.throttle").await?, [("ann".to_owned(), "ok".to_owned())]);
    let row = &audit::list(&app.operator(), None, Some("account.throttle"), 1).await?[0];
    assert_eq!((row.stream.as_str(), row.address.as_deref()), ("alert", Some("192.0.2.1")));
    let detail = r#"{"failures":10,"limit":"login.pair","until":"2026-01-01T00:05:00.000Z"}"#;
    assert_eq!(row.detail.as_deref(), Some(detail));
    Ok(())
});

both!(limits_are_settings_and_zero_switches_one_off, |engine| async {
    let mut settings = Settings::default();
    settings.login.pair_failures = 0;
    settings.login.address_failures = 3;
    settings.login.address_window = "10s".parse()?;
    let app = TestApp::with(engine, settings).await?;
    let here = at(&app, "192.0.2.1");
    for _ in 0..3 {
        assert_eq!(wait(fail(&here, "ann").await), None);
    }
    assert_eq!(wait(fail(&here, "bob").await), Some(10));
    Ok(())
});

both!(old_counters_are_purged_and_known_addresses_stay_their_month, |engine| async {
    let app = TestApp::new(engine).await?;
    let here = at(&app, "192.0.2.1");
    succeed(&here, "ann").await?;
    fail(&here, "ann").await?;
    let pair = |scope: &'static str| {
        let login = app.app.keys().hash("login.account", "ann");
        let address = app.app.keys().hash("login.address", "192.0.2.1");
        let app = app.app.clone();
        async move { rate_counter::find(&mut app.db().read(), scope, &format!("{login}/{address}"), Millis(0)).await }
    };
    app.run_due_periodic().await?;
    assert!(pair("login.pair").await?.is_some());
    app.advance(Duration::from_hours(25));
    app.run_due_periodic().await?;
    assert!(pair("login.pair").await?.is_none() && pair("login.known").await?.is_some());
    app.advance(Duration::from_hours(719));
    app.run_due_periodic().await?;
    assert!(pair("login.known").await?.is_none());
    Ok(())
});
