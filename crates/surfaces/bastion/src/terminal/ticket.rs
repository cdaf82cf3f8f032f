//! `terminal/ticket/`

use gatehouse_domain::bastion::ticket;
use gatehouse_model::{ResourceId, VoucherId};
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, reply::Reply};

#[derive(Serialize)]
struct Ticket<'a> {
    ticket: &'a str,
    expires_in: u64,
}

/// Makes a ticket for one terminal.
///
/// Shape: `{resource_id, voucher_id}` → `{ticket, expires_in}`. Units: seconds. Errors: E400f, E403 for API tokens.
/// Whether resource and voucher exist and are allowed is found out when the ticket is used.
/// Source: specs/bastion.md §7.5, §13.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut fields = call.fields()?;
    let resource = fields.integer("resource_id");
    let voucher = fields.integer("voucher_id");
    fields.finish()?;
    let secret = ticket::issue(&ctx, ResourceId(resource), VoucherId(voucher)).await?;
    Ok(Reply::detail(Ticket { ticket: secret.expose(), expires_in: ticket::LIFE.as_secs() }))
}
