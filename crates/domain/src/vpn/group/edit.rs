//! Editing a group.

use gatehouse_store::{lock, vpn_group as rows};

use super::{OBJECT, find_at, insert_roles, is_name, joined, relocate};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    vpn::{
        field,
        staged::{self, Twin},
        trail,
    },
};

const CODE: &str = "vpn.group.update";

/// An edit of a group; `None` keeps what is there.
#[derive(Debug, Clone, Default)]
pub struct GroupEdit {
    /// Name now.
    pub old_name: String,
    /// Name afterwards.
    pub new_name: String,
    /// Path of the group above now.
    pub old_parent: String,
    /// Path of the group above afterwards.
    pub new_parent: String,
    /// Note.
    pub note: Option<String>,
    /// Roles by name, all of them; unknown ones are passed over.
    pub roles: Option<Vec<String>>,
    /// The switch.
    pub is_enabled: Option<bool>,
}

/// Edits a group, staged; a rename or move takes along everything below.
///
/// Errors: `Forbidden`; `Fields`, the first of (`old_name` `new_name` `old_parent` `new_parent`, `empty`), (`old_parent`:
/// `malformed`, `unknown`), (`old_name`, `unknown`), (`new_name`, `malformed`), (`new_parent`: `malformed`, `unknown`), (`group`,
/// `builtin`), (`new_parent`: `childless`, `inside`), (`new_name`: `taken`, `too_deep`), (`note`, `malformed`). Source:
/// specs/vpn.md §6, §8.
pub async fn edit(ctx: &Ctx, edit: &GroupEdit) -> Result<()> {
    let mut tx = staged::begin(ctx, CODE).await?;
    lock::own_tree(&mut tx).await?;
    let required = [
        ("old_name", &edit.old_name),
        ("new_name", &edit.new_name),
        ("old_parent", &edit.old_parent),
        ("new_parent", &edit.new_parent),
    ];
    if let Some((field, _)) = required.into_iter().find(|(_, value)| value.is_empty()) {
        return Err(Error::field(field, "empty"));
    }
    let old_parent = find_at(&mut tx, "old_parent", &edit.old_parent).await?;
    let group = find_at(&mut tx, "old_name", &joined(&old_parent.path, &edit.old_name)).await?;
    // A name with a slash would find somebody further down.
    if group.parent_id != Some(old_parent.id) {
        return Err(Error::field("old_name", "unknown"));
    }
    let name = if edit.new_name == edit.old_name { &group.name } else { &edit.new_name };
    if *name != group.name && !is_name(name) {
        return Err(Error::field("new_name", "malformed"));
    }
    let parent = find_at(&mut tx, "new_parent", &edit.new_parent).await?;
    relocate::put(ctx, &mut tx, &group, &parent, name).await?;
    if edit.note.as_ref().is_some_and(|note| !field::is_text(note, field::MAX_NAME)) {
        return Err(Error::field("note", "malformed"));
    }
    let unknown = || Error::field("old_name", "unknown");
    let mut row = rows::find(&mut tx, group.id).await?.ok_or_else(unknown)?;
    row.note = edit.note.clone().unwrap_or(row.note);
    row.is_enabled = edit.is_enabled.unwrap_or(row.is_enabled);
    row.updated_at = ctx.now();
    rows::update(&mut tx, &row).await?;
    if let Some(roles) = &edit.roles {
        rows::delete_roles(&mut tx, group.id).await?;
        insert_roles(&mut tx, group.id, roles).await?;
    }
    staged::mark(&mut tx, Twin::Group, group.id.0).await?;
    let detail = (row.path != group.path).then(|| serde_json::json!({ "new_path": row.path }));
    let label = trail::label([group.path.as_str()]);
    trail::changed(&mut tx, ctx, CODE, Object::new(OBJECT, group.id.0, &label), detail).await?;
    Ok(tx.commit().await?)
}
