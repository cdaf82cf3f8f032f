//! Output on its way to the client: what waits, what is being written, and what a lost client may ask for again.

use std::{collections::VecDeque, io};

use bytes::{Bytes, BytesMut};
use gatehouse_kit::ws::{Kind, Writer};

/// How output becomes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Text frames, cut between characters.
    Text,
    /// Binary frames.
    Binary,
}

/// What the client may have in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credit {
    /// As much as the connection takes.
    Unlimited,
    /// So many bytes.
    Bytes(u64),
}

/// Output that waits for the socket. It is bounded by its user, who gives no more once [`Outbox::is_full`].
pub(super) struct Outbox {
    form: Form,
    /// Largest frame.
    frame: usize,
    /// From here on nothing more is taken, so that with one more piece the queue is not exceeded.
    full: usize,
    /// One piece that came while nothing waited: it goes out as it is.
    single: Bytes,
    /// What came meanwhile, in one.
    queue: BytesMut,
    /// Control frames and notices, which overtake output.
    urgent: VecDeque<(Kind, Bytes)>,
}

impl Outbox {
    /// An empty one for a queue of `queue` bytes and frames of `frame`.
    pub(super) fn new(form: Form, queue: usize, frame: usize) -> Self {
        let full = queue.saturating_sub(frame).max(1);
        Self { form, frame: frame.max(4), full, single: Bytes::new(), queue: BytesMut::new(), urgent: VecDeque::new() }
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.single.len() + self.queue.len()
    }

    /// Whether nothing more should be added.
    pub(super) fn is_full(&self) -> bool {
        self.waiting() >= self.full
    }

    /// Adds output.
    pub(super) fn push(&mut self, output: Bytes) {
        if self.waiting() == 0 {
            self.single = output;
            return;
        }
        self.queue.extend_from_slice(&std::mem::take(&mut self.single));
        self.queue.extend_from_slice(&output);
    }

    /// A client comes back on a new socket: what the old one lost goes first, and notices for the old one are void.
    pub(super) fn resume(&mut self, replay: Bytes) {
        self.urgent.clear();
        let mut queue = BytesMut::from(replay);
        queue.extend_from_slice(&self.single);
        queue.extend_from_slice(&self.queue);
        (self.single, self.queue) = (Bytes::new(), queue);
    }

    /// Adds what overtakes output: control frames, notices.
    pub(super) fn push_urgent(&mut self, kind: Kind, payload: Bytes) {
        // An answer to a ping that was not sent yet is replaced by the newer one: clients cannot make them pile up.
        if kind == Kind::Pong {
            self.urgent.retain(|(waiting, _)| *waiting != Kind::Pong);
        }
        self.urgent.push_back((kind, payload));
    }

    /// Notices that wait; who answers clients with notices looks here first.
    pub(super) fn urgent(&self) -> usize {
        self.urgent.len()
    }

    /// Throws away what waits; gives its length.
    pub(super) fn clear(&mut self) -> usize {
        let length = self.waiting();
        self.single = Bytes::new();
        self.queue = BytesMut::new();
        length
    }

    /// Gives memory back that a flood needed and silence does not.
    pub(super) fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.queue = BytesMut::new();
        }
    }

    /// The next frame's output: everything that waits, at most a frame and no more than the credit.
    fn next_output(&mut self, credit: u64) -> Option<Bytes> {
        let most = usize::try_from(credit).unwrap_or(usize::MAX).min(self.frame);
        let waiting = if self.single.is_empty() { &self.queue[..] } else { &self.single };
        let length = match self.form {
            Form::Text => whole_characters(waiting, most),
            Form::Binary => waiting.len().min(most),
        };
        if length == 0 {
            return None;
        }
        Some(if self.single.is_empty() { self.queue.split_to(length).freeze() } else { self.single.split_to(length) })
    }

    /// Whether [`Outbox::send`] would have anything to do.
    pub(super) fn has_work(&self, writer: &Writer, credit: Credit) -> bool {
        let may_send = credit != Credit::Bytes(0) && self.waiting() > 0;
        !writer.is_empty() || !self.urgent.is_empty() || may_send
    }

    /// Writes until the socket has taken what may be sent, or one frame of output, which is given back: it counts against
    /// the credit. Cancel-safe.
    pub(super) async fn send(&mut self, writer: &mut Writer, credit: Credit) -> io::Result<Option<Bytes>> {
        loop {
            writer.flush().await?;
            if let Some((kind, payload)) = self.urgent.pop_front() {
                writer.push(kind, payload);
                continue;
            }
            let credit = match credit {
                Credit::Unlimited => u64::MAX,
                Credit::Bytes(bytes) => bytes,
            };
            let Some(output) = self.next_output(credit) else { return Ok(None) };
            writer.push(if self.form == Form::Text { Kind::Text } else { Kind::Binary }, output.clone());
            return Ok(Some(output));
        }
    }
}

/// How many of the first `most` bytes are whole characters of a valid text.
fn whole_characters(text: &[u8], most: usize) -> usize {
    let is_start = |at: usize| text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let most = most.min(text.len());
    (0..=most).rev().find(|at| is_start(*at)).unwrap_or(0)
}

