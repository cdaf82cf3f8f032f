//! How stays end.

use gatehouse_model::EndedWhy;

use super::*;

async fn brief(change: impl FnOnce(&mut gatehouse_domain::settings::TerminalSettings)) -> World {
    let mut settings = Settings::default();
    change(&mut settings.terminal);
    World::with(settings, Sshd::start().await.unwrap()).await
}

#[tokio::test]
async fn silence_is_warned_of_and_ends_the_stay_and_typing_does_not() {
    let world = brief(|terminal| {
        terminal.idle.0 = Duration::from_millis(1_200);
        terminal.idle_warning.0 = Duration::from_millis(400);
    })
    .await;
    let mut screen = world.screen().await;
    let start = Instant::now();
    // Output alone is silence.
    screen.send("while sleep 0.1; do echo .; done\n").await;
    for _ in 0..4 {
        sleep(Duration::from_millis(500)).await;
        screen.send("x").await;
    }
    let typed = Instant::now();
    assert!(start.elapsed() > Duration::from_millis(1_900));
    let mut warned = None;
    let ended = loop {
        match screen.event().await {
            Event::IdleWarning(seconds) => warned = Some((seconds, typed.elapsed())),
            Event::Ended(ended) => break ended,
            Event::Output(_) | Event::Participants(_) => {}
        }
    };
    assert_eq!(ended.why, EndedWhy::Idle);
    let (seconds, at) = warned.expect("a warning came first");
    assert_eq!(seconds, 1);
    assert!(at > Duration::from_millis(700) && at < Duration::from_millis(1_150), "{at:?}");
    assert!(typed.elapsed() > Duration::from_millis(1_190), "{:?}", typed.elapsed());
    assert!(world.book.tape.marks.lock().unwrap().contains(&"m idle warning".to_owned()));
}

#[tokio::test]
async fn the_longest_stay_is_over_whatever_happens_and_may_be_changed() {
    let world = brief(|terminal| terminal.max_duration.0 = Duration::from_millis(600)).await;
    let mut screen = world.screen().await;
    screen.send("yes\n").await;
    assert_eq!(screen.ended().await.why, EndedWhy::MaxDuration);
    let mut admitted = world.admitted();
    admitted.terms.max_duration = Duration::from_hours(1);
    let mut screen = Screen::new(world.open(admitted).await.unwrap());
    screen.run("true").await;
    let shared = world.door.0.stays.all().into_iter().find(|stay| stay.admitted.visit == screen.visit).unwrap();
    shared.retime(Duration::from_hours(1), Duration::from_millis(1));
    assert_eq!(screen.ended().await.why, EndedWhy::MaxDuration);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_in_time_and_not_called_idle() {
    let world = brief(|terminal| {
        terminal.idle.0 = Duration::from_millis(300);
        terminal.stall_limit.0 = Duration::from_millis(900);
    })
    .await;
    let mut screen = world.screen().await;
    screen.output.set_blocked(true);
    let start = Instant::now();
    assert_eq!(screen.ended().await.why, EndedWhy::Stale);
    assert!(start.elapsed() > Duration::from_millis(850), "{:?}", start.elapsed());
}

#[tokio::test]
async fn staff_ends_a_stay_that_nobody_reads_and_its_processes_go() {
    let world = World::new().await;
    let mut screen = world.screen().await;
    screen.send("sleep 4711 &\n").await;
    screen.send("yes\n").await;
    eventually("yes runs", async || world.sshd.runs("yes")).await;
    screen.output.set_blocked(true);
    assert!(world.door.live().iter().any(|stay| stay.visit == screen.visit && stay.account == AccountId(1)));
    let by = Some(("Root".to_owned(), "out".to_owned()));
    assert!(world.door.cut(screen.visit, EndedWhy::Kicked, by.clone()));
    let start = Instant::now();
    eventually("the row is closed", async || world.book.rows() == ["opened", "closed kicked"]).await;
    eventually("yes is gone", async || !world.sshd.runs("yes")).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let ended = screen.ended().await;
    assert_eq!((ended.why, ended.by), (EndedWhy::Kicked, by));
    assert!(!screen.input.send(Bytes::from_static(b"x")).await);
    assert!(timeout(Duration::from_millis(50), screen.output.next()).await.is_err(), "nothing follows the end");
    assert!(!world.door.cut(screen.visit, EndedWhy::Kicked, None), "it is not open any more");
}

#[tokio::test]
async fn dropping_a_terminal_leaves_nothing_at_the_target() {
    let world = World::new().await;
    let mut screen = world.screen().await;
    screen.run("true").await;
    screen.send("sleep 4712\n").await;
    eventually("it sleeps", async || world.sshd.runs("sleep 4712")).await;
    drop(screen);
    let start = Instant::now();
    eventually("nothing runs", async || world.sshd.processes().is_empty()).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    eventually("the row is closed", async || world.book.rows() == ["opened", "closed closed"]).await;
    let (_, ended, moved) = world.book.ends.lock().unwrap()[0].clone();
    assert_eq!(ended.exit_code, None);
    assert!(moved.up > 10 && moved.down > 10);
}

#[tokio::test]
async fn whoever_gives_up_while_it_is_dialled_leaves_nothing_open() {
    let world = World::new().await;
    let opening = world.door.open(world.ctx(), world.admitted(), SIZE, "xterm".to_owned(), None);
    assert!(timeout(Duration::from_millis(20), opening).await.is_err(), "it takes longer than that");
    eventually("it opened and closed", async || world.book.rows() == ["opened", "closed closed"]).await;
    eventually("nothing runs", async || world.sshd.processes().is_empty()).await;
}

#[tokio::test]
async fn a_target_that_dies_ends_the_stay() {
    let world = World::new().await;
    let mut screen = world.screen().await;
    screen.run("true").await;
    world.sshd.kill_connections();
    let ended = screen.ended().await;
    assert_eq!((ended.why, ended.exit_code), (EndedWhy::Closed, None));
}

#[tokio::test]
async fn a_target_that_falls_silent_is_noticed() {
    let world = brief(|terminal| terminal.ssh_keepalive.0 = Duration::from_millis(200)).await;
    let mut screen = world.screen().await;
    screen.run("true").await;
    eventually("the way was measured", async || screen.output.latency().is_some()).await;
    world.sshd.pause_connections();
    let start = Instant::now();
    assert_eq!(screen.ended().await.why, EndedWhy::Closed);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_stopping_process_ends_its_stays_and_opens_no_more() {
    let world = brief(|terminal| terminal.drain.0 = Duration::from_millis(100)).await;
    let mut screen = world.screen().await;
    screen.run("true").await;
    world.test.app.shutdown().cancel();
    assert_eq!(world.refused(world.admitted()).await, Failure::Shutdown);
    world.door.drain(&world.test.app).await;
    assert_eq!(screen.ended().await.why, EndedWhy::Shutdown);
    eventually("the row is closed", async || world.book.rows() == ["opened", "closed shutdown"]).await;
}
