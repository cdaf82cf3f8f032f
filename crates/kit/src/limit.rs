//! Limits of one process: requests handled at once, and requests per client address.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use gatehouse_model::client_of;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of one surface. `C` is the clock, another one in tests only.
pub struct Limits<C: Clock = DefaultClock> {
    in_flight: Option<Arc<Semaphore>>,
    per_address: Option<PerAddress<C>>,
}

/// Leave to handle one request, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _slot: Option<OwnedSemaphorePermit>,
}

/// After this many admissions the state of addresses that have been quiet is dropped, so that it cannot grow for ever.
const SWEEP_EVERY: u32 = 1024;

struct PerAddress<C: Clock> {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, C, NoOpMiddleware<C::Instant>>,
    since_sweep: AtomicU32,
}

impl Limits {
    /// Limits as configured; 0 switches a limit off, `burst` 0 means `per_minute`.
    pub fn new(max_in_flight: u32, per_minute: u32, burst: u32) -> Self {
        Self::with_clock(max_in_flight, per_minute, burst, DefaultClock::default())
    }
}

impl<C: Clock> Limits<C> {
    fn with_clock(max_in_flight: u32, per_minute: u32, burst: u32, clock: C) -> Self {
        let in_flight = usize::try_from(max_in_flight).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            in_flight: (in_flight > 0).then(|| Arc::new(Semaphore::new(in_flight))),
            per_address: NonZeroU32::new(per_minute).map(|rate| {
                let quota = Quota::per_minute(rate).allow_burst(NonZeroU32::new(burst).unwrap_or(rate));
                let limiter = RateLimiter::new(quota, DashMapStateStore::default(), clock);
                PerAddress { limiter, since_sweep: AtomicU32::new(0) }
            }),
        }
    }

    /// Admits one request, or says when to try again. Requests without a known address share one budget.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<Permit, Duration> {
        let slot = match &self.in_flight {
            Some(slots) => Some(Arc::clone(slots).try_acquire_owned().map_err(|_full| Duration::from_secs(1))?),
            None => None,
        };
        if let Some(per_address) = &self.per_address {
            per_address.check(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))?;
        }
        Ok(Permit { _slot: slot })
    }
}

impl<C: Clock> PerAddress<C> {
    fn check(&self, address: IpAddr) -> Result<(), Duration> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP_EVERY {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&client_of(address))
            .map_err(|not_until| not_until.earliest_possible().duration_since(self.limiter.clock().now()).into())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn admitted<C: Clock>(limits: &Limits<C>, from: &str) -> Result<(), Duration> {
        limits.admit(Some(from.parse().unwrap())).map(drop)
    }

    #[test]
    fn without_limits_everything_is_admitted() {
        let limits = Limits::new(0, 0, 0);
        assert!((0..10_000).all(|_| limits.admit(None).is_ok()));
    }

    #[test]
    fn a_slot_is_free_again_when_its_permit_is_dropped() {
        let limits = Limits::new(2, 0, 0);
        let first = limits.admit(None).unwrap();
        let _second = limits.admit(None).unwrap();
        assert!(limits.admit(None).is_err());
        drop(first);
        assert!(limits.admit(None).is_ok());
    }

    #[test]
    fn each_address_has_a_budget_that_refills() {
        let clock = FakeRelativeClock::default();
        let limits = Limits::with_clock(0, 60, 2, clock.clone());
        assert_eq!(admitted(&limits, "192.0.2.1"), Ok(()));
        assert_eq!(admitted(&limits, "192.0.2.1"), Ok(()));
        assert_eq!(admitted(&limits, "::ffff:192.0.2.1"), Err(Duration::from_secs(1)));
        assert_eq!(admitted(&limits, "192.0.2.2"), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(admitted(&limits, "192.0.2.1"), Ok(()));
        assert!(admitted(&limits, "192.0.2.1").is_err());
    }

    #[test]
    fn an_ipv6_client_cannot_multiply_itself() {
        let limits = Limits::new(0, 1, 1);
        assert!(admitted(&limits, "2001:db8::1").is_ok());
        assert!(admitted(&limits, "2001:db8::2").is_err());
        assert!(admitted(&limits, "2001:db8:0:1::2").is_ok());
    }

    #[test]
    fn quiet_addresses_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let limits = Limits::with_clock(0, 60, 1, clock.clone());
        for n in 0..SWEEP_EVERY {
            assert!(limits.admit(Some(std::net::Ipv4Addr::from_bits(n).into())).is_ok());
        }
        clock.advance(Duration::from_mins(10));
        assert!(admitted(&limits, "192.0.2.1").is_ok());
        assert_eq!(limits.per_address.unwrap().limiter.len(), 1);
    }
}
