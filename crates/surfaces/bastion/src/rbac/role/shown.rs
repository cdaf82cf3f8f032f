//! A role as replies show one (specs/bastion.md §6.1 "Row types").

use gatehouse_domain::role::RoleRow;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::time;

/// The keys in the order of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct Role {
    id: i64,
    name: String,
    code: String,
    description: Option<String>,
    status: bool,
    protected: bool,
    create_date: String,
    update_date: String,
}

impl Role {
    pub(crate) fn new(row: RoleRow, zone: &TimeZone) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            code: row.code,
            description: row.remark,
            status: row.is_enabled,
            protected: row.is_protected,
            create_date: time::shown(row.created_at, zone),
            update_date: time::shown(row.updated_at, zone),
        }
    }
}
