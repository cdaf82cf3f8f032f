//! `version`

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "version", role: For::Everybody, changes: never, handle: |call| Box::pin(handle(call)) };

/// Names the version.
///
/// Shape: nothing → `version` s. Errors: none. Source: seeds/004 "Версия NoDeny", specs/billing.md §5.1.
async fn handle(call: &Call) -> Outcome {
    let mut writer = call.writer();
    writer.text("version", call.settings().api.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION")));
    Ok(Answer::Data(writer.into_bytes()))
}
