//! Accounting: what stays of a session however its reports come.

use std::time::Duration;

use gatehouse_domain::{
    account::change,
    job,
    radius::{
        accounting::record,
        nas::{Gigawords, NasSettings, OnDeniedStart},
        outbox,
        report::{Counter, Reply, Report, Status},
    },
    visit,
};
use gatehouse_model::EndedWhy;
use gatehouse_store::visit::VisitRow;
use gatehouse_testkit::{TestApp, app::START};

use crate::radius::{Fake, concentrator, counted, door, report, user};

async fn visits(app: &TestApp) -> anyhow::Result<Vec<VisitRow>> {
    Ok(visit::list(&app.operator(), None, false, None, 100).await?)
}

fn why(visit: &VisitRow) -> Option<EndedWhy> {
    visit.ended_why.as_deref().and_then(EndedWhy::parse)
}

both!(a_session_counts_once_however_often_it_is_told, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    for _ in 0..3 {
        assert_eq!(record(&ctx, &nas, &report(Status::Start, "s1", "Uma")).await?, Reply::Acknowledge);
    }
    app.advance(Duration::from_mins(1));
    for _ in 0..2 {
        record(&ctx, &nas, &counted(Status::Interim, "s1", "Uma", (60, 600, 6_000))).await?;
    }
    let open = visits(&app).await?;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].account_id, open[0].login.as_str()), (Some(uma), "uma"));
    assert_eq!((open[0].door.as_str(), open[0].node_name.as_deref()), ("radius", Some("gate")));
    assert_eq!((open[0].up, open[0].down, open[0].until_at), (600, 6_000, None));
    assert_eq!((open[0].since_at, open[0].from_address.as_deref()), (START, Some("203.0.113.9")));
    app.advance(Duration::from_secs(30));
    // Late, and in the wrong order.
    record(&ctx, &nas, &counted(Status::Interim, "s1", "Uma", (30, 300, 3_000))).await?;
    assert_eq!(visits(&app).await?[0].up, 600, "totals never fall");
    for _ in 0..2 {
        let mut stop = counted(Status::Stop, "s1", "Uma", (90, 700, 7_000));
        stop.terminate_cause = Some(4);
        assert_eq!(record(&ctx, &nas, &stop).await?, Reply::Acknowledge);
        app.advance(Duration::from_secs(1));
    }
    record(&ctx, &nas, &counted(Status::Interim, "s1", "Uma", (60, 600, 6_000))).await?;
    let closed = visits(&app).await?;
    assert_eq!((closed.len(), closed[0].up, closed[0].down), (1, 700, 7_000));
    assert_eq!(
        (closed[0].until_at, why(&closed[0])),
        (Some(START.plus(Duration::from_secs(90))), Some(EndedWhy::Idle))
    );
    Ok(())
});

both!(a_session_whose_start_was_lost_opens_from_what_is_told_of_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    record(&ctx, &nas, &counted(Status::Interim, "a", "uma", (3_600, 1, 2))).await?;
    let mut stop = counted(Status::Stop, "b", "uma", (60, 0, 0));
    stop.input = Counter { octets: Some(u32::MAX), gigawords: Some(1), packets: None };
    stop.delay = Some(5);
    record(&ctx, &nas, &stop).await?;
    record(&ctx, &nas, &stop).await?;
    // The Start arrives after all, by a clock that can be believed.
    let mut start = report(Status::Start, "b", "uma");
    start.event_timestamp = Some(u32::try_from(START.0 / 1_000 - 65)?);
    record(&ctx, &nas, &start).await?;
    let visits = visits(&app).await?;
    assert_eq!(visits.len(), 2);
    assert_eq!((visits[1].since_at, visits[1].until_at), (START.minus(Duration::from_hours(1)), None));
    assert_eq!((visits[0].up, visits[0].until_at), (8_589_934_591, Some(START.minus(Duration::from_secs(5)))));
    assert_eq!(visits[0].since_at, START.minus(Duration::from_secs(65)));
    Ok(())
});

