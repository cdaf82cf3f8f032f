//! Buffers that are held only while bytes move: an idle flow holds none.

use std::sync::{Mutex, PoisonError};

/// Room for the frames around the payload: heads and tags of four chunks, and the first head of a reply.
const FRAMES: usize = 512;
const SMALL: usize = (16 << 10) + FRAMES;
const LARGE: usize = (64 << 10) + FRAMES;
/// How many of each size wait for the next use; more are freed.
const KEPT: usize = 256;

pub(crate) type Buffer = Box<[u8]>;

/// Small at first; large for a flow that filled a small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Size {
    #[default]
    Small,
    Large,
}

impl Size {
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Small => SMALL,
            Self::Large => LARGE,
        }
    }
}

/// Free buffers.
#[derive(Default)]
pub(crate) struct Pool {
    small: Mutex<Vec<Buffer>>,
    large: Mutex<Vec<Buffer>>,
}

impl Pool {
    pub(crate) fn take(&self, size: Size) -> Buffer {
        let free = self.of(size).lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| vec![0; size.bytes()].into_boxed_slice())
    }

    pub(crate) fn put(&self, buffer: Buffer) {
        let size = if buffer.len() == SMALL { Size::Small } else { Size::Large };
        let mut free = self.of(size).lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(buffer);
        }
    }

    fn of(&self, size: Size) -> &Mutex<Vec<Buffer>> {
        match size {
            Size::Small => &self.small,
            Size::Large => &self.large,
        }
    }
}
