//! Groups of the vpn surface as they are staged: a tree by absolute paths (specs/vpn.md §6 "Groups", §7.6, §8).
//!
//! Faults name a field and a rule, one at a time, in the order of the checks; the files of the use cases list them.

mod add;
mod delete;
mod edit;
mod enable;
mod relocate;

use gatehouse_model::{VpnGroupId, VpnRoleId};
use gatehouse_store::{Query, Tx, vpn_group as rows};

use super::field;
use crate::{Ctx, Error, Result};

pub use add::{NewGroup, add};
pub use delete::delete;
pub use edit::{GroupEdit, edit};
pub use enable::set_enabled;
pub use relocate::{Relocation, relocate};
pub use rows::{VpnGroupNames, VpnGroupRow};

/// The group above all others.
pub const ROOT: VpnGroupId = VpnGroupId(-100);
/// The group of those who were put into none.
pub const DEFAULT: VpnGroupId = VpnGroupId(-1);
/// The group that no caller puts anybody into.
pub const ANONYMOUS: VpnGroupId = VpnGroupId(-2);

/// Path of the default group.
pub const DEFAULT_PATH: &str = "/默认用户组";
/// Its English name, understood everywhere.
pub const DEFAULT_PATH_ENGLISH: &str = "/Default Group";

/// Kind of object in the audit trail.
pub(crate) const OBJECT: &str = "vpn_group";

/// A group with the roles it carries by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The group.
    pub row: VpnGroupRow,
    /// Names beside it.
    pub names: VpnGroupNames,
    /// Roles by id.
    pub roles: Vec<(VpnRoleId, String)>,
}

/// Shows a group as it is staged.
///
/// Errors: `Forbidden`; `Fields` (`path`: `malformed`, `unknown`). Source: specs/vpn.md §7.6.
pub async fn show(ctx: &Ctx, path: &str) -> Result<Group> {
    ctx.require("vpn.group.read")?;
    let mut q = ctx.read();
    let row = find_at(&mut q, "path", path).await?;
    let names = rows::find_names(&mut q, row.id).await?.ok_or_else(|| Error::field("path", "unknown"))?;
    let roles = rows::list_roles(&mut q, row.id).await?;
    Ok(Group { row, names, roles })
}

/// A path as it is stored: without a slash at the end, the default group under its own name. None for a relative one.
pub(crate) fn normal(path: &str) -> Option<&str> {
    if !path.starts_with('/') {
        return None;
    }
    Some(match path.strip_suffix('/').unwrap_or(path) {
        "" => "/",
        DEFAULT_PATH_ENGLISH => DEFAULT_PATH,
        path => path,
    })
}

/// The path of a group by its parent's.
fn joined(parent: &str, name: &str) -> String {
    let path = format!("{}/{name}", parent.trim_end_matches('/'));
    if path == DEFAULT_PATH_ENGLISH { DEFAULT_PATH.to_owned() } else { path }
}

/// Finds a group by its path; (`field`: `malformed`, `unknown`).
pub(crate) async fn find_at(q: &mut impl Query, field: &'static str, path: &str) -> Result<VpnGroupRow> {
    let path = normal(path).ok_or_else(|| Error::field(field, "malformed"))?;
    let found = if field::is_askable(path) { rows::find_by_path(q, path).await? } else { None };
    found.ok_or_else(|| Error::field(field, "unknown"))
}

/// Finds a group that users may be put into; (`group`: `malformed`, `unknown`, `anonymous`).
pub(crate) async fn find_for_users(q: &mut impl Query, path: &str) -> Result<VpnGroupRow> {
    let group = find_at(q, "group", path).await?;
    if group.id == ANONYMOUS { Err(Error::field("group", "anonymous")) } else { Ok(group) }
}

/// Built-in groups are neither renamed, moved nor deleted.
const fn is_builtin(id: VpnGroupId) -> bool {
    id.0 < 0
}

/// Whether groups may lie in it.
fn takes_children(id: VpnGroupId) -> bool {
    id == ROOT || !is_builtin(id)
}

/// Whether a text may be the name of a group.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(',') && !name.contains('/') && field::is_text(name, field::MAX_GROUP_NAME)
}

/// Gives a group roles by name; unknown ones are passed over.
async fn insert_roles(tx: &mut Tx, id: VpnGroupId, roles: &[String]) -> Result<()> {
    for role in roles.iter().filter(|role| field::is_askable(role)) {
        rows::insert_role(tx, id, role).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_end_without_a_slash() {
        assert_eq!(normal("/"), Some("/"));
        assert_eq!(normal("/a/b/"), Some("/a/b"));
        assert_eq!(normal("/Default Group/"), Some(DEFAULT_PATH));
        assert_eq!((normal("a"), normal("")), (None, None));
        assert_eq!((joined("/", "a"), joined("/a", "b")), ("/a".to_owned(), "/a/b".to_owned()));
        assert_eq!(joined("/", "Default Group"), DEFAULT_PATH);
    }

    #[test]
    fn names_hold_no_slash() {
        assert!(is_name(&"x".repeat(96)) && !is_name(&"x".repeat(97)));
        assert!(!is_name("a/b") && !is_name("") && !is_name(",a") && is_name("a,b"));
    }
}
