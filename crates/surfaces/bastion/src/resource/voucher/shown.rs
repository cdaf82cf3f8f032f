//! A voucher as replies show one: never a secret (specs/bastion.md §6.1 "Row types").

use gatehouse_domain::bastion::voucher::{Bound, Voucher};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::time;

/// The keys in the order of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: i64,
    name: String,
    username: String,
    description: Option<String>,
    create_date: String,
    update_date: String,
    group: i64,
}

impl Shown {
    pub(crate) fn new(voucher: Voucher, zone: &TimeZone) -> Self {
        Self {
            id: voucher.id.0,
            name: voucher.name,
            username: voucher.username,
            description: voucher.remark,
            create_date: time::shown(voucher.created_at, zone),
            update_date: time::shown(voucher.updated_at, zone),
            group: voucher.resource_group_id.0,
        }
    }

    pub(crate) fn bound(voucher: Bound, zone: &TimeZone) -> Self {
        Self {
            id: voucher.id.0,
            name: voucher.name,
            username: voucher.username,
            description: voucher.remark,
            create_date: time::shown(voucher.created_at, zone),
            update_date: time::shown(voucher.updated_at, zone),
            group: voucher.resource_group_id.0,
        }
    }
}
