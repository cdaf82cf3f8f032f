//! `GET rbac/mfa/get/`

use gatehouse_domain::factor;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, reply::Reply, time};

#[derive(Serialize)]
struct State {
    enabled: bool,
    confirm_date: Option<String>,
    verify_date: Option<String>,
    recovery_left: i64,
}

/// Shows the caller's second factor.
///
/// Shape: none → `detail:{enabled, confirm_date, verify_date, recovery_left}`; `verify_date`: when this session proved it.
/// Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let state = factor::show(&ctx).await?;
    let shown = |at| time::shown(at, call.bastion.zone());
    Ok(Reply::detail(State {
        enabled: state.confirmed_at.is_some(),
        confirm_date: state.confirmed_at.map(shown),
        verify_date: state.proved_at.map(shown),
        recovery_left: state.recovery_left,
    }))
}
