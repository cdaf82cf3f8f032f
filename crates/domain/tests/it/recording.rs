//! Recordings of terminals, from the first event to their deletion.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use futures_util::StreamExt as _;
use gatehouse_domain::{
    Actor, App, Ctx, Error, Settings, Via, audit,
    bastion::terminal::Size,
    doctor,
    recording::{self, NewRecording, Purpose, Recorder, Verdict, Watched},
    settings::RecordingMode,
};
use gatehouse_model::{AccountId, ByteSize, Origin, Span};
use gatehouse_store::recording as rows;
use gatehouse_testkit::TestApp;
use uuid::Uuid;

const SIZE: Size = Size { cols: 80, rows: 24 };

/// A visit through the ssh door, as its owner writes it.
async fn visit(test: &TestApp) -> anyhow::Result<Uuid> {
    let visit = test.app.random().uuid();
    let now = test.app.now().0;
    test.execute(&format!(
        "INSERT INTO visit (uuid, door, account_id, login, process_id, since_at, seen_at) \
         VALUES ('{visit}', 'ssh', 1, 'administrator', {}, {now}, {now})",
        test.app.process_id()
    ))
    .await?;
    Ok(visit)
}

fn new(visit: Uuid, mode: RecordingMode) -> NewRecording {
    NewRecording { visit, size: SIZE, term: "xterm".to_owned(), title: "a title".to_owned(), mode, input: false }
}

async fn begin(test: &TestApp) -> anyhow::Result<(Uuid, Recorder)> {
    let visit = visit(test).await?;
    Ok((visit, recording::start(&test.app, new(visit, RecordingMode::Strict)).await?))
}

async fn row(app: &App, visit: Uuid) -> rows::RecordingRow {
    rows::find(&mut app.db().read(), &visit.to_string()).await.unwrap().expect("a recording")
}

async fn file(test: &TestApp, visit: Uuid) -> PathBuf {
    test.dir().join("recordings").join(row(&test.app, visit).await.path)
}

async fn play(ctx: &Ctx, visit: Uuid) -> anyhow::Result<String> {
    let mut stream = Box::pin(recording::play(ctx, &visit.to_string(), Purpose::Replay).await?.stream(0..u64::MAX));
    let mut played = Vec::new();
    while let Some(piece) = stream.next().await {
        played.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(played)?)
}

/// Somebody with some codes.
fn staff(app: &App, codes: &[&str]) -> Ctx {
    let codes: BTreeSet<String> = codes.iter().map(|code| (*code).to_owned()).collect();
    let (login, name) = ("auditor".to_owned(), Some("Ann".to_owned()));
    app.ctx(Actor::Account { id: AccountId(1), login, name, codes, via: Via::Door }, Origin::Bastion)
}

/// The audit rows of an action, oldest first: outcome and detail.
async fn trail(test: &TestApp, action: &str) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let rows = audit::list(&test.operator(), None, Some(action), 100).await?;
    Ok(rows.into_iter().rev().map(|row| (row.outcome, row.detail)).collect())
}

both!(a_session_is_recorded_and_plays_as_it_was, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    assert!(recorder.is_recording());
    recorder.output("登录\r\n$ ".as_bytes())?;
    test.advance(Duration::from_millis(1_250));
    recorder.input(b"secret")?;
    recorder.resize(Size { cols: 132, rows: 43 })?;
    recorder.marker("idle warning")?;
    recorder.output(b"\xffbye \x1b[0m\"\\\"")?;
    let summary = recorder.finish().await?;
    assert_eq!((summary.records, summary.duration, summary.is_complete), (2, Duration::from_millis(1_250), true));
    let wanted = concat!(
        r#"{"env":{"TERM":"xterm"},"height":24,"timestamp":1767225600,"title":"a title","version":2,"width":80}"#,
        "\n[0.000,\"o\",\"登录\\r\\n$ \"]\n[1.250,\"r\",\"132x43\"]\n[1.250,\"m\",\"idle warning\"]\n",
        "[1.250,\"o\",\"\u{fffd}bye \\u001b[0m\\\"\\\\\\\"\"]\n"
    );
    assert_eq!(play(&staff(&test.app, &["audit.session.replay"]), visit).await?, wanted);
    let row = row(&test.app, visit).await;
    assert_eq!((row.state.as_str(), row.records, row.duration), ("complete", 2, 1_250));
    assert_eq!(row.path, format!("2026/01/{visit}.gwr"));
    let file = file(&test, visit).await;
    assert_eq!(std::fs::metadata(&file)?.len(), summary.bytes);
    assert!(!std::fs::read(&file)?.windows(5).any(|part| part == b"title"), "nothing of it stands in clear");
    let chain = hex::encode(row.chain.unwrap_or_default());
    let detail = format!(r#"{{"records":2,"bytes":{},"duration":1250,"chain":"{chain}","end":true}}"#, summary.bytes);
    assert_eq!(trail(&test, "recording.chain").await?, [("complete".to_owned(), Some(detail))]);
    assert_eq!(recording::last_moment(&test.app, visit).await?, Some(row.created_at.plus(summary.duration)));
    assert_eq!(recording::verify(&test.app, visit).await?, Verdict::Holds { records: 2 });
    Ok(())
});