both!(counters_of_32_bits_are_followed_around_unless_gigawords_are_sent, |engine| async {
    let app = TestApp::new(engine).await?;
    let settings = NasSettings { gigawords: Gigawords::Ignore, ..NasSettings::default() };
    let nas = concentrator(&app, settings).await?;
    let ctx = door(&app.app);
    record(&ctx, &nas, &counted(Status::Interim, "s", "x", (60, 4_000_000_000, 10))).await?;
    let mut wrapped = counted(Status::Interim, "s", "x", (120, 1_000, 20));
    wrapped.input.gigawords = Some(7);
    record(&ctx, &nas, &wrapped).await?;
    record(&ctx, &nas, &wrapped).await?;
    assert_eq!(visits(&app).await?[0].up, (1 << 32) + 1_000);
    let nas = concentrator(&app, NasSettings::default()).await?;
    record(&ctx, &nas, &counted(Status::Interim, "t", "x", (60, 4_000_000_000, 10))).await?;
    let mut exact = counted(Status::Interim, "t", "x", (120, 5, 20));
    exact.input.gigawords = Some(2);
    record(&ctx, &nas, &exact).await?;
    // Zero octets and no Gigawords: the NAS left them out.
    record(&ctx, &nas, &counted(Status::Stop, "t", "x", (180, 0, 20))).await?;
    assert_eq!(visits(&app).await?[0].up, (2 << 32) + 5);
    Ok(())
});

both!(a_silent_session_is_closed_at_its_last_report_and_comes_back, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let ctx = door(&app.app);
    record(&ctx, &nas, &report(Status::Start, "s", "x")).await?;
    app.advance(Duration::from_mins(1));
    record(&ctx, &nas, &counted(Status::Interim, "s", "x", (60, 10, 10))).await?;
    app.advance(Duration::from_secs(179));
    app.run_due_periodic().await?;
    assert_eq!(visits(&app).await?[0].until_at, None);
    app.advance(Duration::from_secs(11));
    app.run_due_periodic().await?;
    let closed = visits(&app).await?;
    assert_eq!(
        (closed[0].until_at, why(&closed[0])),
        (Some(START.plus(Duration::from_mins(1))), Some(EndedWhy::Stale))
    );
    record(&ctx, &nas, &counted(Status::Interim, "s", "x", (250, 20, 20))).await?;
    let open = visits(&app).await?;
    assert_eq!((open.len(), open[0].until_at, open[0].up), (1, None, 20));
    app.advance(Duration::from_mins(5));
    app.run_due_periodic().await?;
    record(&ctx, &nas, &counted(Status::Stop, "s", "x", (260, 30, 30))).await?;
    let ended = visits(&app).await?;
    assert_eq!(
        (ended.len(), ended[0].up, why(&ended[0])),
        (1, 30, Some(EndedWhy::Closed)),
        "its Stop came all the same"
    );
    Ok(())
});

both!(a_key_that_is_used_again_is_another_session, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let ctx = door(&app.app);
    record(&ctx, &nas, &report(Status::Start, "1", "x")).await?;
    app.advance(Duration::from_mins(2));
    record(&ctx, &nas, &counted(Status::Stop, "1", "x", (120, 100, 100))).await?;
    app.advance(Duration::from_secs(1));
    record(&ctx, &nas, &report(Status::Start, "1", "x")).await?;
    record(&ctx, &nas, &report(Status::Start, "1", "x")).await?;
    assert_eq!(visits(&app).await?.len(), 2);
    // The NAS lost its power, and begins to count anew: the same user, then another one.
    app.advance(Duration::from_mins(30));
    record(&ctx, &nas, &counted(Status::Interim, "1", "x", (1_800, 500, 500))).await?;
    app.advance(Duration::from_mins(10));
    record(&ctx, &nas, &counted(Status::Interim, "1", "x", (60, 5, 5))).await?;
    record(&ctx, &nas, &report(Status::Start, "1", "y")).await?;
    app.advance(Duration::from_mins(1));
    record(&ctx, &nas, &counted(Status::Interim, "1", "Y", (60, 7, 7))).await?;
    let visits = visits(&app).await?;
    let seen: Vec<_> = visits.iter().rev().map(|visit| (visit.login.as_str(), visit.up, why(visit))).collect();
    let stale = Some(EndedWhy::Stale);
    assert_eq!(
        seen,
        [("x", 100, Some(EndedWhy::Closed)), ("x", 500, stale), ("x", 5, stale), ("y", 7, None)],
        "another spelling is no other session"
    );
    Ok(())
});

