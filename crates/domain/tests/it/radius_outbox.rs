//! The outbox of the radius door: who shall be out is out in the end, or staff are told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gatehouse_domain::{
    App,
    account::change,
    audit, doctor,
    radius::{
        accounting::record,
        enforce::{Enforcer, Enforcing, Order, Outcome, Stay},
        nas::{self, Disconnect, NasSettings, NasSpec},
        online, outbox,
        report::{Report, Status},
    },
    visit,
};
use gatehouse_model::{AccountId, EndedWhy, Millis, Paging, Secret};
use gatehouse_store::{job, radius_outbox, visit::VisitRow};
use gatehouse_testkit::{TestApp, app::START};

use crate::radius::{Fake, concentrator, counted, door, door as door_of, group, report, user};

const KIND: &str = "radius.disconnect";

async fn newest(app: &TestApp) -> anyhow::Result<VisitRow> {
    Ok(visit::list(&app.operator(), None, false, None, 1).await?.remove(0))
}

async fn cut(app: &App, account: AccountId, why: EndedWhy) -> anyhow::Result<()> {
    let mut tx = app.db().begin().await?;
    outbox::disconnect_account(&mut tx, app.now(), account, why).await?;
    Ok(tx.commit().await?)
}

async fn jobs(app: &App) -> anyhow::Result<i64> {
    Ok(job::count(&mut app.db().read(), KIND, Millis(0)).await?.0)
}

async fn alarms(app: &TestApp) -> anyhow::Result<usize> {
    Ok(audit::list(&app.operator(), None, Some("radius.session.still_open"), 100).await?.len())
}

async fn online(app: &TestApp) -> anyhow::Result<Vec<String>> {
    let all = Paging { limit: 100, offset: 0, is_descending: true };
    Ok(online::list(&app.operator(), "/", all).await?.rows.into_iter().map(|row| row.login).collect())
}

/// A user who is in, with one session of this name.
async fn inside(app: &TestApp, login: &str, settings: NasSettings) -> anyhow::Result<AccountId> {
    let nas = concentrator(app, settings).await?;
    let account = user(app, login, -1, None).await?;
    record(&door(&app.app), &nas, &report(Status::Start, login, login)).await?;
    Ok(account)
}

both!(a_stay_ends_with_the_stop_that_follows_the_acknowledgement, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    let uma = inside(&app, "Uma", NasSettings::default()).await?;
    cut(&app.app, uma, EndedWhy::CredentialsChanged).await?;
    assert_eq!(online(&app).await?, [""; 0], "hidden at once");
    app.run_due_jobs().await?;
    let seen = fake.seen();
    let (stay, order) = &seen[0];
    assert!(seen.len() == 1 && matches!(order, Order::Disconnect));
    assert_eq!(
        (stay.session_id.as_slice(), stay.user_name.as_slice(), stay.login.as_str()),
        (&b"Uma"[..], &b"Uma"[..], "Uma")
    );
    assert_eq!(
        (stay.nas.name.as_str(), stay.nas_address, stay.calling_station.as_deref()),
        ("gate", crate::radius::SOURCE, Some("203.0.113.9"))
    );
    let nas = app.app.live().nas().entries[0].clone();
    app.advance(Duration::from_secs(1));
    record(&door(&app.app), &nas, &counted(Status::Stop, "Uma", "Uma", (1, 5, 5))).await?;
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    let visit = newest(&app).await?;
    assert_eq!((visit.ended_why.as_deref(), visit.up), (Some("credentials_changed"), 5));
    assert_eq!((jobs(&app.app).await?, fake.seen().len(), alarms(&app).await?), (0, 0, 0));
    Ok(())
});

both!(without_a_stop_it_ends_ten_seconds_after_the_acknowledgement, |engine| async {
    let app = TestApp::new(engine).await?;
    Fake::serve(&app.app, [Outcome::Ack]);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    app.advance(Duration::from_secs(5));
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    app.run_due_jobs().await?;
    app.advance(Duration::from_secs(9));
    app.run_due_jobs().await?;
    assert_eq!(newest(&app).await?.until_at, None);
    app.advance(Duration::from_secs(1));
    app.run_due_jobs().await?;
    let visit = newest(&app).await?;
    assert_eq!(
        (visit.until_at, visit.ended_why.as_deref()),
        (Some(START.plus(Duration::from_secs(5))), Some("kicked"))
    );
    assert_eq!(jobs(&app.app).await?, 0);
    Ok(())
});