both!(records_close_by_time_and_a_chain_value_is_noted_every_minute, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    recorder.output(b"one")?;
    test.advance(Duration::from_millis(999));
    recording::tick(&test.app).await;
    let ctx = staff(&test.app, &["audit.session.replay"]);
    assert!(!play(&ctx, visit).await?.contains("one"), "its second is not over");
    test.advance(Duration::from_millis(1));
    recording::tick(&test.app).await;
    assert!(play(&ctx, visit).await?.contains("one"), "a running session plays to its last record");
    assert_eq!(trail(&test, "recording.chain").await?, []);
    test.advance(Duration::from_secs(58));
    recording::tick(&test.app).await;
    let noted = trail(&test, "recording.chain").await?;
    assert!(
        noted.len() == 1 && noted[0].1.as_ref().is_some_and(|detail| detail.contains("\"end\":false")),
        "{noted:?}"
    );
    assert_eq!((row(&test.app, visit).await.records, row(&test.app, visit).await.state.as_str()), (2, "open"));
    test.advance(Duration::from_mins(2));
    recording::tick(&test.app).await;
    assert_eq!(trail(&test, "recording.chain").await?.len(), 1, "an idle session has nothing to note");
    assert_eq!(recording::verify(&test.app, visit).await?, Verdict::Holds { records: 2 });
    recorder.output(b"two")?;
    // Dropped, as when the task of a terminal dies.
    drop(recorder);
    recording::tick(&test.app).await;
    assert_eq!(row(&test.app, visit).await.state, "complete");
    assert!(play(&ctx, visit).await?.contains("two"));
    Ok(())
});

both!(after_a_crash_a_recording_plays_to_its_last_record_and_is_closed, |engine| async {
    let test = TestApp::new(engine).await?;
    test.execute("INSERT INTO process (name, started_at, seen_at) VALUES ('dead', 1, 1)").await?;
    let (visit, mut recorder) = begin(&test).await?;
    test.execute(&format!("UPDATE visit SET process_id = 1 WHERE uuid = '{visit}'")).await?;
    for n in 0..5 {
        recorder.output(format!("part {n}").as_bytes())?;
        test.advance(Duration::from_secs(2));
        recording::tick(&test.app).await;
    }
    // Killed while it wrote the sixth record.
    std::mem::forget(recorder);
    let path = file(&test, visit).await;
    let bytes = std::fs::read(&path)?;
    std::fs::write(&path, &bytes[..bytes.len() - 7])?;
    let other = test.again().await?;
    test.advance(Duration::from_secs(30));
    assert_eq!(recording::recover(&other).await?, 0, "its process is not known to be dead");
    test.execute(&format!(
        "UPDATE process SET ended_at = 5; UPDATE visit SET until_at = seen_at, ended_why = 'lost' WHERE uuid = '{visit}'"
    ))
    .await?;
    assert_eq!(recording::recover(&other).await?, 1);
    assert_eq!(recording::recover(&other).await?, 0);
    let row = row(&other, visit).await;
    assert_eq!((row.state.as_str(), row.records, row.duration), ("interrupted", 5, 6_000));
    let played = play(&staff(&other, &["audit.session.replay"]), visit).await?;
    assert!(played.contains("part 3") && !played.contains("part 4"), "{played}");
    let ended = gatehouse_domain::visit::list(&test.operator(), None, false, None, 10).await?;
    assert_eq!(ended[0].until_at, Some(row.created_at.plus(Duration::from_secs(6))), "the last record's time stamp");
    assert_eq!(recording::last_moment(&other, visit).await?, ended[0].until_at);
    assert_eq!(recording::verify(&other, visit).await?, Verdict::Holds { records: 5 });
    Ok(())
});

