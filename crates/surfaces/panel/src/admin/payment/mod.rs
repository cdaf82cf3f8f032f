//! Staff's `payment/*` (specs/panel.md §4.3).

mod fetch;
mod form;
mod place;
mod save;

use gatehouse_model::PaymentChannelId;

use crate::{
    answer::Failure,
    endpoint::{Call, Endpoint, For, endpoint},
};

const STAFF: For = For::Staff("panel.payment");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/payment/fetch", STAFF, fetch::fetch),
    endpoint!(Get "v2/{sp}/payment/getPaymentMethods", STAFF, form::methods),
    endpoint!(Both "v2/{sp}/payment/getPaymentForm", STAFF, form::form),
    endpoint!(Post "v2/{sp}/payment/save", STAFF, save::save),
    endpoint!(Post "v2/{sp}/payment/drop", STAFF, place::remove),
    endpoint!(Post "v2/{sp}/payment/show", STAFF, place::show),
    endpoint!(Post "v2/{sp}/payment/sort", STAFF, place::sort),
];

/// The channel that a call names.
fn id(call: &Call) -> Result<PaymentChannelId, Failure> {
    call.input.id("id").map(PaymentChannelId)
}
