//! An open file, and what moved through it.

use std::time::Duration;

use gatehouse_domain::bastion::terminal::{Direction, Transfer};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// A direction of a file: bytes, and their hash as long as they come one after the other from the beginning.
#[derive(Default)]
pub(super) struct Flow {
    bytes: u64,
    hash: Option<Sha256>,
    next: u64,
    is_failed: bool,
    is_begun: bool,
    /// Reading came to the end of the file.
    pub(super) is_whole: bool,
}

impl Flow {
    pub(super) fn moved(&mut self, offset: u64, data: &[u8]) {
        if !self.is_begun {
            (self.is_begun, self.hash) = (true, (offset == 0).then(Sha256::new));
        }
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        match &mut self.hash {
            Some(hash) if offset == self.next => {
                hash.update(data);
                self.next = self.next.saturating_add(data.len() as u64);
            }
            _ => self.hash = None,
        }
    }

    pub(super) fn fail(&mut self) {
        self.is_failed = true;
    }
}

/// An open file.
pub(super) struct File {
    path: String,
    opened: Instant,
    writes: bool,
    reads: bool,
    pub(super) up: Flow,
    pub(super) down: Flow,
}

impl File {
    pub(super) fn new(path: String, reads: bool, writes: bool) -> Self {
        Self { path, opened: Instant::now(), writes, reads, up: Flow::default(), down: Flow::default() }
    }

    /// What is kept of it: a row for each direction that it was opened for and used in, or for the one it was opened for.
    pub(super) fn finish(self, is_closed: bool) -> Vec<Transfer> {
        let took = self.opened.elapsed();
        let both = [(self.up, Direction::Upload, self.writes), (self.down, Direction::Download, self.reads)];
        let is_used = |flow: &Flow, is_open: bool| flow.is_begun || (is_open && self.reads != self.writes);
        let used = both.into_iter().filter(|(flow, _, is_open)| is_used(flow, *is_open));
        used.map(|(flow, direction, _)| transfer(&self.path, flow, direction, took, is_closed)).collect()
    }
}

fn transfer(path: &str, flow: Flow, direction: Direction, took: Duration, is_closed: bool) -> Transfer {
    let is_sound = is_closed && !flow.is_failed;
    let is_whole = direction == Direction::Upload || flow.is_whole;
    let empty = (!flow.is_begun).then(Sha256::new);
    let hash = flow.hash.or(empty).filter(|_| is_sound && is_whole);
    Transfer {
        path: path.to_owned(),
        direction,
        bytes: flow.bytes,
        sha256: hash.map(|hash| hex::encode(hash.finalize())),
        duration: took,
        outcome: if flow.is_failed {
            "failed"
        } else if is_closed {
            "ok"
        } else {
            "aborted"
        },
    }
}