both!(a_nas_that_restarts_ends_its_own_sessions_and_no_others, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let ctx = door(&app.app);
    record(&ctx, &nas, &report(Status::Start, "1", "x")).await?;
    record(&ctx, &nas, &Report { source: "192.0.2.11".parse()?, ..report(Status::Start, "2", "x") }).await?;
    app.advance(Duration::from_secs(5));
    let on = Report::new(Status::On, "192.0.2.10".parse()?, "");
    record(&ctx, &nas, &on).await?;
    app.advance(Duration::from_secs(5));
    record(&ctx, &nas, &report(Status::Start, "3", "x")).await?;
    // Repeated, since its answer was lost.
    record(&ctx, &nas, &Report { delay: Some(5), ..on }).await?;
    let visits = visits(&app).await?;
    let ended: Vec<_> = visits.iter().rev().map(why).collect();
    assert_eq!(ended, [Some(EndedWhy::NasReboot), None, None]);
    assert_eq!(visits[2].until_at, Some(START.plus(Duration::from_secs(5))));
    Ok(())
});

both!(the_clock_of_a_nas_is_believed_within_a_day, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let ctx = door(&app.app);
    let now = u32::try_from(START.0 / 1_000)?;
    for (session, stamp) in [("near", now - 80_000), ("far", now - 90_000), ("never", 0)] {
        let start = Report { event_timestamp: Some(stamp), delay: Some(7), ..report(Status::Start, session, "x") };
        record(&ctx, &nas, &start).await?;
    }
    let visits = visits(&app).await?;
    let since: Vec<_> = visits.iter().rev().map(|visit| START.0 - visit.since_at.0).collect();
    assert_eq!(since, [80_000_000, 7_000, 7_000]);
    Ok(())
});

both!(names_that_are_nobodys_are_recorded_and_those_we_let_in_are_known, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    let mut odd = report(Status::Start, "1", "");
    odd.user_name = b"no\xffbo\0dy".to_vec();
    odd.connect_info = Some("a\0b".into());
    odd.session_id = b"\0\xff".to_vec();
    record(&ctx, &nas, &odd).await?;
    let by_class = Report {
        classes: vec![b"OU=x".to_vec(), format!("gh1:vpn:{uma}:0123456789abcdef").into_bytes()],
        ..report(Status::Start, "2", "outer identity")
    };
    record(&ctx, &nas, &by_class).await?;
    // An administrator of the box itself, who happens to be called as ours.
    record(&ctx, &nas, &report(Status::Start, "3", "admin")).await?;
    assert_eq!(app.run_due_jobs().await?, 0, "nobody is cut whom we do not know");
    let visits = visits(&app).await?;
    assert_eq!(visits.iter().rev().map(|visit| visit.account_id).collect::<Vec<_>>(), [None, Some(uma), None]);
    assert_eq!((visits[1].login.as_str(), visits[2].login.as_str()), ("uma", "no\u{fffd}bo\u{fffd}dy"));
    Ok(())
});

both!(a_start_of_somebody_who_may_not_be_in_is_cut_or_refused, |engine| async {
    let app = TestApp::new(engine).await?;
    let fake = Fake::serve(&app.app, []);
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    change::set_enabled(&app.operator(), "uma", false, None).await?;
    app.run_due_jobs().await?;
    let ctx = door(&app.app);
    assert_eq!(record(&ctx, &nas, &report(Status::Start, "1", "uma")).await?, Reply::Acknowledge);
    app.run_due_jobs().await?;
    assert_eq!(fake.seen().len(), 1);
    let silent = NasSettings { on_denied_start: Some(OnDeniedStart::Silent), ..NasSettings::default() };
    let nas = concentrator(&app, silent).await?;
    for _ in 0..3 {
        assert_eq!(record(&ctx, &nas, &report(Status::Start, "2", "uma")).await?, Reply::Silent);
        app.advance(Duration::from_secs(3));
    }
    let refused = visits(&app).await?;
    assert_eq!(refused.len(), 2);
    assert_eq!((refused[0].until_at, why(&refused[0])), (Some(refused[0].since_at), Some(EndedWhy::Disabled)));
    // It let him in all the same.
    fake.seen();
    assert_eq!(record(&ctx, &nas, &counted(Status::Interim, "2", "uma", (60, 1, 1))).await?, Reply::Acknowledge);
    app.run_due_jobs().await?;
    let seen = fake.seen();
    assert!(seen.iter().any(|(stay, _)| stay.session_id == b"2"), "{seen:?}");
    Ok(())
});

