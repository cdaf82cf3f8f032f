//! Orders and coupons of users (specs/panel.md §2.5).

mod checkout;
pub(crate) mod coupon;
mod save;
pub(crate) mod shown;
mod view;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Post "v1/user/order/save", For::User, save::save),
    endpoint!(Post "v1/user/order/checkout", For::User, checkout::checkout),
    endpoint!(Post "v1/user/order/cancel", For::User, save::cancel),
    endpoint!(Get "v1/user/order/check", For::User, view::check),
    endpoint!(Get "v1/user/order/detail", For::User, view::detail),
    endpoint!(Get "v1/user/order/fetch", For::User, view::fetch),
    endpoint!(Get "v1/user/order/getPaymentMethod", For::User, view::methods),
    endpoint!(Post "v1/user/coupon/check", For::User, coupon::check),
];
