//! Calls without a valid token: counted, told to the log at most once a second, audited. They never hold up a valid one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatehouse_domain::{App, vpn::call};
use gatehouse_kit::Asked;
use gatehouse_model::{Millis, client_of};

/// Addresses that are counted one by one; all further ones together.
const MAX_ADDRESSES: usize = 10_000;

/// Between two lines of the log.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Refused calls since the start.
#[derive(Default)]
pub(crate) struct Refused(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    by_address: HashMap<IpAddr, u64>,
    since_line: u64,
    told_at: Option<Millis>,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    of_address: u64,
    since_line: u64,
}

impl Refused {
    /// Notes one.
    pub(crate) fn note(&self, app: &App, asked: &Asked, why: &'static str) {
        metrics::counter!("gatehouse_vpn_refused_calls_total", "why" => why).increment(1);
        if let Some(Line { of_address, since_line }) = self.count(asked.address(), app.now()) {
            tracing::warn!(
                event = "vpn.call.refused",
                why,
                of_address,
                since_line,
                "a call of the WebApi was refused: {why}; {of_address} so far from this address, {since_line} since the last line"
            );
        }
        call::note_unverified(app, asked.caller().clone(), why);
    }

    fn count(&self, address: Option<IpAddr>, now: Millis) -> Option<Line> {
        const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let client = address.map_or(OTHERS, client_of);
        let has_room = counts.by_address.len() < MAX_ADDRESSES || counts.by_address.contains_key(&client);
        let count = counts.by_address.entry(if has_room { client } else { OTHERS }).or_default();
        *count += 1;
        let of_address = *count;
        counts.since_line += 1;
        if counts.told_at.is_some_and(|at| now < at.plus(LINE_EVERY)) {
            return None;
        }
        counts.told_at = Some(now);
        Some(Line { of_address, since_line: std::mem::take(&mut counts.since_line) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_that_tells_how_many() {
        let refused = Refused::default();
        let from = |address: &str| Some(address.parse().unwrap());
        assert_eq!(refused.count(from("192.0.2.1"), Millis(0)), Some(Line { of_address: 1, since_line: 1 }));
        for at in 1..1_000 {
            assert_eq!(refused.count(from("192.0.2.1"), Millis(at)), None);
        }
        assert_eq!(refused.count(from("192.0.2.2"), Millis(1_000)), Some(Line { of_address: 1, since_line: 1_000 }));
        assert_eq!(refused.count(from("192.0.2.1"), Millis(2_000)), Some(Line { of_address: 1_001, since_line: 1 }));
    }

    #[test]
    fn many_addresses_take_bounded_room() {
        let refused = Refused::default();
        for n in 0..20_000 {
            refused.count(Some(std::net::Ipv4Addr::from_bits(n).into()), Millis(0));
        }
        assert_eq!(refused.0.lock().unwrap().by_address.len(), MAX_ADDRESSES + 1);
    }
}
