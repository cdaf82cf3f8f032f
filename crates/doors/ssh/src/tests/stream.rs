//! What goes through a terminal, and what does not hold it up.

use gatehouse_testkit::peer::random_bytes;
use sha2::{Digest as _, Sha256};

use super::*;

/// Output until the marker line, as bytes; the text of it is checked on the way.
async fn bytes_until(screen: &mut Screen, marker: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut bytes, mut text) = (Vec::new(), Vec::new());
    while !bytes.ends_with(marker) {
        let Event::Output(output) = screen.event().await else { panic!("it ended") };
        bytes.extend_from_slice(&output.bytes);
        text.extend_from_slice(&output.text);
    }
    bytes.truncate(bytes.len() - marker.len());
    text.truncate(text.len() - marker.len());
    (bytes, text)
}

/// A shell that neither echoes nor prompts nor translates.
async fn raw(world: &World) -> Screen {
    let mut screen = world.screen().await;
    screen.send("PS1=; PS2=; stty raw -echo; bind 'set enable-bracketed-paste off'\n").await;
    screen.send("printf '<%s>' READY\n").await;
    screen.until("<READY>").await;
    screen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_arrive_and_are_recorded() {
    let world = World::new().await;
    let mut screen = raw(&world).await;
    world.book.tape.output.lock().unwrap().clear();
    screen.send("seq 1 13000000; printf '<%s>' END\n").await;
    let (mut hash, mut length, mut tail) = (Sha256::new(), 0, Vec::new());
    while !tail.ends_with(b"<END>") {
        let Event::Output(output) = screen.event().await else { panic!("it ended") };
        assert!(output.bytes.len() <= 64 << 10);
        hash.update(&output.bytes);
        length += output.bytes.len();
        tail = output.bytes[output.bytes.len().saturating_sub(5)..].to_vec();
    }
    assert!(length > 100_000_000);
    let mut expected = Sha256::new();
    for n in 1..=13_000_000 {
        expected.update(format!("{n}\n"));
    }
    expected.update("<END>");
    let expected = expected.finalize();
    assert_eq!(hash.finalize(), expected);
    assert_eq!(Sha256::digest(&*world.book.tape.output.lock().unwrap()), expected);
}

#[tokio::test]
async fn bytes_arrive_as_they_are_and_text_is_always_text() {
    let world = World::new().await;
    let mut blob = random_bytes(7, 300_000);
    blob.extend("中文😀".repeat(20_000).as_bytes());
    blob.extend(b"\xE4\xB8");
    std::fs::write(world.sshd.home().join("blob"), &blob).unwrap();
    let mut screen = raw(&world).await;
    screen.send("cat blob; printf '<%s>' END\n").await;
    let (bytes, text) = bytes_until(&mut screen, b"<END>").await;
    assert!(bytes == blob);
    assert!(String::from_utf8(text).unwrap() == String::from_utf8_lossy(&blob));
}

#[tokio::test]
async fn an_unfinished_character_at_the_end_is_shown() {
    let world = World::new().await;
    let mut screen = raw(&world).await;
    screen.send("printf '\\360\\237\\230'; exec true\n").await;
    screen.ended().await;
    assert!(screen.seen.ends_with('\u{FFFD}'), "{:?}", screen.seen);
}

#[tokio::test]
async fn gbk_is_read_where_the_terms_say_so() {
    let world = World::new().await;
    let mut admitted = world.admitted();
    admitted.terms.encoding = Encoding::Gbk;
    let mut screen = Screen::new(world.open(admitted).await.unwrap());
    assert!(screen.run("printf '\\326\\320\\316\\304'").await.contains("中文"));
}

#[tokio::test]
async fn exit_codes_and_signals_are_told() {
    let world = World::new().await;
    for (line, code, signal) in
        [("exit 0", Some(0), None), ("exit 255", Some(255), None), ("kill -KILL $$", None, Some("KILL"))]
    {
        let mut screen = world.screen().await;
        screen.send(&format!("{line}\n")).await;
        let ended = screen.ended().await;
        assert_eq!((ended.exit_code, ended.exit_signal.as_deref()), (code, signal), "{line}");
        assert_eq!(ended.why.as_str(), "closed");
        assert!(!screen.input.send(Bytes::from_static(b"x")).await, "the input knows, too");
    }
}

#[tokio::test]
async fn sizes_and_signals_reach_the_target() {
    let world = World::new().await;
    let mut screen = world.screen().await;
    assert!(screen.run("stty size").await.contains("24 80"));
    for cols in [90, 100, 132] {
        assert!(screen.input.resize(Size { cols, rows: 50 }).await);
    }
    assert!(screen.run("stty size").await.contains("50 132"));
    assert!(screen.input.resize(Size { cols: 132, rows: 50 }).await);
    let marks = world.book.tape.marks.lock().unwrap().clone();
    assert_eq!(marks[1..], ["r 90x50", "r 100x50", "r 132x50"]);
    screen.run("trap 'echo CAUGHT' USR1").await;
    assert!(screen.input.signal("USR1".to_owned()).await);
    assert!(screen.input.signal("NO SUCH".to_owned()).await);
    screen.send("\n").await;
    screen.until("CAUGHT").await;
}

#[tokio::test]
async fn input_is_recorded_only_where_the_terms_say_so() {
    let world = World::new().await;
    let mut admitted = world.admitted();
    admitted.terms.record_input = true;
    let mut screen = Screen::new(world.open(admitted).await.unwrap());
    screen.run("true").await;
    assert!(world.book.tape.marks.lock().unwrap().iter().any(|mark| mark.starts_with("i true")));
    world.book.tape.marks.lock().unwrap().clear();
    let mut other = world.screen().await;
    other.run("true").await;
    assert_eq!(world.book.tape.marks.lock().unwrap().len(), 1, "the header alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stalls_loses_nothing_and_can_still_type() {
    let world = World::new().await;
    let mut screen = raw(&world).await;
    screen.send("seq 1 2000000; printf '<%s>' END\n").await;
    let Event::Output(first) = screen.event().await else { panic!() };
    screen.output.set_blocked(true);
    let received = || world.door.received(screen.visit);
    // It fills what may be filled, and then stands still.
    eventually("something waits", async || received() > first.bytes.len() as u64).await;
    sleep(Duration::from_secs(1)).await;
    let before = received();
    assert!(timeout(Duration::from_secs(10), screen.output.next()).await.is_err(), "blocked: no output");
    assert_eq!(received(), before, "nothing was read for ten seconds");
    assert!(before - (first.bytes.len() as u64) < 200 << 10, "{before} bytes are held");
    screen.output.set_blocked(false);
    let (rest, _) = bytes_until(&mut screen, b"<END>").await;
    let expected: String = (1..=2_000_000).map(|n| format!("{n}\n")).collect();
    assert!([first.bytes.to_vec(), rest].concat() == expected.as_bytes());

    // Nobody reads: an interrupt gets through all the same.
    screen.send("stty isig; trap 'exec sleep 71' INT; yes\n").await;
    eventually("yes runs", async || world.sshd.runs("yes")).await;
    screen.output.set_blocked(true);
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    screen.send("\u{3}").await;
    eventually("the interrupt got there", async || !world.sshd.runs("yes")).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_full_disk_holds_the_target_up_and_a_broken_one_ends_the_stay() {
    let world = World::new().await;
    let mut screen = raw(&world).await;
    let tape = world.book.tape.clone();
    tape.set(&tape.is_full, true);
    screen.send("seq 1 300000; printf '<%s>' END\n").await;
    assert!(timeout(Duration::from_millis(500), screen.output.next()).await.is_err(), "there is no room");
    tape.set(&tape.is_full, false);
    bytes_until(&mut screen, b"<END>").await;
    tape.set(&tape.breaks, true);
    let start = Instant::now();
    assert_eq!(screen.ended().await.why.as_str(), "recording_failed");
    assert!(start.elapsed() < Duration::from_secs(1), "without any output");
    let opened = world.open(world.admitted()).await;
    assert!(matches!(opened, Err(Failure::Recording)), "and no new one opens");
    eventually("its row is closed", async || {
        world.book.rows() == ["opened", "closed recording_failed", "opened", "closed recording_failed"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_terminals_at_once() {
    let world = World::new().await;
    let admitted = world.admitted();
    let mut screens = Vec::new();
    for batch in 0..20 {
        let opening = (0..10).map(|n| {
            let visit = Uuid::from_u128(u128::from(1_000_u32 + batch * 10 + n));
            world.open(Admitted { visit, ..admitted.clone() })
        });
        for terminal in futures_util::future::join_all(opening).await {
            screens.push(Screen::new(terminal.unwrap()));
        }
    }
    assert_eq!(world.door.open_stays(), 200);
    let working = screens.iter_mut().enumerate().map(|(n, screen)| async move {
        assert!(screen.run(&format!("echo $(({n}*1000+7))")).await.contains(&format!("{}", n * 1000 + 7)));
    });
    futures_util::future::join_all(working).await;
    drop(screens);
    eventually("all are closed", async || world.door.open_stays() == 0).await;
    eventually("nothing runs", async || world.sshd.processes().is_empty()).await;
}
