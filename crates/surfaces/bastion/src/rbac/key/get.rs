//! `GET rbac/key/get/`

use gatehouse_domain::ssh_key::{self, KeyView};
use gatehouse_model::AccountId;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    public_key: String,
    fingerprint: String,
    create_date: String,
    last_used: Option<String>,
}

/// Lists public keys.
///
/// Shape: paging, `user_id` (3 for others) → paged `{id, name, public_key, fingerprint, create_date, last_used}`.
/// Errors: 403; 404 unknown user. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let (of, paging) = (query.integer("user_id").map(AccountId), query.paging());
    query.finish()?;
    let keys = page::of_whole(paging, ssh_key::list(&ctx, of).await?);
    let zone = call.bastion.zone();
    let show = |key: KeyView| Shown {
        id: key.id.0,
        name: key.name,
        public_key: key.public_key,
        fingerprint: key.fingerprint,
        create_date: time::shown(key.created_at, zone),
        last_used: key.last_used_at.map(|at| time::shown(at, zone)),
    };
    Ok(page::reply(paging, keys, show))
}
