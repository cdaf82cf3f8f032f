//! The last part of a recording, for whoever begins to watch.

use super::{
    line,
    reader::{Fault, Reader, Step},
};

/// How much of the past a watcher gets.
const TAIL: usize = 64 << 10;

/// The end of a recording that is being made.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The header line.
    pub(super) header: Vec<u8>,
    /// The last change of size before `lines`.
    pub(super) resize: Option<Vec<u8>>,
    /// The last whole lines, each with its end.
    lines: Vec<u8>,
}

impl Tail {
    /// Nothing but the header line.
    pub(super) fn new(header: &str) -> Self {
        Self { header: header.as_bytes().to_vec(), ..Self::default() }
    }

    /// Reads up to so many records.
    pub(super) fn read(reader: &mut Reader, records: u64) -> Result<Self, Fault> {
        let mut tail = Self::default();
        while reader.chain().records < records && reader.step()? == Step::Record {
            tail.add(reader.lines()?);
        }
        tail.trim();
        Ok(tail)
    }

    /// Takes further lines.
    pub(super) fn add(&mut self, mut lines: &[u8]) {
        if self.header.is_empty()
            && let Some(end) = lines.iter().position(|byte| *byte == b'\n')
        {
            let (header, rest) = lines.split_at(end);
            self.header = header.to_vec();
            lines = rest.get(1..).unwrap_or_default();
        }
        self.lines.extend_from_slice(lines);
        if self.lines.len() > 4 * TAIL {
            self.trim();
        }
    }

    /// Forgets what is too old, but for the last change of size.
    pub(super) fn trim(&mut self) {
        let Some(surplus) = self.lines.len().checked_sub(TAIL).filter(|surplus| *surplus > 0) else { return };
        // The cut is at the first end of line that leaves little enough.
        let rest = self.lines.get(surplus - 1..).unwrap_or_default();
        let cut = rest.iter().position(|byte| *byte == b'\n').map_or(self.lines.len(), |at| surplus + at);
        let gone = self.lines.drain(..cut).collect::<Vec<_>>();
        if let Some(resize) = gone.split(|byte| *byte == b'\n').rfind(|line| line::is_resize(line)) {
            self.resize = Some(resize.to_vec());
        }
    }

    /// The lines, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::line::{Event, push};

    #[test]
    fn the_tail_is_whole_lines_and_remembers_the_size() {
        let mut tail = Tail::default();
        tail.add(b"{\"version\":2}\n");
        let mut lines = Vec::new();
        push(&mut lines, 1, Event::Resize, "132x43");
        for n in 0..20_000_i64 {
            push(&mut lines, n, Event::Output, &format!("line {n} of some length"));
            if lines.len() > 60_000 {
                tail.add(&std::mem::take(&mut lines));
            }
        }
        tail.add(&lines);
        tail.trim();
        assert_eq!(tail.header, b"{\"version\":2}");
        assert_eq!(tail.resize.as_deref(), Some(&b"[0.001,\"r\",\"132x43\"]"[..]));
        let lines: Vec<_> = tail.lines().collect();
        assert!(tail.lines.len() <= TAIL && tail.lines.len() > TAIL - 100, "{}", tail.lines.len());
        assert!(lines.iter().all(|line| line.starts_with(b"[") && line.ends_with(b"]")));
        assert!(lines.last().unwrap().ends_with(b"line 19999 of some length\"]"));
    }

    #[test]
    fn a_short_tail_is_everything() {
        let mut tail = Tail::default();
        tail.add(b"{}\n[0.001,\"r\",\"1x1\"]\n[0.002,\"o\",\"a\"]\n");
        tail.trim();
        assert_eq!(tail.lines().count(), 2);
        assert_eq!(tail.resize, None);
    }
}
