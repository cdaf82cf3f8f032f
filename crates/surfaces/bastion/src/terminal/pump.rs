//! Input on its way to the target. It waits for the target here, while output and acknowledgements go on.

use std::collections::VecDeque;

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Boxed, Size, TerminalInput};

/// From here on the client is not read: what it sends stays in its own connection.
const FULL_BYTES: usize = 64 << 10;
const FULL_PIECES: usize = 256;

/// One thing for the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Push {
    Input(Bytes),
    Resize(Size),
    Signal(String),
}

type Half = Box<dyn TerminalInput>;

/// The input half of a terminal and what waits for it.
pub(super) struct Pump {
    idle: Option<Half>,
    busy: Option<Boxed<'static, (Half, bool)>>,
    waiting: VecDeque<Push>,
    bytes: usize,
}

impl Pump {
    /// Pumps into an input half.
    pub(super) fn new(input: Half) -> Self {
        Self { idle: Some(input), busy: None, waiting: VecDeque::new(), bytes: 0 }
    }

    /// Adds something. Of several sizes in a row the last one counts.
    pub(super) fn push(&mut self, push: Push) {
        match (self.waiting.back_mut(), push) {
            (Some(Push::Resize(before)), Push::Resize(size)) => *before = size,
            (_, Push::Input(bytes)) if bytes.is_empty() => {}
            (_, push) => {
                self.bytes += length(&push);
                self.waiting.push_back(push);
            }
        }
    }

    /// Whether the client should not be read for now.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES || self.waiting.len() >= FULL_PIECES
    }

    /// Whether [`Pump::run`] would do anything.
    pub(super) fn has_work(&self) -> bool {
        self.busy.is_some() || (self.idle.is_some() && !self.waiting.is_empty())
    }

    /// Gives all that waits to the target. Cancel-safe. False: the terminal is over.
    pub(super) async fn run(&mut self) -> bool {
        loop {
            if self.busy.is_none() {
                let Some(mut input) = self.idle.take() else { return true };
                let Some(push) = self.waiting.pop_front() else {
                    self.idle = Some(input);
                    return true;
                };
                self.bytes -= length(&push);
                self.busy = Some(Box::pin(async move {
                    let is_open = match push {
                        Push::Input(bytes) => input.send(bytes).await,
                        Push::Resize(size) => input.resize(size).await,
                        Push::Signal(name) => input.signal(name).await,
                    };
                    (input, is_open)
                }));
            }
            if let Some(busy) = &mut self.busy {
                let (input, is_open) = busy.await;
                self.busy = None;
                self.idle = Some(input);
                if !is_open {
                    self.waiting.clear();
                    self.bytes = 0;
                    return false;
                }
            }
        }
    }

    /// Ends the terminal in order and lets go of it. What still waits is dropped.
    pub(super) fn close(&mut self) {
        if let Some(mut input) = self.idle.take() {
            input.close();
        }
        self.busy = None;
        self.waiting.clear();
        self.bytes = 0;
    }
}

fn length(push: &Push) -> usize {
    match push {
        Push::Input(bytes) => bytes.len(),
        Push::Resize(_) | Push::Signal(_) => 0,
    }
}