both!(what_is_cut_swapped_or_edited_afterwards_is_found, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    let mut ends = vec![std::fs::metadata(file(&test, visit).await)?.len()];
    for n in 0..4 {
        recorder.output(format!("part {n}").as_bytes())?;
        test.advance(Duration::from_secs(1));
        recording::tick(&test.app).await;
        ends.push(std::fs::metadata(file(&test, visit).await)?.len());
    }
    recorder.finish().await?;
    let path = file(&test, visit).await;
    let whole = std::fs::read(&path)?;
    let broken = async |bytes: &[u8]| -> anyhow::Result<String> {
        std::fs::write(&path, bytes)?;
        match recording::verify(&test.app, visit).await? {
            Verdict::Broken(why) => Ok(why),
            Verdict::Holds { .. } => anyhow::bail!("it holds"),
        }
    };
    let end = |n: usize| usize::try_from(ends[n]).unwrap_or_default();
    assert_eq!(broken(&whole[..end(3)]).await?, "it was cut: 4 of 5 records are there");
    assert_eq!(broken(&whole[..end(3) + 9]).await?, "it was cut: 4 of 5 records are there");
    assert_eq!(broken(&[&whole[..], b"x"].concat()).await?, "something was added to it");
    let swapped = [&whole[..end(0)], &whole[end(1)..end(2)], &whole[end(0)..end(1)], &whole[end(2)..]].concat();
    assert_eq!(broken(&swapped).await?, "record 2 is damaged, altered or out of place");
    let mut edited = whole.clone();
    edited[end(2) + 40] ^= 1;
    assert_eq!(broken(&edited).await?, "record 4 is damaged, altered or out of place");
    assert!(broken(b"GWREC1\n").await?.contains("does not begin"));
    std::fs::remove_file(&path)?;
    assert_eq!(recording::verify(&test.app, visit).await?, Verdict::Broken("its file is missing".to_owned()));
    let found = doctor::examine(&test.operator()).await?;
    let found = found.iter().find(|finding| finding.area == "recordings").map(|finding| finding.message.clone());
    assert_eq!(found, Some(format!("1 of 1 recordings do not hold: {visit}: its file is missing")));
    std::fs::write(&path, &whole)?;
    assert_eq!(recording::verify(&test.app, visit).await?, Verdict::Holds { records: 5 });
    // Whoever cuts the file and its row is given away by the audit trail.
    std::fs::write(&path, &whole[..end(3)])?;
    test.execute(&format!("UPDATE recording SET records = 4, bytes = {}", end(3))).await?;
    let why = "its row says something else than the audit trail".to_owned();
    assert_eq!(recording::verify(&test.app, visit).await?, Verdict::Broken(why));
    Ok(())
});

