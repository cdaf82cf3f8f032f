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
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if payload == self.number.to_be_bytes() {
            self.round_trip = Some(self.sent_at.elapsed());
        }
    }

    /// The payload of the ping to be sent now; `None`: the client is dead.
    pub(super) fn ping(&mut self, is_stuck: bool) -> Option<Bytes> {
        if is_stuck {
            self.asked_at = None;
        } else if self.asked_at.get_or_insert_with(Instant::now).elapsed() >= self.ping * 2 {
            return None;
        }
        self.number += 1;
        self.sent_at = Instant::now();
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

    #[tokio::test(start_paused = true)]
    async fn two_unanswered_pings_are_death_unless_the_writes_are_stuck() {
        let mut pulse = Pulse::new(PING, false);
        let mut after_tick = async |is_stuck| {
            pulse.tick().await;
            let is_alive = pulse.ping(is_stuck).is_some();
            if is_alive && is_stuck {
                pulse.beat();
            }
            is_alive
        };
        assert!(after_tick(false).await && after_tick(false).await);
        assert!(after_tick(true).await, "stuck writes are not judged");
        assert!(after_tick(false).await && after_tick(false).await, "counted from the beginning");
        assert!(!after_tick(false).await);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_pings_pong_is_a_measurement() {
        let mut pulse = Pulse::new(PING, true);
        let first = pulse.ping(false).unwrap();
        let second = pulse.ping(false).unwrap();
        tokio::time::advance(Duration::from_millis(5)).await;
        pulse.pong(&first);
        assert_eq!(pulse.round_trip, None);
        pulse.pong(&second);
        assert_eq!(pulse.round_trip, Some(Duration::from_millis(5)));
    }
}
