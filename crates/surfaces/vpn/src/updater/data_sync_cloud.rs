//! `Updater/DataSyncCloud`

use super::apply;
use crate::{
    answer::{Outcome, Success, refusal},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Updater",
    action: "DataSyncCloud",
    dialect: Dialect::Standard,
    effect: Effect::Apply,
    unfit: refusal(-2, text::PARAMETER),
    event: "vpn.staged.apply",
    kind: "vpn_publication",
    names: &[],
    handle: |call| Box::pin(handle(call)),
};

/// Publishes all staged changes of all callers.
///
/// Shape: no parameters → no `result`.
/// Errors: every error -13 数据备份与生效接口调用失败, and nothing is published.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    apply(&call.ctx).await?;
    Ok(Success::new(text::SYNCED))
}