both!(where_nothing_can_be_written_a_strict_session_is_refused, |engine| async {
    let mut settings = Settings::default();
    // A file where the folder should be: nobody can write there, not even root.
    settings.recordings.dir = Some(PathBuf::from("/proc/version/recordings"));
    let test = TestApp::with(engine, settings).await?;
    assert_eq!(recording::check(&test.app, RecordingMode::Strict).await.unwrap_err().code(), "upstream");
    recording::check(&test.app, RecordingMode::BestEffort).await?;
    let refused = visit(&test).await?;
    let error = recording::start(&test.app, new(refused, RecordingMode::Strict)).await.unwrap_err();
    assert!(matches!(error, Error::Upstream { which: "recording", .. }), "{error}");
    assert_eq!(row(&test.app, refused).await.state, "failed");
    let tolerant = visit(&test).await?;
    let mut recorder = recording::start(&test.app, new(tolerant, RecordingMode::BestEffort)).await?;
    assert!(!recorder.is_recording());
    recorder.output(b"goes on")?;
    assert!(!recorder.finish().await?.is_complete);
    assert_eq!(row(&test.app, tolerant).await.state, "failed");
    let off = visit(&test).await?;
    let mut recorder = recording::start(&test.app, new(off, RecordingMode::Off)).await?;
    recorder.output(b"goes on")?;
    recorder.finish().await?;
    assert!(rows::find(&mut test.app.db().read(), &off.to_string()).await?.is_none());
    assert_eq!(trail(&test, "recording.failed").await?.len(), 1, "one alert a minute is enough");
    let ctx = staff(&test.app, &["audit.session.replay"]);
    for visit in [refused, tolerant, off] {
        assert_eq!(play(&ctx, visit).await.unwrap_err().downcast::<Error>()?.code(), "not_found");
    }
    let nowhere = new(Uuid::from_u128(5), RecordingMode::Off);
    assert_eq!(recording::start(&test.app, nowhere).await.unwrap_err().code(), "not_found");
    Ok(())
});

both!(recordings_go_by_age_and_by_size_and_each_leaves_a_row, |engine| async {
    let mut settings = Settings::default();
    settings.recordings.max_age = Span(Duration::from_hours(24));
    let test = TestApp::with(engine, settings).await?;
    let record = async || -> anyhow::Result<Uuid> {
        let (visit, mut recorder) = begin(&test).await?;
        recorder.output(b"something")?;
        recorder.finish().await?;
        Ok(visit)
    };
    let old = record().await?;
    let (running, recorder) = begin(&test).await?;
    test.advance(Duration::from_hours(25));
    let young = record().await?;
    assert_eq!(recording::retain(&test.app).await?, 1);
    assert_eq!(row(&test.app, old).await.state, "deleted");
    assert!(
        !file(&test, old).await.exists() && file(&test, young).await.exists() && file(&test, running).await.exists()
    );
    let ctx = staff(&test.app, &["audit.session.replay"]);
    assert_eq!(play(&ctx, old).await.unwrap_err().downcast::<Error>()?.code(), "not_found");
    let went = trail(&test, "recording.delete").await?;
    assert!(went.len() == 1 && went[0].1.as_ref().is_some_and(|detail| detail.contains("\"why\":\"age\"")), "{went:?}");
    recorder.finish().await?;
    assert_eq!(recording::retain(&test.app).await?, 1, "now it is over");
    // The same database under another limit: the file of one fits.
    let mut settings = test.app.settings().clone();
    settings.recordings.max_bytes = Some(ByteSize(u64::try_from(row(&test.app, young).await.bytes)?));
    let limited = test.again_with(settings).await?;
    assert_eq!(recording::retain(&limited).await?, 0);
    test.advance(Duration::from_secs(1));
    let youngest = record().await?;
    assert_eq!(recording::retain(&limited).await?, 1);
    assert_eq!([row(&limited, young).await.state, row(&limited, youngest).await.state], ["deleted", "complete"]);
    Ok(())
});