both!(a_nas_that_acknowledges_and_goes_on_is_asked_again_and_reported, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack, Outcome::Ack, Outcome::Ack]);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    let nas = app.app.live().nas().entries[0].clone();
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    app.run_due_jobs().await?;
    app.advance(Duration::from_secs(5));
    record(&door(&app.app), &nas, &counted(Status::Interim, "uma", "uma", (5, 1, 1))).await?;
    app.advance(Duration::from_secs(5));
    app.run_due_jobs().await?;
    assert_eq!((fake.seen().len(), alarms(&app).await?), (2, 1));
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    assert!(newest(&app).await?.until_at.is_some());
    // It was not even impressed by that.
    app.advance(Duration::from_hours(1));
    record(&door(&app.app), &nas, &counted(Status::Interim, "uma", "uma", (3_620, 2, 2))).await?;
    assert_eq!(newest(&app).await?.until_at, None);
    app.run_due_jobs().await?;
    assert_eq!((fake.seen().len(), alarms(&app).await?), (1, 2));
    Ok(())
});

both!(what_the_nas_does_not_know_is_closed, |engine| async {
    let app = TestApp::new(engine).await?;
    Fake::serve(&app.app, [Outcome::Nak(503)]);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    cut(&app.app, uma, EndedWhy::Disabled).await?;
    app.run_due_jobs().await?;
    assert_eq!(newest(&app).await?.ended_why.as_deref(), Some("disabled"));
    assert_eq!(jobs(&app.app).await?, 0);
    Ok(())
});

both!(silence_is_answered_with_patience_an_alarm_and_the_truth, |engine| async {
    let app = TestApp::new(engine).await?;
    let outcomes =
        [Outcome::Silent, Outcome::Nak(506), Outcome::Silent, Outcome::Silent, Outcome::Nak(0), Outcome::Ack];
    let fake = Fake::serve(&app.app, outcomes);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    app.run_due_jobs().await?;
    for (pause, alarms_then, shown) in [(10, 0, 0), (20, 1, 1), (40, 1, 1), (80, 1, 1)] {
        app.advance(Duration::from_millis(pause * 1_000 - 1));
        fake.seen();
        app.run_due_jobs().await?;
        assert!(fake.seen().is_empty(), "not before {pause} s");
        app.advance(Duration::from_millis(1));
        app.run_due_jobs().await?;
        assert_eq!((fake.seen().len(), alarms(&app).await?), (1, alarms_then), "after {pause} s");
        assert_eq!(online(&app).await?.len(), shown, "after {pause} s");
    }
    let findings = doctor::examine(&app.operator()).await?;
    let told =
        findings.iter().find(|finding| finding.area == "radius" && finding.message.contains("should have ended"));
    assert!(told.is_some_and(|finding| finding.message.contains("nak 0")), "{findings:?}");
    // Somebody asks again: now, not in minutes.
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    app.run_due_jobs().await?;
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    assert!(newest(&app).await?.until_at.is_some());
    assert_eq!(jobs(&app.app).await?, 0);
    Ok(())
});

both!(a_wish_lapses_with_its_cause_but_not_the_wish_of_staff, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Silent, Outcome::Silent]);
    let (uma, ida) =
        (inside(&app, "uma", NasSettings::default()).await?, inside(&app, "ida", NasSettings::default()).await?);
    cut(&app.app, uma, EndedWhy::Disabled).await?;
    cut(&app.app, ida, EndedWhy::Kicked).await?;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 2);
    // Enabled again before anybody reached the NAS: as both have been all along.
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    let seen = fake.seen();
    assert_eq!(seen.iter().map(|(stay, _)| stay.login.as_str()).collect::<Vec<_>>(), ["ida"]);
    assert_eq!((online(&app).await?, jobs(&app.app).await?), (vec!["uma".to_owned()], 1));
    Ok(())
});

