//! The door's entry: who is let in, how often one may try, what is written of it.

use std::time::Duration;

use gatehouse_domain::{
    Ctx,
    account::change,
    audit,
    radius::{
        accounting::record,
        admit::{admit, recall},
        grant::Decision,
        nas::{Disconnect, Method, Nas, NasSettings, UserName},
        report::Status,
        request::AccessRequest,
    },
    visit,
    vpn::{check, external::Credential},
};
use gatehouse_model::{PassKind, Secret};
use gatehouse_store::vpn_live;
use gatehouse_testkit::TestApp;

use crate::radius::{Fake, SOURCE, concentrator, door, report, user};

fn request(user_name: &str, password: &str, station: Option<&str>) -> AccessRequest {
    AccessRequest {
        source: SOURCE,
        user_name: user_name.into(),
        credential: Credential::Pap(Secret::new(password)),
        calling_station: station.map(str::to_owned),
        called_station: None,
        nas_identifier: None,
    }
}

async fn reason(ctx: &Ctx, nas: &Nas, request: &AccessRequest) -> anyhow::Result<&'static str> {
    Ok(match admit(ctx, nas, request).await? {
        Decision::Accept(_) => "ok",
        Decision::Reject(reject) => reject.reason,
    })
}

both!(somebody_is_let_in_and_it_is_written_down_once, |engine| async {
    let app = TestApp::new(engine).await?;
    let settings = NasSettings { user_name: UserName::StripRealm, ..NasSettings::default() };
    let nas = concentrator(&app, settings).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    let right = request("UMA@example.com", "open sesame", Some("203.0.113.9"));
    let mut classes = Vec::new();
    for _ in 0..5 {
        let Decision::Accept(grant) = admit(&ctx, &nas, &right).await? else { panic!("refused") };
        assert_eq!((grant.terms.account, grant.terms.pass), (uma, PassKind::Vpn));
        classes.push(grant.class);
    }
    classes.dedup();
    assert_eq!(classes.len(), 5, "each session has its key");
    app.app.flush_behind().await?;
    let rows = audit::list(&app.operator(), None, Some("account.login"), 10).await?;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].object_id, rows[0].object_name.as_str(), rows[0].outcome.as_str()), (Some(uma.0), "UMA", "ok"));
    assert_eq!((rows[0].address.as_deref(), rows[0].origin.as_str()), (Some("203.0.113.9"), "vpn"));
    let detail: serde_json::Value = serde_json::from_str(rows[0].detail.as_deref().unwrap_or_default())?;
    assert_eq!(detail, serde_json::json!({ "door": "radius", "nas": "gate", "count": 5, "station": "203.0.113.9" }));
    // Its Start names the account by Class alone.
    let mut start = report(Status::Start, "s", "somebody");
    start.classes = classes;
    record(&ctx, &nas, &start).await?;
    assert_eq!(visit::list(&app.operator(), None, true, Some("uma"), 10).await?.len(), 1);
    Ok(())
});

both!(ten_failures_close_the_door_to_a_login_at_a_station, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    for _ in 0..10 {
        assert_eq!(reason(&ctx, &nas, &request("uma", "wrong", Some("a"))).await?, "wrong_password");
    }
    assert_eq!(reason(&ctx, &nas, &request("Uma", "open sesame", Some("a"))).await?, "too_many_attempts");
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", Some("b"))).await?, "ok");
    app.advance(Duration::from_mins(1));
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", Some("a"))).await?, "ok");
    for _ in 0..10 {
        assert_eq!(reason(&ctx, &nas, &request("nobody\0", "wrong", None)).await?, "no_such_account");
    }
    assert_eq!(reason(&ctx, &nas, &request("nobody\0", "wrong", None)).await?, "too_many_attempts");
    app.app.flush_behind().await?;
    let rows = audit::list(&app.operator(), None, Some("account.login"), 100).await?;
    let mut told: Vec<_> = rows.iter().map(|row| (row.object_name.as_str(), row.outcome.as_str())).collect();
    told.sort_unstable();
    let nobody = "nobody\u{fffd}";
    let expected = [
        ("Uma", "too_many_attempts"),
        (nobody, "no_such_account"),
        (nobody, "too_many_attempts"),
        ("uma", "ok"),
        ("uma", "ok"),
        ("uma", "wrong_password"),
    ];
    assert_eq!(told, expected);
    Ok(())
});

both!(the_entry_decides_on_methods_passes_and_the_longest_stay, |engine| async {
    let app = TestApp::new(engine).await?;
    user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    let nas = concentrator(&app, NasSettings { methods: vec![Method::Chap], ..NasSettings::default() }).await?;
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", None)).await?, "method_not_allowed");
    let nas = concentrator(&app, NasSettings { serves: vec![PassKind::Subscriber], ..NasSettings::default() }).await?;
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", None)).await?, "no_such_account");
    let nas = concentrator(&app, NasSettings { disconnect: Disconnect::None, ..NasSettings::default() }).await?;
    let Decision::Accept(grant) = admit(&ctx, &nas, &request("uma", "open sesame", None)).await? else {
        panic!("refused")
    };
    assert_eq!(grant.session_timeout, Some(Duration::from_hours(1)));
    Ok(())
});

both!(who_was_let_in_and_is_gone_before_his_start_is_cut, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, []);
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", None)).await?, "ok");
    app.execute("DELETE FROM vpn_pass_live; DELETE FROM vpn_pass; DELETE FROM account WHERE login = 'uma'").await?;
    record(&ctx, &nas, &report(Status::Start, "s", "uma")).await?;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 1);
    Ok(())
});

