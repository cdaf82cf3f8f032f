//! `User/DelUserByNameCloud`

use gatehouse_domain::vpn::user;

use super::WRONG;
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "DelUserByNameCloud",
    dialect: Dialect::Seed,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.user.delete",
    kind: "account",
    names: &["names"],
    handle: |call| Box::pin(handle(call)),
};

/// Deletes users; names of nobody are passed over.
///
/// Shape: `names`, a JSON array of texts or a list separated by commas → no `result`.
/// Errors: absent, empty, no array of texts, or none of them exists -2 参数错误.
/// Source: seeds/001 "删除用户", specs/vpn.md §7.5.
async fn handle(call: &Call) -> Outcome {
    let names = call.params.required("names", WRONG)?;
    let names =
        if names.starts_with('[') { serde_json::from_str(names).map_err(|_broken| WRONG)? } else { entries(names) };
    user::delete(&call.ctx, &names).await.map_err(told(&[("names", "unknown", WRONG)]))?;
    Ok(Success::new(text::USERS_DELETED))
}
