//! Clients that write and do not read, and programs that do the same.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Byte number `n` of what is sent.
fn byte(n: u64) -> u8 {
    u8::try_from(n % 250_000 % 251).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_writes_and_does_not_read_costs_little_and_loses_nothing() {
    const TOTAL: u64 = 30_000_000;
    let house = House::new().await;
    let mut ssh = house.ssh("administrator#web", ["cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
    let fed = Arc::new(AtomicU64::new(0));
    let count = fed.clone();
    house.app().spawn("feed", async move {
        let block: Vec<u8> = (0..250_000).map(byte).collect();
        while count.load(Ordering::Relaxed) < TOTAL {
            stdin.write_all(&block).await.unwrap();
            count.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
    });
    // What it may send before it stands still: in pipes, sockets, ssh, and here; and then for a while nothing more.
    let mut last = (0, Instant::now());
    while last.1.elapsed() < Duration::from_secs(3) {
        let now = fed.load(Ordering::Relaxed);
        assert!(now < 15_000_000, "{now} bytes were taken");
        if now != last.0 {
            last = (now, Instant::now());
        }
        sleep(Duration::from_millis(20)).await;
    }
    let (mut piece, mut at) = (vec![0; 64 << 10], 0);
    loop {
        let n = timeout(SOON, stdout.read(&mut piece)).await.expect("it goes on").unwrap();
        if n == 0 {
            break;
        }
        assert!(piece[..n].iter().zip(at..).all(|(found, at)| *found == byte(at)), "around {at}");
        at += n as u64;
    }
    assert_eq!(at, TOTAL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_may_write_as_much_as_it_likes_before_it_reads() {
    let house = House::new().await;
    let blob = random_bytes(4, 20_000_000);
    let line = "head -c 30000000 /dev/zero; sha256sum";
    let back = fed(house.ssh("administrator#web", [line]), &blob).await;
    assert_eq!(back.stdout.len(), 30_000_000 + 64 + 4);
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&blob));
    assert!(String::from_utf8_lossy(&back.stdout[30_000_000..]).starts_with(&hash));
}
