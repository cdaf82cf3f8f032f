//! `Group/MoveGrpUserCloud`

use gatehouse_domain::vpn::group::{self, Relocation};

use crate::{
    answer::{Outcome, Refusal, Success, Words, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "MoveGrpUserCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.group.move",
    kind: "vpn_group",
    names: &["groups", "users"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(-13, text::PARAMETER);
const UNKNOWN: Refusal = refusal(-13, text::USER_OR_GROUP_UNKNOWN);

const WORDS: Words = &[
    ("source", "unknown", UNKNOWN),
    ("target", "unknown", UNKNOWN),
    ("groups", "unknown", UNKNOWN),
    ("users", "unknown", UNKNOWN),
    ("source", "", WRONG),
    ("target", "", WRONG),
    ("groups", "", WRONG),
    ("users", "", WRONG),
    ("group", "", WRONG),
    ("new_parent", "", WRONG),
    ("new_name", "", WRONG),
];

/// Moves groups and users, all or none.
///
/// Shape: `src_group`, `dst_group` (`/`), `groups` (list of paths), `users` (list of names, wherever they are); one of the last two
/// is required → message `Moved:N`, no `result`.
/// Errors: no such user or group -13 用户或用户组不存在; names that clash, a group into itself, built-in groups, absent
/// parameters -13 参数错误.
/// Source: specs/vpn.md §6, §8.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let source = params.required("src_group", WRONG)?;
    let (groups, users) = (params.list("groups").unwrap_or_default(), params.list("users").unwrap_or_default());
    if groups.is_empty() && users.is_empty() {
        params.required("groups", WRONG)?;
        return Err(WRONG.into());
    }
    let target = params.filled("dst_group").unwrap_or("/").to_owned();
    let wish = Relocation { source: source.to_owned(), target, groups, users };
    let moved = group::relocate(&call.ctx, &wish).await.map_err(told(WORDS))?;
    Ok(Success::literal(format!("Moved:{moved}")))
}
