//! `GET system/setting/get/`

use gatehouse_domain::bastion::setting;
use serde::Serialize;
use serde_json::Value;

use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    value: Value,
    editable: bool,
}

/// Lists the settings that hold now. Those that the configuration file or the environment names are not editable.
///
/// Shape: none → `detail`: `[{name, value, editable}]` by name. Units: durations as texts with a unit. Errors: E403 without 107.
/// Source: specs/bastion.md §13, §17.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let shown: Vec<Shown> = setting::list(&ctx)
        .await?
        .into_iter()
        .map(|one| Shown { name: one.name, value: one.value, editable: one.is_editable })
        .collect();
    Ok(Reply::detail(shown))
}
