//! `GET rbac/user/detail/`

use gatehouse_domain::account::own;
use serde::Serialize;

use super::shown::User;
use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    user: User,
    ip: Option<String>,
}

/// Shows the caller's own account.
///
/// Shape: none → `detail`: user and `ip`, the caller's address. Errors: 401. Limited sessions may.
/// Source: seeds/003 operation 9, specs/bastion.md §6.1 row 9.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let person = own::show(&ctx).await?;
    let ip = ctx.caller.address.map(|address| address.to_string());
    Ok(Reply::detail(Detail { user: User::new(person, call.bastion.zone()), ip }))
}
