//! `GET resource/hostkey/get/`

use gatehouse_domain::bastion::host_key;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    host: String,
    port: i64,
    algorithm: String,
    public_key: String,
    fingerprint: String,
    status: String,
    decided_by: Option<String>,
    create_date: String,
    update_date: String,
}

/// Lists host keys, pinned ones and those that wait for a decision.
///
/// Shape: paging, `host` (contained), `status` (`pinned`, `pending`) → paged keys. Errors: E403 without 109; E400f.
/// Source: specs/bastion.md §8.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    host_key::may_decide(&ctx)?;
    let mut query = call.query();
    let paging = query.paging();
    let (host, status) = (query.text("host"), query.text("status"));
    query.finish()?;
    let found = host_key::list(&ctx, host.as_deref(), status.as_deref(), paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, found, |row| Shown {
        id: row.id.0,
        host: row.host,
        port: row.port,
        algorithm: row.algorithm,
        public_key: row.public_key,
        fingerprint: row.fingerprint,
        status: row.state,
        decided_by: row.decided_by,
        create_date: time::shown(row.created_at, zone),
        update_date: time::shown(row.updated_at, zone),
    }))
}