both!(only_a_process_with_the_door_takes_the_job_and_a_dead_one_loses_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    assert_eq!(app.run_due_jobs().await?, 0);
    let other = app.again().await?;
    let fake = Fake::serve(&other, [Outcome::Ack]);
    // It took the job and died before it could tell what came of it.
    let mut tx = app.app.db().begin().await?;
    let taken = job::claim(&mut tx, KIND, app.app.now(), app.app.now().plus(Duration::from_secs(30)), 10).await?;
    tx.commit().await?;
    assert_eq!(taken.len(), 1);
    assert_eq!(gatehouse_domain::job::run_due(&other).await?, 0);
    app.advance(Duration::from_secs(30));
    assert_eq!(gatehouse_domain::job::run_due(&other).await?, 1);
    assert_eq!(fake.seen().len(), 1);
    Ok(())
});

both!(a_nas_that_cannot_cut_is_left_alone_and_its_sessions_are_shown, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, []);
    let uma = inside(&app, "uma", NasSettings { disconnect: Disconnect::None, ..NasSettings::default() }).await?;
    cut(&app.app, uma, EndedWhy::Disabled).await?;
    app.run_due_jobs().await?;
    assert_eq!((online(&app).await?.len(), jobs(&app.app).await?, alarms(&app).await?), (1, 0, 0));
    change::set_enabled(&app.operator(), "uma", false, None).await?;
    app.run_due_jobs().await?;
    let nas = app.app.live().nas().entries[0].clone();
    record(&door(&app.app), &nas, &counted(Status::Interim, "uma", "uma", (60, 1, 1))).await?;
    assert_eq!((jobs(&app.app).await?, fake.seen().len()), (0, 0));
    Ok(())
});

both!(every_report_of_somebody_who_may_not_be_in_is_a_cause, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    inside(&app, "uma", NasSettings::default()).await?;
    // Behind our back, so that nothing but the report tells.
    app.execute("UPDATE vpn_group_live SET is_enabled = FALSE WHERE id = -100").await?;
    let nas = app.app.live().nas().entries[0].clone();
    for seconds in [60, 120] {
        record(&door(&app.app), &nas, &counted(Status::Interim, "uma", "uma", (seconds, 1, 1))).await?;
    }
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 1);
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    assert_eq!(newest(&app).await?.ended_why.as_deref(), Some("disabled"));
    Ok(())
});

both!(a_pass_that_expires_ends_its_stay, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, Some(START.plus(Duration::from_mins(1)).0)).await?;
    user(&app, "ida", -1, Some(START.plus(Duration::from_mins(9)).0)).await?;
    for login in ["uma", "ida"] {
        record(&door(&app.app), &nas, &report(Status::Start, login, login)).await?;
    }
    app.advance(Duration::from_secs(59));
    app.run_due_periodic().await?;
    assert_eq!(app.run_due_jobs().await?, 0);
    app.advance(Duration::from_secs(1));
    app.run_due_periodic().await?;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().iter().map(|(stay, _)| stay.login.as_str()).collect::<Vec<_>>(), ["uma"]);
    app.advance(Duration::from_secs(10));
    app.run_due_periodic().await?;
    app.run_due_jobs().await?;
    let ended = visit::list(&app.operator(), None, false, Some("uma"), 1).await?;
    assert_eq!(ended[0].ended_why.as_deref(), Some("expired"));
    Ok(())
});

both!(a_disabled_group_ends_the_stays_of_everybody_below_it, |engine| async {
    let app = TestApp::new(engine).await?;
    Fake::serve(&app.app, []);
    let nas = concentrator(&app, NasSettings::default()).await?;
    group(&app, 5, -100, "/a").await?;
    group(&app, 6, 5, "/a/b").await?;
    group(&app, 7, -100, "/ab").await?;
    let mut all = Vec::new();
    for (login, of) in [("in-a", 5), ("in-b", 6), ("in-ab", 7)] {
        all.push(user(&app, login, of, None).await?);
        record(&door(&app.app), &nas, &report(Status::Start, login, login)).await?;
    }
    let mut tx = app.app.db().begin().await?;
    assert_eq!(outbox::disconnect_below_group(&mut tx, app.app.now(), "/a", EndedWhy::Disabled).await?, 2);
    tx.commit().await?;
    assert_eq!(online(&app).await?, ["in-ab"]);
    let mut tx = app.app.db().begin().await?;
    assert_eq!(outbox::change_accounts(&mut tx, app.app.now(), &all).await?, 1, "who is being put out is left alone");
    tx.commit().await?;
    Ok(())
});

