//! The door's entry: who is let in, how often one may try, what is written of it.

use std::time::Duration;

use gatehouse_domain::{
    Ctx, audit,
    radius::{
        accounting::record,
        admit::admit,
        grant::Decision,
        nas::{Disconnect, Method, Nas, NasSettings, UserName},
        report::Status,
        request::AccessRequest,
    },
    visit,
    vpn::external::Credential,
};
use gatehouse_model::{PassKind, Secret};
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
