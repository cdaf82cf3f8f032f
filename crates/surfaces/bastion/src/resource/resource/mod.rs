//! `resource/resource/*`

mod add;
mod del;
mod edit;
mod get;

use gatehouse_domain::{Error, Fault, bastion::address::Given};
use gatehouse_model::VoucherId;

use super::is_given;
use crate::{
    body::{Blank, Fields},
    routes::Routes,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .change("resource/resource/add", "resource.create", add::handle)
        .change("resource/resource/edit", "resource.edit", edit::handle)
        .change("resource/resource/del", "resource.delete", del::handle)
        .get("resource/resource/get", get::handle)
}

/// Longest address or name, characters.
const ADDRESS: usize = 100;

/// The three forms of an address.
fn address(fields: &mut Fields) -> Given {
    Given {
        ipv4: fields.edit_text("ipv4_address", ADDRESS, Blank::Null),
        ipv6: fields.edit_text("ipv6_address", ADDRESS, Blank::Null),
        domain: fields.edit_text("domain", ADDRESS, Blank::Null),
    }
}

/// Adds what the domain found. A field that came under its other name, or that could not be read, was given all the same.
fn note_found(fields: &mut Fields, found: Result<Vec<Fault>, Error>) -> Result<(), Error> {
    let is_given = |fault: &Fault| match fault.field {
        "ip" => ["ipv4_address", "ipv6_address", "domain"].iter().any(|form| fields.is_faulty(form)),
        "protocol" => fields.is_faulty("protocol_ids"),
        _ => false,
    };
    let found = found.map(|faults| faults.into_iter().filter(|fault| !is_given(fault)).collect());
    fields.note_found(found)
}

/// The vouchers to bind, by either name of the field.
fn vouchers(fields: &mut Fields) -> Option<Vec<VoucherId>> {
    let name = if fields.has("voucher_ids") { "voucher_ids" } else { "voucher" };
    let ids = fields.optional_integers(name)?;
    Some(ids.into_iter().map(VoucherId).collect())
}

/// The name under which the protocol comes: `protocol`, or a list `protocol_ids` of one.
fn protocol(fields: &mut Fields) -> Option<i64> {
    if fields.has("protocol") || !is_given(fields, "protocol_ids") {
        return None;
    }
    let ids = fields.optional_integers("protocol_ids")?;
    if let [id] = ids.as_slice() {
        return Some(*id);
    }
    fields.fault("protocol", "协议错误");
    None
}