both!(a_change_is_sent_and_becomes_a_cut_where_it_is_refused, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack, Outcome::Nak(402), Outcome::Ack]);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    for _ in 0..2 {
        let mut tx = app.app.db().begin().await?;
        outbox::change_account(&mut tx, app.app.now(), uma).await?;
        tx.commit().await?;
        app.run_due_jobs().await?;
    }
    let orders: Vec<_> = fake.seen().into_iter().map(|(_, order)| order).collect();
    assert!(
        matches!(&orders[..], [Order::Change(_), Order::Change(grant), Order::Disconnect] if grant.terms.account == uma),
        "{orders:?}"
    );
    assert_eq!(job::count(&mut app.app.db().read(), "radius.change", Millis(0)).await?.0, 0);
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    assert_eq!(newest(&app).await?.ended_why.as_deref(), Some("policy_changed"));
    Ok(())
});

both!(a_change_asked_for_while_one_is_under_way_is_sent_too, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack, Outcome::Ack]);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    let mut tx = app.app.db().begin().await?;
    outbox::change_account(&mut tx, app.app.now(), uma).await?;
    let taken =
        job::claim(&mut tx, "radius.change", app.app.now(), app.app.now().plus(Duration::from_secs(30)), 10).await?;
    tx.commit().await?;
    let mut tx = app.app.db().begin().await?;
    outbox::change_account(&mut tx, app.app.now(), uma).await?;
    assert_eq!(job::finish(&mut tx, taken[0].id, taken[0].attempts).await?, 0, "the first is not the last");
    tx.commit().await?;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 1);
    Ok(())
});

both!(staff_end_a_stay_by_its_public_name, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, [Outcome::Ack]);
    inside(&app, "uma", NasSettings::default()).await?;
    let uuid = newest(&app).await?.uuid;
    visit::end(&app.operator(), &uuid).await?;
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 1);
    let mut tx = app.app.db().begin().await?;
    let visit = gatehouse_store::visit_radius::find_by_uuid(&mut tx, &uuid).await?.expect("it is there");
    let attempts = radius_outbox::list_attempts(&mut tx, visit.id, "disconnect", Millis(0), 10).await?;
    assert_eq!(attempts.iter().map(|attempt| attempt.outcome.as_str()).collect::<Vec<_>>(), ["ack"]);
    Ok(())
});

both!(the_first_packet_leaves_within_a_second, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, []);
    let uma = inside(&app, "uma", NasSettings::default()).await?;
    app.app.start("test").await?;
    let asked = std::time::Instant::now();
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    while fake.seen().is_empty() {
        assert!(asked.elapsed() < Duration::from_secs(1), "no packet within a second");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.app.shutdown().cancel();
    app.app.tracker().close();
    app.app.tracker().wait().await;
    app.app.stop().await?;
    Ok(())
});

/// A door of which one NAS never answers.
#[derive(Debug, Default)]
struct Stuck(Mutex<Vec<String>>);

impl Enforcer for Stuck {
    fn enforce(&self, stay: Stay, _order: Order) -> Enforcing {
        let is_stuck = stay.login == "stuck";
        self.0.lock().unwrap().push(stay.login);
        Box::pin(async move { if is_stuck { std::future::pending().await } else { Outcome::Nak(503) } })
    }
}

