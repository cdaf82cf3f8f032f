//! Recordings go by age and by the size of all, oldest first.

use std::{io, time::Duration};

use gatehouse_store::{recording as rows, recording::RecordingRow};
use serde_json::json;

use super::{blocking, folder, start::folder_of, system};
use crate::{
    App, Error, Result,
    audit::{self, Object, Stream},
    bastion::setting,
};

/// Recordings looked at together.
const PAGE: i64 = 100;

/// Deletes recordings that are older than `recordings.max_age`, then the oldest until all fit into `recordings.max_bytes`.
/// Those that are being made stay. Gives how many went; each has a row in the audit trail.
pub async fn retain(app: &App) -> Result<usize> {
    let settings = setting::in_force(app, &mut app.db().read()).await?.recordings;
    let mut deleted = 0;
    let before = app.now().minus(settings.max_age.0);
    loop {
        let old = rows::list_before(&mut app.db().read(), before, PAGE).await?;
        for row in &old {
            delete(app, row, "age").await?;
            deleted += 1;
        }
        if old.is_empty() {
            break;
        }
    }
    let Some(limit) = settings.max_bytes else { return Ok(deleted) };
    let limit = i64::try_from(limit.0).unwrap_or(i64::MAX);
    loop {
        let mut all = rows::sum_bytes(&mut app.db().read()).await?;
        let oldest = rows::list_before(&mut app.db().read(), app.now().plus(Duration::from_secs(1)), PAGE).await?;
        if all <= limit || oldest.is_empty() {
            return Ok(deleted);
        }
        for row in oldest {
            if all <= limit {
                break;
            }
            delete(app, &row, "size").await?;
            all -= row.bytes;
            deleted += 1;
        }
    }
}

/// The file goes first: whoever dies in between finds the row again and does the rest.
async fn delete(app: &App, row: &RecordingRow, why: &'static str) -> Result<()> {
    if !row.path.is_empty() {
        let path = folder(app)?.join(&row.path);
        let removed = blocking(move || {
            let removed = std::fs::remove_file(&path);
            // The folder of a month goes with its last recording, and stays when it holds others.
            let _ = std::fs::remove_dir(folder_of(&path));
            removed
        });
        match removed.await? {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Upstream {
                    which: "recording",
                    why: format!("{} cannot be deleted: {error}", row.path),
                });
            }
            _ => {}
        }
    }
    let mut tx = app.db().begin().await?;
    if rows::update_deleted(&mut tx, row.visit_id, app.now()).await? > 0 {
        let object = Object::new("recording", row.visit_id, &row.uuid);
        let detail = Some(json!({"why": why, "bytes": row.bytes, "began": row.created_at.to_rfc3339()}).to_string());
        audit::record(&mut tx, &system(app), Stream::Access, "recording.delete", object, "ok", detail).await?;
    }
    tx.commit().await?;
    Ok(())
}
