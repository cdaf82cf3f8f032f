//! Whether the client is still there, and how far away.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::v2::Message;

/// How often v2 clients are told of round trips.
const LATENCY: Duration = Duration::from_secs(10);

/// Pings of one socket. A client that is silent for two of them is dead, unless it is the writes that are stuck: then
/// our pings are stuck as well.
pub(super) struct Pulse {
    ping: Duration,
    ticks: Interval,
    /// Since when nothing was heard although something was asked.
    asked_at: Option<Instant>,
    /// The last ping: its number, when it was sent, and how long its pong took.
    number: u64,
    sent_at: Instant,
    round_trip: Option<Duration>,
}

impl Pulse {
    /// A pulse of one socket; of v2 clients the round trip is measured more often than the ping demands.
    pub(super) fn new(ping: Duration, measures: bool) -> Self {
        // Zero would mean all the time.
        let ping = ping.max(Duration::from_millis(10));
        let period = if measures { ping.min(LATENCY) } else { ping };
        let now = Instant::now();
        let mut ticks = tokio::time::interval_at(now + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ping, ticks, asked_at: None, number: 0, sent_at: now, round_trip: None }
    }

    /// Waits for the next ping.
    pub(super) async fn tick(&mut self) {
        self.ticks.tick().await;
    }

    /// Something was heard.
    pub(super) fn beat(&mut self) {
        self.asked_at = None;
    }

    /// A pong was heard.
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) {
        if payload == self.number.to_be_bytes() {
            self.round_trip = Some(now - self.sent_at);
        }
    }

    /// The payload of the ping to be sent now; `None`: the client is dead.
    pub(super) fn ping(&mut self, is_stuck: bool, now: Instant) -> Option<Bytes> {
        if is_stuck {
            self.asked_at = None;
        } else if now - *self.asked_at.get_or_insert(now) >= self.ping * 2 {
            return None;
        }
        self.number += 1;
        self.sent_at = now;
        Some(Bytes::copy_from_slice(&self.number.to_be_bytes()))
    }

    /// `latency`, with what the door measured.
    pub(super) fn latency(&self, target: Option<Duration>) -> Message<'static> {
        let millis = |span: Duration| (span.as_secs_f64() * 1e6).round() / 1e3;
        Message::Latency { ws_ms: self.round_trip.map(millis), ssh_ms: target.map(millis) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn two_unanswered_pings_are_death_unless_the_writes_are_stuck() {
        let mut pulse = Pulse::new(PING, false);
        let start = Instant::now();
        let mut is_alive = |tick: u32, is_stuck| pulse.ping(is_stuck, start + PING * tick).is_some();
        assert!(is_alive(1, false) && is_alive(2, false));
        assert!(is_alive(3, true) && is_alive(9, true), "stuck writes are not judged");
        assert!(is_alive(10, false) && is_alive(11, false), "counted from the beginning");
        assert!(!is_alive(12, false));
        pulse.beat();
        assert!(pulse.ping(false, start + PING * 13).is_some(), "whoever is heard lives");
    }

    #[tokio::test]
    async fn only_the_last_pings_pong_is_a_measurement() {
        let mut pulse = Pulse::new(PING, true);
        let now = Instant::now();
        let first = pulse.ping(false, now).unwrap();
        let second = pulse.ping(false, now + PING).unwrap();
        let heard = now + PING + Duration::from_millis(5);
        pulse.pong(&first, heard);
        assert_eq!(pulse.round_trip, None);
        pulse.pong(&second, heard);
        assert_eq!(pulse.round_trip, Some(Duration::from_millis(5)));
    }
}
