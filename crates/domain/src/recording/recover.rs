//! After a crash: recordings of processes that vanished are closed at their last record.

use std::time::Duration;

use gatehouse_model::Millis;
use gatehouse_store::{
    recording as rows,
    recording::{Extent, RecordingRow},
};
use uuid::Uuid;

use super::{
    State, count, file_of,
    note::{Entry, alarm},
    system,
    verify::{Content, content},
};
use crate::{
    App, Error, Result,
    audit::{self, Object, Stream},
};

/// Closes the recordings of processes that have ended, and moves the end of their visits to the last record's time stamp.
/// Gives how many. Run at start and when a process was found to have vanished.
pub async fn recover(app: &App) -> Result<usize> {
    let mut closed = 0;
    loop {
        let orphaned = rows::list_orphaned(&mut app.db().read(), 100).await?;
        if orphaned.is_empty() {
            return Ok(closed);
        }
        for row in &orphaned {
            restore(app, row).await?;
            closed += 1;
        }
    }
}

async fn restore(app: &App, row: &RecordingRow) -> Result<()> {
    let visit = Uuid::parse_str(&row.uuid).map_err(Error::internal)?;
    let noted = u64::try_from(row.records).unwrap_or(0);
    let content = match file_of(app, row) {
        Ok(path) => content(app, path, visit, noted).await?.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.chain()),
    };
    let content = content.and_then(|content| match &row.chain {
        Some(chain) if content.noted.as_ref().map(<[u8; 32]>::as_slice) != Some(chain) => {
            Err(format!("{} of {noted} records are as they were noted", content.chain.records.min(noted)))
        }
        _ => Ok(content),
    });
    match content {
        Ok(content) => interrupted(app, row, &content).await,
        Err(why) => lost(app, row, visit, why).await,
    }
}

async fn interrupted(app: &App, row: &RecordingRow, content: &Content) -> Result<()> {
    let chain = &content.chain;
    let (records, bytes) = (count(chain.records), count(content.bytes));
    let extent = Extent { records, bytes, duration: content.last_at, chain: &chain.value };
    let entry = Entry {
        records: chain.records,
        bytes: content.bytes,
        duration: content.last_at,
        chain: hex::encode(chain.value),
        end: true,
    };
    let detail = serde_json::to_string(&entry).map_err(Error::internal)?;
    let mut tx = app.db().begin().await?;
    // Somebody else may have been faster.
    if rows::update_open(&mut tx, row.visit_id, State::Interrupted.as_str(), extent, app.now()).await? > 0 {
        let until = Millis(content.created.saturating_add(content.last_at)).min(app.now());
        rows::update_lost_end(&mut tx, row.visit_id, until).await?;
        let object = Object::new("recording", row.visit_id, &row.uuid);
        let outcome = State::Interrupted.as_str();
        audit::record(&mut tx, &system(app), Stream::Access, "recording.chain", object, outcome, Some(detail)).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn lost(app: &App, row: &RecordingRow, visit: Uuid, why: String) -> Result<()> {
    let mut tx = app.db().begin().await?;
    if rows::update_open_state(&mut tx, row.visit_id, State::Failed.as_str(), app.now()).await? > 0 {
        let object = Object::new("recording", row.visit_id, &row.uuid);
        let detail = Some(why.clone());
        audit::record(&mut tx, &system(app), Stream::Alert, "recording.failed", object, "failed", detail).await?;
        alarm(visit, &why);
    }
    tx.commit().await?;
    Ok(())
}

/// Recovers now and then says what hinders it; for the start of a process, which nothing of this may stop.
pub(crate) async fn try_recover(app: &App) {
    if let Err(error) = recover(app).await
        && app.once_per(Duration::from_mins(1), "recording.recover_failed")
    {
        let chain = error.chain();
        tracing::warn!(event = "recording.recover_failed", error = chain, "recordings of a lost process stay open");
    }
}
