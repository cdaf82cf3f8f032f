//! `GET rbac/user/get/`

use gatehouse_domain::account::staff::{self, Filter};

use super::shown::User;
use crate::{call::Call, envelope::Outcome, page};

/// Lists users.
///
/// Shape: `?name=&account=&email=&phone_number=` (parts, whatever their case), `&status=`, paging → page of users.
/// Errors: 403; E400f. Source: seeds/003 operation 7, specs/bastion.md §6.1 row 7.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.read")?;
    let mut query = call.query();
    let filter = Filter {
        name: query.text("name"),
        login: query.text("account"),
        email: query.text("email"),
        phone: query.text("phone_number"),
        is_enabled: query.boolean("status"),
    };
    let paging = query.paging();
    query.finish()?;
    let list = staff::list(&ctx, &filter, paging).await?;
    Ok(page::reply(paging, list, |person| User::new(person, call.bastion.zone())))
}