/// What was sent to a v2 client and may have been lost on the way.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Bytes sent since the beginning.
    total: u64,
    /// Bytes the client has told to have.
    acknowledged: u64,
    /// The last of them.
    kept: VecDeque<u8>,
}

impl Sent {
    /// Notes what was sent, and keeps it while it is not acknowledged, but at most so much.
    pub(super) fn add(&mut self, output: &[u8], most: usize) {
        self.total += output.len() as u64;
        self.kept.extend(output);
        self.forget(most);
    }

    /// Bytes on the way.
    pub(super) fn in_flight(&self) -> u64 {
        self.total - self.acknowledged
    }

    /// The client has so many more bytes; more than were sent do not count.
    pub(super) fn acknowledge(&mut self, bytes: u64) {
        self.acknowledged = self.acknowledged.saturating_add(bytes).min(self.total);
        self.forget(usize::MAX);
    }

    fn forget(&mut self, most: usize) {
        let needed = usize::try_from(self.in_flight()).unwrap_or(usize::MAX).min(most);
        let surplus = self.kept.len().saturating_sub(needed);
        drop(self.kept.drain(..surplus));
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
    }

    /// A client comes back that has `offset` bytes: what it lacks, and how many bytes before that are gone for good.
    ///
    /// `None`: it claims bytes that were never sent.
    pub(super) fn replay(&mut self, offset: u64) -> Option<(u64, Bytes)> {
        let missing = self.total.checked_sub(offset)?;
        let held = self.kept.len() as u64;
        let gap = missing.saturating_sub(held);
        let replayed = usize::try_from(missing - gap).ok()?;
        let replay: Vec<u8> = self.kept.iter().skip(self.kept.len() - replayed).copied().collect();
        // What is replayed is counted when it is sent again. What is lost is not: the client counts what it receives.
        self.total = offset;
        self.acknowledged = offset;
        self.kept = VecDeque::new();
        Some((gap, replay.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(outbox: &mut Outbox, credit: u64) -> Vec<Bytes> {
        std::iter::from_fn(|| outbox.next_output(credit)).collect()
    }

    proptest! {
        #[test]
        fn text_is_cut_between_characters_and_nothing_is_lost(pieces: Vec<String>, frame in 4_usize..40) {
            let mut outbox = Outbox::new(Form::Text, 64 << 10, frame);
            for piece in &pieces {
                outbox.push(piece.clone().into());
            }
            let frames = frames(&mut outbox, u64::MAX);
            for text in &frames {
                prop_assert!(!text.is_empty() && text.len() <= frame && std::str::from_utf8(text).is_ok());
            }
            prop_assert_eq!(frames.concat(), pieces.concat().into_bytes());
        }
    }

    #[test]
    fn what_waits_becomes_one_frame_within_the_credit() {
        let mut outbox = Outbox::new(Form::Binary, 64 << 10, 32 << 10);
        outbox.push("ab".into());
        outbox.push("cd".into());
        assert_eq!((outbox.waiting(), outbox.is_full()), (4, false));
        assert_eq!(outbox.next_output(3).unwrap(), "abc");
        assert_eq!(outbox.next_output(0), None);
        outbox.push(vec![b'x'; 32 << 10].into());
        assert!(outbox.is_full(), "one more piece of 32 KiB still fits into the queue");
        assert_eq!(outbox.clear(), (32 << 10) + 1);
        assert_eq!(outbox.next_output(9), None);
    }

    #[test]
    fn only_the_newest_pong_waits() {
        let mut outbox = Outbox::new(Form::Text, 64 << 10, 32 << 10);
        outbox.push_urgent(Kind::Pong, "1".into());
        outbox.push_urgent(Kind::Ping, "2".into());
        outbox.push_urgent(Kind::Pong, "3".into());
        assert_eq!(outbox.urgent, [(Kind::Ping, "2".into()), (Kind::Pong, "3".into())]);
    }

    #[test]
    fn a_client_gets_again_what_it_did_not_acknowledge_or_learns_what_is_lost() {
        let mut sent = Sent::default();
        sent.add(b"0123456789", 6);
        assert_eq!((sent.total, sent.in_flight()), (10, 10));
        assert_eq!(sent.replay(11), None, "never sent");
        sent.acknowledge(5);
        assert_eq!(sent.in_flight(), 5);
        assert_eq!(sent.replay(7).unwrap(), (0, "789".into()));
        sent.add(b"789", 6);
        assert_eq!(sent.replay(10).unwrap(), (0, Bytes::new()));
        sent.add(b"abcdefghij", 4);
        assert_eq!(sent.replay(12).unwrap(), (4, "ghij".into()));
        // The client has received 12 bytes, whatever was lost in between.
        sent.add(b"ghij", 4);
        assert_eq!(sent.replay(16).unwrap(), (0, Bytes::new()));
        sent.acknowledge(99);
        assert_eq!(sent.in_flight(), 0);
    }
}
