//! What a recording does when its disk does not.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use gatehouse_model::Millis;
use uuid::Uuid;

use super::{
    format::Chain,
    line::Event,
    track::{Failed, Sink, Track, Written},
    writer::{Job, Writer, Writers},
};
use crate::{Clock, Random};

const NOW: Millis = Millis(1_000_000);

fn track(file: File, writer: Arc<Writer>) -> Arc<Track> {
    let cipher = XChaCha20Poly1305::new(&[7; 32].into());
    let written = Written { chain: Chain::begin(b"head"), bytes: 4, last_at: 0 };
    let (written, noted) = (Mutex::new(written), Mutex::new((0, NOW)));
    let sink = Sink { file, path: PathBuf::new(), cipher, written, noted };
    Arc::new(Track::new((Uuid::from_u128(1), 1), NOW, "{}".to_owned(), Some(sink), writer))
}

/// A writer that takes nothing, as one whose disk hangs.
fn hanging() -> (Arc<Writer>, mpsc::Receiver<Job>) {
    let (queue, jobs) = mpsc::channel();
    (Arc::new(Writer::over(queue)), jobs)
}

#[tokio::test]
async fn a_full_disk_is_noticed_and_nothing_piles_up() {
    let writer = Writers::default().next(&Clock::System, &Random::seeded(1)).unwrap();
    let track = track(OpenOptions::new().append(true).open("/dev/full").unwrap(), writer.clone());
    track.push(NOW, Event::Output, "a");
    track.end(NOW);
    track.wait_until(Track::is_settled).await;
    assert!(matches!(track.failed(), Some(Failed::Disk(why)) if why.contains("No space left")), "{:?}", track.failed());
    for _ in 0..100 {
        track.push(NOW, Event::Output, &"x".repeat(100_000));
    }
    // The failure is known a moment before the record is given up.
    let given_up = async {
        while !(track.is_settled() && writer.waits_for(0)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), given_up).await.unwrap();
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_taken_back() {
    // Read-only: every write fails, whoever runs the test.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gwr");
    std::fs::write(&path, b"head").unwrap();
    let writer = Writers::default().next(&Clock::System, &Random::seeded(1)).unwrap();
    let track = track(File::open(&path).unwrap(), writer);
    track.push(NOW, Event::Output, "a");
    track.age(NOW.plus(Duration::from_secs(1)));
    track.wait_until(Track::is_settled).await;
    assert!(matches!(track.failed(), Some(Failed::Disk(_))), "{:?}", track.failed());
    assert_eq!(track.sink.as_ref().unwrap().written().chain.records, 0);
    assert_eq!(std::fs::read(&path).unwrap(), b"head");
}

#[test]
fn a_disk_that_hangs_first_makes_the_terminal_pause_and_then_fails() {
    let (writer, _jobs) = hanging();
    let track = track(File::open("/dev/null").unwrap(), writer.clone());
    let mut paused_at = None;
    let mut pushed = 0;
    while track.failed().is_none() {
        track.push(NOW, Event::Output, &"x".repeat(4_096));
        pushed += 4_096;
        if track.is_behind() {
            paused_at.get_or_insert(pushed);
        }
        assert!(pushed < 2 << 20, "it must end");
    }
    assert_eq!(track.failed(), Some(&Failed::Slow));
    assert!((256 << 10..400 << 10).contains(&paused_at.unwrap()), "{paused_at:?}");
    assert!(writer.waits_for(900_000) && !writer.waits_for((1 << 20) + 1), "a MiB waits at most");
}

#[test]
fn a_disk_that_hangs_is_noticed_without_further_output() {
    let (writer, _jobs) = hanging();
    let track = track(File::open("/dev/null").unwrap(), writer);
    track.push(NOW, Event::Output, "a");
    for (seconds, is_failed) in [(1, false), (10, false), (12, true)] {
        track.age(NOW.plus(Duration::from_secs(seconds)));
        assert_eq!(track.failed().is_some(), is_failed, "after {seconds} s");
    }
}

#[test]
fn an_idle_recording_costs_little() {
    let (writer, jobs) = hanging();
    let track = track(File::open("/dev/null").unwrap(), writer);
    for n in 0..200 {
        track.push(NOW, Event::Output, &"x".repeat(1_000));
        track.age(NOW.plus(Duration::from_secs(n)));
        for job in jobs.try_iter() {
            track.settled(job.lines.len(), None);
        }
    }
    track.age(NOW.plus(Duration::from_secs(1_000)));
    assert_eq!(track.lines_held(), 0, "the open record is gone, and its memory with it");
    assert!(size_of::<Track>() < 1_024, "{}", size_of::<Track>());
}
