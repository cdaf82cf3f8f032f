//! `version`

use crate::{
    answer::Answer,
    endpoint::{Call, Endpoint, For, never},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    action: "version",
    role: For::Everybody,
    changes: never,
    handle: |call| Box::pin(std::future::ready(Ok(handle(call)))),
};

/// Names the version.
///
/// Shape: nothing → `version` s. Errors: none. Source: seeds/004 "Версия `NoDeny`", specs/billing.md §5.1.
fn handle(call: &Call) -> Answer {
    let mut writer = call.writer();
    writer.text("version", call.settings().api.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION")));
    Answer::Data(writer.into_bytes())
}