both!(a_watcher_sees_the_past_and_then_everything, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    let name = visit.to_string();
    recorder.resize(Size { cols: 100, rows: 30 })?;
    recorder.output(b"in the file")?;
    test.advance(Duration::from_secs(2));
    recording::tick(&test.app).await;
    recorder.output(b"in memory")?;
    let ctx = staff(&test.app, &["audit.session.watch"]);
    assert_eq!(recording::watch(&staff(&test.app, &[]), &name).await.err().map(|e| e.code()), Some("forbidden"));
    let mut watch = recording::watch(&ctx, &name).await?;
    let names: Vec<String> = recorder.watchers().borrow().iter().map(|watcher| watcher.name.clone()).collect();
    assert_eq!(names, ["Ann"]);
    recorder.output(b"live")?;
    let mut seen = Vec::new();
    for _ in 0..7 {
        match watch.next().await {
            Watched::Line(line) => seen.push(String::from_utf8(line.to_vec())?),
            other => anyhow::bail!("{other:?} after {seen:?}"),
        }
    }
    assert!(seen[0].starts_with('{'), "{seen:?}");
    let wanted = [
        r#"[2.000,"r","100x30"]"#,
        r#"[0.000,"r","100x30"]"#,
        r#"[0.000,"o","in the file"]"#,
        r#"[2.000,"o","in memory"]"#,
        r#"[2.000,"m","join: Ann"]"#,
        r#"[2.000,"o","live"]"#,
    ];
    assert_eq!(seen[1..], wanted);
    // Another process over the same database follows through the file.
    let other = test.again().await?;
    let mut far = recording::watch(&staff(&other, &["audit.session.watch"]), &name).await?;
    let mut far_seen = Vec::new();
    recorder.output(b"later")?;
    recorder.finish().await?;
    while let Watched::Line(line) = far.next().await {
        far_seen.push(String::from_utf8(line.to_vec())?);
    }
    assert_eq!(far_seen.last().map(String::as_str), Some(r#"[2.000,"o","later"]"#));
    assert!(far_seen.contains(&r#"[2.000,"o","live"]"#.to_owned()), "{far_seen:?}");
    assert_eq!(watch.next().await, Watched::Line(bytes::Bytes::from_static(br#"[2.000,"o","later"]"#)));
    assert_eq!(watch.next().await, Watched::Ended);
    assert_eq!(recording::watch(&ctx, &name).await.err().map(|e| e.code()), Some("not_found"), "it is over");
    assert_eq!(trail(&test, "terminal.watch").await?.len(), 2);
    Ok(())
});

both!(a_watcher_that_does_not_keep_up_is_dropped, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    let ctx = staff(&test.app, &["audit.session.watch"]);
    let mut watch = recording::watch(&ctx, &visit.to_string()).await?;
    for _ in 0..200 {
        recorder.output(&[b'x'; 4_096])?;
        recorder.room().await?;
    }
    assert!(recorder.watchers().borrow().is_empty());
    let mut lines = 0;
    let end = loop {
        match watch.next().await {
            Watched::Line(_) => lines += 1,
            end => break end,
        }
    };
    assert_eq!(end, Watched::Lagging);
    assert!((50..100).contains(&lines), "{lines} lines waited");
    assert!(recorder.finish().await?.is_complete, "the session did not notice");
    Ok(())
});

both!(reading_needs_its_code_and_is_in_the_audit_trail, |engine| async {
    let test = TestApp::new(engine).await?;
    let (visit, mut recorder) = begin(&test).await?;
    recorder.output(&b"0123456789\r\n".repeat(20_000))?;
    recorder.finish().await?;
    let name = visit.to_string();
    for (codes, purpose) in [
        (&["audit.session.read", "audit.session.download"][..], Purpose::Replay),
        (&["audit.session.read", "audit.session.replay"], Purpose::Download),
        (&[], Purpose::Download),
    ] {
        let error = recording::play(&staff(&test.app, codes), &name, purpose).await.unwrap_err();
        assert_eq!(error.code(), "forbidden");
    }
    let ctx = staff(&test.app, &["audit.session.download", "audit.session.replay"]);
    for unknown in ["", "x", "00000000-0000-4000-8000-000000000000", "../../etc/passwd"] {
        assert_eq!(recording::play(&ctx, unknown, Purpose::Download).await.unwrap_err().code(), "not_found");
    }
    let whole = play(&ctx, visit).await?;
    let playback = recording::play(&ctx, &name, Purpose::Download).await?;
    assert_eq!(playback.length().await?, whole.len() as u64);
    for range in [0..1, 5..70_000, 65_535..65_537, 200_000..u64::MAX, 400_000..500_000] {
        let playback = recording::play(&ctx, &name, Purpose::Download).await?;
        let pieces: Vec<_> = playback.stream(range.clone()).collect().await;
        let part: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect();
        let (from, to) = (usize::try_from(range.start)?.min(whole.len()), usize::try_from(range.end)?.min(whole.len()));
        assert_eq!(part, &whole.as_bytes()[from..to], "{range:?}");
    }
    assert_eq!(trail(&test, "recording.download").await?.len(), 1, "parts of one download are one row");
    assert_eq!(trail(&test, "recording.replay").await?.len(), 1);
    Ok(())
});
