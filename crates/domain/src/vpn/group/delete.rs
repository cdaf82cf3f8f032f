//! Deleting groups.

use std::collections::BTreeMap;

use gatehouse_store::{lock, vpn_group as rows, vpn_user};

use super::{OBJECT, find_at, is_builtin};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{staged, trail},
};

const CODE: &str = "vpn.group.delete";

/// Deletes groups with all groups and users below, staged; tells how many groups. Unknown paths are passed over.
///
/// The users' accounts go at the apply, with their last pass. Errors: `Forbidden`; `Fields` (`paths`: `malformed`, `builtin`,
/// and `unknown` when none of them exists). Source: specs/vpn.md §8.
pub async fn delete(ctx: &Ctx, paths: &[String]) -> Result<u64> {
    ctx.require("vpn.user.delete")?;
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::own_tree(&mut tx).await?;
    let mut groups = BTreeMap::new();
    for path in paths {
        let is_absent =
            |error: &Error| matches!(error, Error::Fields(faults) if faults.iter().any(|f| f.rule == "unknown"));
        let group = match find_at(&mut tx, "paths", path).await {
            Ok(group) => group,
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(error),
        };
        if is_builtin(group.id) {
            return Err(Error::field("paths", "builtin"));
        }
        groups.insert(group.id, group.path);
    }
    let (mut gone, mut users) = (0, 0);
    for path in groups.values() {
        users += vpn_user::delete_below(&mut tx, path).await?;
        gone += rows::delete_below(&mut tx, path).await?;
    }
    if gone == 0 {
        return Err(Error::field("paths", "unknown"));
    }
    let object = groups.keys().next().filter(|_| groups.len() == 1).map(|id| id.0);
    let label = trail::label(groups.values().map(String::as_str));
    let detail = Some(serde_json::json!({ "groups": gone, "users": users }));
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, object, &label), detail).await?;
    tx.commit().await?;
    Ok(gone)
}
