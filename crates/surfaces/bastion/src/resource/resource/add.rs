//! `POST resource/resource/add/`

use gatehouse_domain::bastion::resource::{self, NewResource};
use gatehouse_model::{ProtocolId, ResourceGroupId};

use super::{
    super::{NAME, NOTE, id, is_given, new_boolean, new_integer, port},
    address, note_found, protocol, vouchers,
};
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Makes a resource.
///
/// Shape: `{name, ipv4_address | ipv6_address | domain, group, protocol | protocol_ids: [id], port?, description?, status?,
/// voucher_ids? | voucher?}` → ok. Errors: E403 without 16 on the group, or 22 for vouchers; E400t 错误参数 without group; E404
/// group; E400f. Source: seeds/003 operation 24, specs/bastion.md §6.1 row 24, §6.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    resource::may_add(&ctx).await?;
    let mut fields = call.fields()?;
    let group = ResourceGroupId(id(&fields, "group")?);
    let name = fields.text("name", NAME);
    let address = address(&mut fields);
    let protocol = match protocol(&mut fields) {
        Some(id) => id,
        None if fields.is_faulty("protocol_ids") || fields.is_faulty("protocol") => 0,
        None => fields.integer("protocol"),
    };
    let given = new_integer(&mut fields, "port");
    let new = NewResource {
        name,
        address,
        port: port(&mut fields, given),
        group,
        protocol: ProtocolId(protocol),
        is_enabled: new_boolean(&mut fields, "status").unwrap_or(true),
        remark: fields.optional_text("description", NOTE, Blank::Null),
        vouchers: if is_given(&fields, "voucher_ids") || is_given(&fields, "voucher") {
            vouchers(&mut fields).unwrap_or_default()
        } else {
            Vec::new()
        },
    };
    if fields.has_faults() {
        let found = resource::faults(&ctx, &new).await;
        note_found(&mut fields, found)?;
    }
    fields.finish()?;
    resource::add(&ctx, &new).await?;
    Ok(Reply::ok())
}
