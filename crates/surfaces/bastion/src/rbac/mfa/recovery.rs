//! `POST rbac/mfa/recovery/`

use gatehouse_domain::factor;

use super::{Codes, NONE, code_of, named};
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Replaces the recovery codes.
///
/// Shape: `{code}` → `detail:{recovery_codes}`. Errors: as verify. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let codes = factor::replace_codes(&ctx, &code_of(&call)?).await.map_err(|error| named(error, NONE))?;
    Ok(Reply::detail(Codes::new(&codes)))
}
