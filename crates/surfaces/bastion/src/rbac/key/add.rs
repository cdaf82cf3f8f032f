//! `POST rbac/key/add/`

use gatehouse_domain::ssh_key;
use gatehouse_model::AccountId;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Added {
    id: i64,
}

/// Adds a public key.
///
/// Shape: `{name, public_key[, user_id]}` → `detail:{id}`. Units: name at most 50 characters, RSA from 2048 bits.
/// Errors: 400 `public_key` 公钥格式错误, 公钥已存在; 403 for others without 3; 404. Source: specs/bastion.md §9.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut fields = call.fields()?;
    let (name, line) = (fields.text("name", 50), fields.text("public_key", 8_192));
    let of = fields.optional_integer("user_id").map(AccountId);
    if fields.has_faults() {
        fields.note_found(ssh_key::faults(&ctx, of, &line).await)?;
    }
    fields.finish()?;
    let id = ssh_key::add(&ctx, of, &name, &line).await?;
    Ok(Reply::detail(Added { id: id.0 }))
}
