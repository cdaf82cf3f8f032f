//! `Group/UpdateGroupCloud`

use gatehouse_domain::vpn::group::{self, GroupEdit};

use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "UpdateGroupCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.group.update",
    kind: "vpn_group",
    names: &["old_parent_group", "old_name"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(10, text::PARAMETER);

/// Edits, renames, moves a group with everything below it.
///
/// Shape: `old_name`, `new_name`, `old_parent_group`, `new_parent_group` (full paths), `note`, `role_name` (list; empty: none),
/// `is_enable` (only 0 and 1 act) → no `result`. What is absent is kept.
/// Errors: 10 参数错误 for all.
/// Source: specs/vpn.md §6, §8.
async fn handle(call: &Call) -> Outcome {
    let required = |name| call.params.required(name, WRONG).map(str::to_owned);
    let edit = GroupEdit {
        old_name: required("old_name")?,
        new_name: required("new_name")?,
        old_parent: required("old_parent_group")?,
        new_parent: required("new_parent_group")?,
        note: call.params.get("note").map(str::to_owned),
        roles: call.params.list("role_name"),
        is_enabled: match call.params.get("is_enable") {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        },
    };
    let words = told(&[
        ("old_name", "", WRONG),
        ("new_name", "", WRONG),
        ("old_parent", "", WRONG),
        ("new_parent", "", WRONG),
        ("group", "", WRONG),
        ("note", "", WRONG),
    ]);
    group::edit(&call.ctx, &edit).await.map_err(words)?;
    Ok(Success::new(text::GROUP_UPDATED))
}
