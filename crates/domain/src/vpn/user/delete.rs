//! Deleting users.

use std::collections::BTreeMap;

use gatehouse_store::{lock, vpn_user as rows};

use super::{OBJECT, find_id};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{
        staged::{self, Twin},
        trail,
    },
};

const CODE: &str = "vpn.user.delete";

/// Takes the VPN pass of users, staged; tells of how many. Unknown names are passed over.
///
/// The account goes at the apply, with its last pass. Errors: `Forbidden`; `Fields` (`names`, `unknown`) when none of them
/// exists. Source: specs/vpn.md §6, §7.5.
pub async fn delete(ctx: &Ctx, names: &[String]) -> Result<usize> {
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::share_tree(&mut tx).await?;
    // By id, so that two who delete the same users wait for each other and not crosswise.
    let mut users = BTreeMap::new();
    for name in names {
        if let Some(id) = find_id(&mut tx, name).await? {
            users.entry(id).or_insert(name.as_str());
        }
    }
    let mut deleted = Vec::new();
    for (id, name) in users {
        if rows::delete(&mut tx, id).await? == 0 {
            continue;
        }
        staged::mark(&mut tx, Twin::User, id.0).await?;
        deleted.push((id, name));
    }
    let object = match deleted.as_slice() {
        [] => return Err(Error::field("names", "unknown")),
        [(id, _)] => Some(id.0),
        _ => None,
    };
    let label = trail::label(deleted.iter().map(|(_, name)| *name));
    let ids: Vec<_> = deleted.iter().map(|(id, _)| id.0).collect();
    let detail = Some(serde_json::json!({ "ids": ids }));
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, object, &label), detail).await?;
    tx.commit().await?;
    Ok(deleted.len())
}
