//! Files of payments and subscribers: lines are checked all, and all that is wrong is named, before anything is written.
//!
//! What was taken in before is known again by its reference, so that a file can be given twice, or again after an interruption.

mod csv;
mod payments;
mod subscribers;

pub use payments::payments;
pub use subscribers::subscribers;

use crate::{Error, Result};

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Lines with something on them, the head apart.
    pub lines: u64,
    /// Taken in, or in a dry run: would be.
    pub written: u64,
    /// As they are already.
    pub known: u64,
    /// Lines that cannot be taken in; while there are any that a look finds, nothing is written.
    pub bad: Vec<BadLine>,
}

/// A line that cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong, in words that say what would be accepted.
    pub reason: String,
}

/// Is told how many lines of how many are done.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Lines that are written in one transaction.
const BATCH: usize = 200;

/// Reads a file, and refuses one whose head is wrong.
fn open(text: &str, known: &[&str], required: &[&str]) -> Result<csv::Table> {
    let table = csv::read(text).map_err(|why| Error::invalid("file", why))?;
    for name in &table.head {
        // `_` stands for every extra field.
        let column = if name.starts_with('_') { "_" } else { name };
        if !known.contains(&column) {
            let names = known.iter().copied().filter(|name| *name != "_").collect::<Vec<_>>().join(", ");
            return Err(Error::invalid("head", format!("no column is `{name}`; columns are {names}")));
        }
    }
    for name in required {
        if !table.head.iter().any(|known| known == name) {
            return Err(Error::invalid("head", format!("the column `{name}` is missing")));
        }
    }
    Ok(table)
}