both!(the_same_start_in_two_processes_opens_one_session, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    let other = app.again().await?;
    let mut told = tokio::task::JoinSet::new();
    for n in 0..16_u32 {
        let (ctx, nas) = (door(if n % 2 == 0 { &app.app } else { &other }), nas.clone());
        told.spawn(async move { record(&ctx, &nas, &report(Status::Start, "s", "uma")).await });
    }
    for reply in told.join_all().await {
        assert_eq!(reply?, Reply::Acknowledge);
    }
    assert_eq!(visits(&app).await?.len(), 1);
    // Interims of one moment in both: the highest stays.
    app.advance(Duration::from_mins(1));
    let mut told = tokio::task::JoinSet::new();
    for n in 0..16_u32 {
        let (ctx, nas) = (door(if n % 2 == 0 { &app.app } else { &other }), nas.clone());
        let interim = counted(Status::Interim, "s", "uma", (60 + n, 100 + n, 100));
        told.spawn(async move { record(&ctx, &nas, &interim).await });
    }
    for reply in told.join_all().await {
        reply?;
    }
    assert_eq!(visits(&app).await?[0].up, 115);
    Ok(())
});

both!(a_report_that_was_cut_off_leaves_nothing_or_all_of_it, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    user(&app, "uma", -1, None).await?;
    let ctx = door(&app.app);
    for micros in [0, 50, 200, 400, 800, 1_600, 3_200] {
        let session = format!("s{micros}");
        let start = report(Status::Start, &session, "uma");
        // As a process that dies in the middle.
        drop(tokio::time::timeout(Duration::from_micros(micros), record(&ctx, &nas, &start)).await);
        assert_eq!(record(&ctx, &nas, &start).await?, Reply::Acknowledge);
        let stop = counted(Status::Stop, &session, "uma", (1, 10, 10));
        drop(tokio::time::timeout(Duration::from_micros(micros), record(&ctx, &nas, &stop)).await);
        assert_eq!(record(&ctx, &nas, &stop).await?, Reply::Acknowledge);
    }
    let visits = visits(&app).await?;
    assert_eq!(visits.len(), 7);
    assert!(visits.iter().all(|visit| visit.up == 10 && visit.until_at.is_some()));
    Ok(())
});

both!(reports_disconnects_and_stops_of_many_at_once_lose_nothing, |engine| async {
    let app = TestApp::new(engine).await?;
    let nas = concentrator(&app, NasSettings::default()).await?;
    let uma = user(&app, "uma", -1, None).await?;
    let other = app.again().await?;
    let (fake, _others) = (Fake::serve(&app.app, []), Fake::serve(&other, []));
    for n in 0..20 {
        record(&door(&app.app), &nas, &report(Status::Start, &n.to_string(), "uma")).await?;
    }
    app.advance(Duration::from_mins(5));
    // One round before the others: which of those find a stay that is still open is left to chance.
    let mut tx = app.app.db().begin().await?;
    outbox::disconnect_account(&mut tx, app.app.now(), uma, EndedWhy::Kicked).await?;
    tx.commit().await?;
    job::run_due(&app.app).await?;
    assert_eq!(fake.seen().len(), 20);
    let mut told = tokio::task::JoinSet::new();
    for n in 0..160_u32 {
        let (process, nas) = (if n % 2 == 0 { app.app.clone() } else { other.clone() }, nas.clone());
        told.spawn(async move {
            if n % 20 == 0 {
                let mut tx = process.db().begin().await?;
                outbox::disconnect_account(&mut tx, process.now(), uma, EndedWhy::Kicked).await?;
                tx.commit().await?;
                job::run_due(&process).await?;
            }
            let status = if n < 140 { Status::Interim } else { Status::Stop };
            let octets = 1_000 * (n / 20 + 1);
            record(
                &door(&process),
                &nas,
                &counted(status, &(n % 20).to_string(), "uma", (octets / 100, octets, octets)),
            )
            .await
        });
    }
    for reply in told.join_all().await {
        assert_eq!(reply?, Reply::Acknowledge);
    }
    let visits = visits(&app).await?;
    assert_eq!(visits.len(), 20);
    assert!(visits.iter().all(|visit| visit.up == 8_000), "{visits:?}");
    Ok(())
});
