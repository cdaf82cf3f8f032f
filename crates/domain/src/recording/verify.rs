//! Checks a recording against its row and against the audit trail: what was cut, reordered or edited is found.

use std::path::PathBuf;

use gatehouse_store::{recording as rows, recording::RecordingRow};
use uuid::Uuid;

use super::{
    State, blocking, count, file_of,
    format::Chain,
    note::Entry,
    reader::{Fault, Reader, Step, last_time},
};
use crate::{App, Error, Result};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was ever noted is there, unchanged and in its order.
    Holds {
        /// Records that were read.
        records: u64,
    },
    /// It was damaged or tampered with; what is wrong, for people.
    Broken(String),
}

/// What is in a file.
pub(super) struct Content {
    pub(super) chain: Chain,
    pub(super) bytes: u64,
    /// Time of the last event, milliseconds from the beginning.
    pub(super) last_at: i64,
    pub(super) created: i64,
    /// Whether it ends inside a record.
    pub(super) is_torn: bool,
    /// The chain value after as many records as were asked for, if there are so many.
    pub(super) noted: Option<[u8; 32]>,
}

/// Reads a whole file and opens every record. `noted`: after how many records the chain value is wanted.
pub(super) async fn content(app: &App, path: PathBuf, visit: Uuid, noted: u64) -> Result<Result<Content, Fault>> {
    let app = app.clone();
    blocking(move || {
        let mut reader = Reader::open(&path, visit, app.keys())?;
        let mut value = (noted == 0).then_some(reader.chain().value);
        let is_torn = loop {
            match reader.step()? {
                Step::Record if reader.chain().records == noted => value = Some(reader.chain().value),
                Step::Record => {}
                end => break end == Step::Torn,
            }
        };
        let last_at = if reader.chain().records == 0 { 0 } else { last_time(reader.lines()?) };
        let (chain, bytes, created) = (*reader.chain(), reader.offset(), reader.created());
        Ok(Content { chain, bytes, last_at, created, is_torn, noted: value })
    })
    .await
}

/// Checks the recording of a visit. Errors: `NotFound` when it has none, or no longer.
pub async fn verify(app: &App, visit: Uuid) -> Result<Verdict> {
    let row = rows::find(&mut app.db().read(), &visit.to_string()).await?;
    verify_row(app, &row.ok_or(Error::NotFound { what: "recording" })?).await
}

/// Checks one recording.
pub(crate) async fn verify_row(app: &App, row: &RecordingRow) -> Result<Verdict> {
    let visit = Uuid::parse_str(&row.uuid).map_err(Error::internal)?;
    let path = file_of(app, row)?;
    let entry = rows::find_chain_entry(&mut app.db().read(), row.visit_id).await?;
    let entry = entry.map(|detail| serde_json::from_str::<Entry>(&detail)).transpose();
    let Ok(entry) = entry else { return Ok(broken("its entry in the audit trail cannot be read")) };
    let noted = entry.as_ref().map_or(0, |entry| entry.records);
    if count(noted) != row.records || row.chain.as_ref().map(hex::encode) != entry.as_ref().map(|e| e.chain.clone()) {
        return Ok(broken("its row says something else than the audit trail"));
    }
    let content = match content(app, path, visit, noted).await? {
        Ok(content) => content,
        Err(fault) => return Ok(Verdict::Broken(fault.to_string())),
    };
    let records = content.chain.records;
    if records < noted {
        return Ok(Verdict::Broken(format!("it was cut: {records} of {noted} records are there")));
    }
    if entry.is_some_and(|entry| content.noted.map(hex::encode) != Some(entry.chain)) {
        return Ok(broken("it is another one than was recorded"));
    }
    if row.state == State::Open.as_str() {
        return Ok(Verdict::Holds { records });
    }
    // What was being written when a process vanished or a disk hung may be there, whole or in part; each record is ours.
    let (may_be_torn, may_be_more) = (row.state != State::Complete.as_str(), row.state == State::Failed.as_str());
    if (records > noted && !may_be_more) || (content.is_torn && !may_be_torn) {
        return Ok(broken("something was added to it"));
    }
    Ok(Verdict::Holds { records })
}

fn broken(why: &str) -> Verdict {
    Verdict::Broken(why.to_owned())
}
