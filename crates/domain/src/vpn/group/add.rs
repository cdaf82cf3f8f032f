//! Making a group.

use gatehouse_model::{VpnGroupId, VpnPolicySetId};
use gatehouse_store::{auth_server, lock, vpn_group as rows, vpn_policy_set};

use super::{OBJECT, find_at, insert_roles, is_name, joined, takes_children};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{
        field, method,
        staged::{self, Twin},
        trail,
    },
};

const CODE: &str = "vpn.group.create";

/// A group to make.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Name; at most 96 bytes, no `/`.
    pub name: String,
    /// Path of the group above.
    pub parent: String,
    /// Note; at most 48 bytes.
    pub note: String,
    /// Roles by name; unknown ones are passed over.
    pub roles: Vec<String>,
    /// Whether the group above decides on the methods.
    pub inherits_auth: bool,
    /// Whether the group above decides on the policy set.
    pub inherits_policy: bool,
    /// Whether the roles of the groups above count here.
    pub inherits_roles: bool,
    /// Whether everything below inherits the methods.
    pub forces_auth: bool,
    /// Whether everything below inherits the policy set.
    pub forces_policy: bool,
    /// Own methods but for the external server, see [`method`].
    pub methods: i64,
    /// Whether one method is enough.
    pub is_any_of: bool,
    /// The external server by name, as a method more.
    pub server: Option<String>,
    /// The token server's number, 0: none.
    pub token_server_id: i64,
    /// Own policy set.
    pub policy_set_id: VpnPolicySetId,
}

/// Makes a group, staged.
///
/// Errors: `Forbidden`; `Fields`, the first of (`name`: `empty`, `malformed`), (`parent`: `malformed`, `unknown`,
/// `childless`), (`name`: `taken`, `too_deep`), (`note`, `malformed`), (`policy_set`, `unknown`), (`auth_server`, `unknown`).
/// Source: specs/vpn.md §6, §8.
pub async fn add(ctx: &Ctx, new: &NewGroup) -> Result<VpnGroupId> {
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::own_tree(&mut tx).await?;
    if new.name.is_empty() {
        return Err(Error::field("name", "empty"));
    }
    if !is_name(&new.name) {
        return Err(Error::field("name", "malformed"));
    }
    let parent = find_at(&mut tx, "parent", &new.parent).await?;
    if !takes_children(parent.id) {
        return Err(Error::field("parent", "childless"));
    }
    let path = joined(&parent.path, &new.name);
    if rows::find_by_path(&mut tx, &path).await?.is_some() {
        return Err(Error::field("name", "taken"));
    }
    if path.len() > field::MAX_PATH {
        return Err(Error::field("name", "too_deep"));
    }
    if !field::is_text(&new.note, field::MAX_NAME) {
        return Err(Error::field("note", "malformed"));
    }
    if vpn_policy_set::find(&mut tx, new.policy_set_id).await?.is_none() {
        return Err(Error::field("policy_set", "unknown"));
    }
    let server = match &new.server {
        None => None,
        Some(name) => {
            let found = if field::is_askable(name) { auth_server::find_by_name(&mut tx, name).await? } else { None };
            Some(found.ok_or_else(|| Error::field("auth_server", "unknown"))?.id)
        }
    };
    let external = if server.is_some() { method::EXTERNAL } else { 0 };
    let row = rows::VpnGroupRow {
        id: VpnGroupId(0),
        name: new.name.clone(),
        path,
        parent_id: Some(parent.id),
        note: new.note.clone(),
        is_enabled: true,
        inherits_auth: new.inherits_auth,
        inherits_policy: new.inherits_policy,
        inherits_roles: new.inherits_roles,
        forces_auth: new.forces_auth,
        forces_policy: new.forces_policy,
        methods: new.methods | external,
        is_any_of: new.is_any_of,
        auth_server_id: server,
        token_server_id: new.token_server_id,
        policy_set_id: new.policy_set_id,
        created_at: ctx.now(),
        updated_at: ctx.now(),
    };
    let id = rows::insert(&mut tx, &row).await?;
    insert_roles(&mut tx, id, &new.roles).await?;
    staged::mark(&mut tx, Twin::Group, id.0).await?;
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, id.0, &trail::label([row.path.as_str()])), None).await?;
    tx.commit().await?;
    Ok(id)
}