both!(a_nas_that_does_not_answer_delays_nobody_else, |engine| async {
    let app = TestApp::new(engine).await?;
    let door = Arc::new(Stuck::default());
    app.app.serve_enforcer(door.clone());
    let stuck = inside(&app, "stuck", NasSettings::default()).await?;
    let nas = app.app.live().nas().entries[0].clone();
    for n in 0..60 {
        record(&door_of(&app.app), &nas, &report(Status::Start, &n.to_string(), "stuck")).await?;
    }
    let spec = NasSpec {
        name: "another".into(),
        network: "198.51.100.0/24".parse()?,
        secret: Secret::new("another secret of the tests"),
        coa_secret: None,
        settings: NasSettings::default(),
    };
    nas::save(&app.operator(), &spec).await?;
    app.app.live().refresh(&app.app).await?;
    let source = "198.51.100.1".parse()?;
    let another = app.app.live().nas().find(source).cloned().expect("it is there");
    let uma = user(&app, "uma", -1, None).await?;
    record(&door_of(&app.app), &another, &Report { source, ..report(Status::Start, "uma", "uma") }).await?;
    app.app.start("test").await?;
    cut(&app.app, stuck, EndedWhy::Kicked).await?;
    cut(&app.app, uma, EndedWhy::Kicked).await?;
    let asked = std::time::Instant::now();
    let is_asked = |login: &str| door.0.lock().unwrap().iter().any(|asked| asked == login);
    while !is_asked("stuck") || !is_asked("uma") {
        assert!(asked.elapsed() < Duration::from_secs(1), "no packet within a second");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while jobs(&app.app).await? > 61 {
        assert!(asked.elapsed() < Duration::from_secs(5), "what was answered is not done");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.app.shutdown().cancel();
    app.app.tracker().close();
    app.app.tracker().wait().await;
    // Its round was broken off: it is begun again when the lease is over, by whoever serves the door then.
    let other = app.again().await?;
    let fake = Fake::serve(&other, []);
    app.advance(Duration::from_secs(30));
    gatehouse_domain::job::run_due(&other).await?;
    assert_eq!(fake.seen().iter().filter(|(stay, _)| stay.login == "stuck").count(), 61);
    let most = door.0.lock().unwrap().iter().filter(|login| *login == "stuck").count();
    assert!(most <= 32, "one NAS takes {most} of all there is");
    Ok(())
});

both!(killed_users_are_hidden_at_once_and_count_as_online_for_a_minute, |engine| async {
    let app = TestApp::new(engine).await?;
    Fake::serve(&app.app, [Outcome::Ack]);
    inside(&app, "uma", NasSettings::default()).await?;
    app.app.start("test").await?;
    let names = ["UMA", "nobody", "uma"].map(str::to_owned);
    let asked = std::time::Instant::now();
    assert_eq!(online::kill(&app.operator(), &names).await?, 1);
    assert!(asked.elapsed() < Duration::from_millis(1_900), "the confirmation is enough");
    assert_eq!(online(&app).await?, [""; 0]);
    app.app.shutdown().cancel();
    app.app.tracker().close();
    app.app.tracker().wait().await;
    app.advance(Duration::from_secs(10));
    app.run_due_jobs().await?;
    assert!(newest(&app).await?.until_at.is_some());
    app.advance(Duration::from_secs(49));
    assert_eq!(online::kill(&app.operator(), &names).await?, 1);
    app.advance(Duration::from_secs(2));
    assert_eq!(online::kill(&app.operator(), &names).await?, 0);
    Ok(())
});

both!(the_online_list_shows_a_group_with_its_sub_tree_newest_first, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    group(&app, 5, -100, "/a").await?;
    group(&app, 6, 5, "/a/b").await?;
    let ctx = door(&app.app);
    for (login, of) in [("one", 5), ("two", -1), ("three", 6)] {
        user(&app, login, of, None).await?;
        record(&ctx, &nas, &report(Status::Start, login, login)).await?;
        app.advance(Duration::from_secs(1));
    }
    let mut moved = counted(Status::Interim, "one", "one", (60, 6_000, 60_000));
    moved.framed_ip = Some("10.9.0.2".parse()?);
    app.advance(Duration::from_secs(61));
    record(&ctx, &nas, &moved).await?;
    let page = |limit, offset| Paging { limit, offset, is_descending: true };
    let all = online::list(&app.operator(), "/", page(2, 0)).await?;
    assert_eq!((all.total, all.rows[0].login.as_str(), all.rows[1].login.as_str()), (3, "three", "two"));
    let below = online::list(&app.operator(), "/a", page(10, 1)).await?;
    let one = &below.rows[0];
    assert_eq!((below.total, below.rows.len(), one.login.as_str(), one.path.as_str()), (2, 1, "one", "/a"));
    assert_eq!((one.up, one.down, one.rate_up, one.rate_down), (6_000, 60_000, 100, 1_000));
    assert_eq!((one.tunnel_address.as_deref(), one.from_address.as_deref()), (Some("10.9.0.2"), Some("203.0.113.9")));
    assert_eq!((one.duration, one.key.len()), (Duration::from_secs(64), 16));
    assert!(one.key.chars().all(|c| c.is_ascii_hexdigit()));
    assert!(online::list(&app.operator(), "/nowhere", page(1, 0)).await.is_err());
    Ok(())
});