both!(a_login_leaves_its_time_behind, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", None)).await?, "ok");
    app.app.flush_behind().await?;
    let login_at = app.app.now();
    app.advance(Duration::from_mins(1));
    record(&ctx, &nas, &report(Status::Start, "s", "uma")).await?;
    app.app.flush_behind().await?;
    let uma = gatehouse_store::vpn_user::find_view(&mut app.app.db().read(), uma).await?.expect("she is there");
    assert_eq!((uma.last_login_at, uma.last_active_at), (Some(login_at), Some(app.app.now())));
    Ok(())
});

both!(who_was_right_a_moment_ago_is_let_in_from_memory_and_nobody_else, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let (ctx, app_now) = (door(&app.app), &app.app);
    let right = request("Uma", "open sesame", Some("203.0.113.9"));
    let is_known = |nas: &Nas, request: &AccessRequest| recall(app_now, nas, request).is_some();
    assert!(!is_known(&nas, &right), "never before he proved himself");
    assert_eq!(reason(&ctx, &nas, &right).await?, "ok");
    let grants: Vec<_> = (0..3).filter_map(|_| recall(app_now, &nas, &right)).collect();
    assert!(grants.len() == 3 && grants.iter().all(|grant| grant.terms.account == uma));
    assert!(grants[0].class != grants[1].class && grants[1].class != grants[2].class, "each session has its key");
    assert!(!is_known(&nas, &request("uma", "wrong", Some("203.0.113.9"))));
    let with = |settings| Nas { settings, ..(*nas).clone() };
    let chap = with(NasSettings { methods: vec![Method::Chap], ..NasSettings::default() });
    let subscribers = with(NasSettings { serves: vec![PassKind::Subscriber], ..NasSettings::default() });
    assert!(!is_known(&chap, &right) && !is_known(&subscribers, &right));
    // What it leaves behind is what any login does.
    let mut start = report(Status::Start, "s", "somebody");
    start.classes = vec![grants[2].class.clone()];
    record(&ctx, &nas, &start).await?;
    assert_eq!(visit::list(&app.operator(), None, true, Some("uma"), 10).await?.len(), 1);
    app.app.flush_behind().await?;
    let rows = audit::list(&app.operator(), None, Some("account.login"), 10).await?;
    let detail: serde_json::Value = serde_json::from_str(rows[0].detail.as_deref().unwrap_or_default())?;
    assert_eq!((rows.len(), &detail["count"]), (1, &serde_json::json!(4)));
    // The door closes to a station that guesses, also for the right password.
    for _ in 0..10 {
        reason(&ctx, &nas, &request("uma", "wrong", Some("203.0.113.9"))).await?;
    }
    assert!(!is_known(&nas, &right) && is_known(&nas, &request("uma", "open sesame", None)));
    app.advance(Duration::from_secs(3));
    assert!(!is_known(&nas, &request("uma", "open sesame", None)), "nothing counts while the database is silent");
    app.app.live().refresh(&app.app).await?;
    assert!(is_known(&nas, &request("uma", "open sesame", None)));
    change::set_enabled(&app.operator(), "uma", false, None).await?;
    app.app.live().refresh(&app.app).await?;
    assert!(!is_known(&nas, &request("uma", "open sesame", None)), "whatever he rests on drops him");
    change::set_enabled(&app.operator(), "uma", true, None).await?;
    app.execute("UPDATE vpn_policy_set SET max_sessions = 9 WHERE id = 0;").await?;
    app.app.live().refresh(&app.app).await?;
    assert_eq!(reason(&ctx, &nas, &request("uma", "open sesame", None)).await?, "ok");
    assert!(!is_known(&nas, &request("uma", "open sesame", None)), "sessions are counted in the database");
    Ok(())
});

both!(of_those_who_knock_at_the_same_moment_only_as_many_get_in_as_may, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    app.execute("UPDATE vpn_policy_set SET max_sessions = 2 WHERE id = 0;").await?;
    let ctx = door(&app.app);
    let from = |n: usize| request("uma", "open sesame", Some(["a", "b", "c", "d", "e"][n]));
    let knock = async |n: usize| reason(&ctx, &nas, &from(n)).await.unwrap();
    let reasons = futures_util::future::join_all((0..5).map(&knock)).await;
    let first: Vec<_> = (0..5).filter(|n| reasons[*n] == "ok").collect();
    assert_eq!(first.len(), 2, "{reasons:?}");
    assert!(reasons.iter().all(|reason| ["ok", "session_limit"].contains(reason)));
    // The same once more: the tunnel did not come up.
    assert_eq!(knock(first[0]).await, "ok");
    let checked = check::check(&app.operator(), PassKind::Vpn, "uma", &Secret::new("open sesame"), None).await?;
    assert_eq!(checked.verdict.reason(), "session_limit", "a check sees it, and takes no place");
    // One session begins; the other never does.
    let mut start = report(Status::Start, "s", "uma");
    start.calling_station = from(first[0]).calling_station;
    record(&ctx, &nas, &start).await?;
    let third = (0..5).find(|n| !first.contains(n)).unwrap();
    assert_eq!(knock(third).await, "session_limit");
    app.advance(Duration::from_secs(10));
    assert_eq!(knock(third).await, "ok");
    assert_eq!(vpn_live::count_stays(&mut app.app.db().read(), uma).await?, 1);
    Ok(())
});
