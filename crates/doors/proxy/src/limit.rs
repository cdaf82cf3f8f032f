//! Speed limits and the cap on connections that have not proved anything.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::client_of;
use tokio::time::Instant;

/// How long UDP over the limit is delayed before it is dropped.
const UDP_DELAY: Duration = Duration::from_millis(100);
/// What may come at once after a pause: 100 ms worth, at least 64 KiB.
const BURST: Duration = Duration::from_millis(100);
const BURST_BYTES: u64 = 64 << 10;

/// A token bucket, kept as the moment at which its debt is paid.
#[derive(Debug, Default)]
pub(crate) struct Bucket(Mutex<Option<Instant>>);

impl Bucket {
    /// Takes bytes that have moved. Returns when the next may move, if not now. `mbps` 0: no limit.
    pub(crate) fn debit(&self, bytes: usize, mbps: u32) -> Option<Instant> {
        if mbps == 0 {
            return None;
        }
        let now = Instant::now();
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next(*paid, now, bytes, mbps);
        *paid = Some(at);
        (at > now).then_some(at)
    }

    /// Takes a datagram if it can go within 100 ms: `Ok` says when, if not now. `Err`: it is to be dropped.
    pub(crate) fn debit_datagram(&self, bytes: usize, mbps: u32) -> Result<Option<Instant>, Dropped> {
        if mbps == 0 {
            return Ok(None);
        }
        let now = Instant::now();
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next(*paid, now, bytes, mbps);
        if at > now + UDP_DELAY {
            return Err(Dropped);
        }
        *paid = Some(at);
        Ok((at > now).then_some(at))
    }
}

/// A datagram over the speed limit.
#[derive(Debug)]
pub(crate) struct Dropped;

fn next(paid: Option<Instant>, now: Instant, bytes: usize, mbps: u32) -> Instant {
    let per_second = u64::from(mbps) * 125_000;
    let burst = BURST.max(duration(BURST_BYTES, per_second));
    let earliest = now.checked_sub(burst).unwrap_or(now);
    paid.map_or(earliest, |at| at.max(earliest)) + duration(bytes as u64, per_second)
}

fn duration(bytes: u64, per_second: u64) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / per_second.max(1))
}

/// Unauthenticated connections of one listener: at most 64 per client address, 4,096 in all.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

const STRANGERS_PER_ADDRESS: usize = 64;
const STRANGERS: usize = 4_096;

impl Gate {
    /// How many are in.
    pub(crate) fn strangers(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Lets one more in, if there is room.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<GatePass> {
        let address = client_of(address);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = waiting.each.get(&address).copied().unwrap_or(0);
        if waiting.all >= STRANGERS || mine >= STRANGERS_PER_ADDRESS {
            return None;
        }
        waiting.all += 1;
        waiting.each.insert(address, mine + 1);
        Some(GatePass { gate: Arc::clone(self), address })
    }
}

/// A place among the unauthenticated; given back when dropped.
#[derive(Debug)]
pub(crate) struct GatePass {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Drop for GatePass {
    fn drop(&mut self) {
        let mut waiting = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all = waiting.all.saturating_sub(1);
        if let Some(mine) = waiting.each.get_mut(&self.address) {
            *mine -= 1;
            if *mine == 0 {
                waiting.each.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_lets_its_rate_through() {
        let bucket = Bucket::default();
        let start = Instant::now();
        for _ in 0..200 {
            if let Some(at) = bucket.debit(65_536, 80) {
                tokio::time::sleep_until(at).await;
            }
        }
        let rate = 200.0 * 65_536.0 / start.elapsed().as_secs_f64() / 10_000_000.0;
        assert!((0.9..1.1).contains(&rate), "{rate}");
    }

    #[tokio::test(start_paused = true)]
    async fn datagrams_over_the_limit_are_delayed_and_then_dropped() {
        let bucket = Bucket::default();
        let mut sent = 0;
        while bucket.debit_datagram(1_000, 1).is_ok() {
            sent += 1;
        }
        assert_eq!(sent, (65_536 + 12_500) / 1_000);
        assert!(Bucket::default().debit_datagram(1_000_000, 0).is_ok());
    }

    #[test]
    fn a_client_address_holds_at_most_64_unproved_connections() {
        let gate = Arc::new(Gate::default());
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let passes: Vec<_> = (0..64).map(|_| gate.enter(one).unwrap()).collect();
        assert!(gate.enter("2001:db8::2".parse().unwrap()).is_none(), "same /64");
        assert!(gate.enter("2001:db8:0:1::2".parse().unwrap()).is_some());
        drop(passes);
        assert!(gate.enter(one).is_some());
        assert!(gate.0.lock().unwrap().each.is_empty());
    }
}
