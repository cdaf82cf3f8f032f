//! Moving groups and users.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_store::{Tx, lock, vpn_group as rows, vpn_user};

use super::{ANONYMOUS, OBJECT, find_at, is_builtin, joined, takes_children};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{
        field,
        staged::{self, Twin},
        trail, user,
    },
};

const CODE: &str = "vpn.group.update";
const ACTION: &str = "vpn.group.move";

/// What is moved where.
#[derive(Debug, Clone, Default)]
pub struct Relocation {
    /// Path of the group it comes from; it must exist, but need not hold what is moved.
    pub source: String,
    /// Path of the group it goes to.
    pub target: String,
    /// Paths of groups.
    pub groups: Vec<String>,
    /// Logins.
    pub users: Vec<String>,
}

/// Moves groups with everything below them, and users, staged; tells how many. All or nothing.
///
/// Errors: `Forbidden`; `Fields`, the first of (`source` `target`: `malformed`, `unknown`), (`groups`: `malformed`, `unknown`),
/// (`users`: `unknown`, `anonymous`), (`group`, `builtin`), (`new_parent`: `childless`, `inside`), (`new_name`: `taken`,
/// `too_deep`). Source: specs/vpn.md §8.
pub async fn relocate(ctx: &Ctx, wish: &Relocation) -> Result<usize> {
    ctx.require("vpn.user.update")?;
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::own_tree(&mut tx).await?;
    find_at(&mut tx, "source", &wish.source).await?;
    let target = find_at(&mut tx, "target", &wish.target).await?;
    let mut groups = BTreeSet::new();
    for path in &wish.groups {
        groups.insert(find_at(&mut tx, "groups", path).await?.id);
    }
    let mut users = BTreeMap::new();
    for name in &wish.users {
        let id = user::find_id(&mut tx, name).await?.ok_or_else(|| Error::field("users", "unknown"))?;
        users.insert(id, name);
    }
    if target.id == ANONYMOUS && !users.is_empty() {
        return Err(Error::field("users", "anonymous"));
    }
    for id in &groups {
        // Read anew each time: the one before may have taken this one, or the target, along.
        let group = rows::find(&mut tx, *id).await?.ok_or_else(|| Error::field("groups", "unknown"))?;
        let target = rows::find(&mut tx, target.id).await?.ok_or_else(|| Error::field("target", "unknown"))?;
        put(ctx, &mut tx, &group, &target, &group.name).await?;
    }
    for id in users.keys() {
        vpn_user::update_group(&mut tx, *id, target.id, ctx.now()).await?;
        staged::mark(&mut tx, Twin::User, id.0).await?;
    }
    let label = trail::label(wish.groups.iter().chain(&wish.users).map(String::as_str));
    let detail = Some(serde_json::json!({ "to": target.path, "groups": groups.len(), "users": users.len() }));
    trail::changed(&mut tx, ctx, ACTION, Object::new(OBJECT, None, &label), detail).await?;
    tx.commit().await?;
    Ok(groups.len() + users.len())
}

/// Puts a group under another name or parent and rewrites the paths below; nothing to do is no fault.
pub(super) async fn put(
    ctx: &Ctx,
    tx: &mut Tx,
    group: &rows::VpnGroupRow,
    parent: &rows::VpnGroupRow,
    name: &str,
) -> Result<()> {
    if group.parent_id == Some(parent.id) && group.name == name {
        return Ok(());
    }
    if is_builtin(group.id) {
        return Err(Error::field("group", "builtin"));
    }
    if !takes_children(parent.id) {
        return Err(Error::field("new_parent", "childless"));
    }
    let (from, to) = rows::below(&group.path);
    if parent.id == group.id || (parent.path >= from && parent.path < to) {
        return Err(Error::field("new_parent", "inside"));
    }
    let path = joined(&parent.path, name);
    if rows::find_by_path(tx, &path).await?.is_some() {
        return Err(Error::field("new_name", "taken"));
    }
    let below = rows::list_below(tx, &group.path).await?;
    let mut moved = vec![(group.id, path.clone())];
    for row in &below {
        let rest = row.path.strip_prefix(&group.path).ok_or_else(|| Error::internal("a VPN group lies astray"))?;
        moved.push((row.id, format!("{path}{rest}")));
    }
    if moved.iter().any(|(_, path)| path.len() > field::MAX_PATH) {
        return Err(Error::field("new_name", "too_deep"));
    }
    let row = rows::VpnGroupRow {
        name: name.to_owned(),
        path,
        parent_id: Some(parent.id),
        updated_at: ctx.now(),
        ..group.clone()
    };
    rows::update(tx, &row).await?;
    for (id, path) in &moved {
        rows::update_path(tx, *id, path, ctx.now()).await?;
        staged::mark(tx, Twin::Group, id.0).await?;
    }
    Ok(())
}
