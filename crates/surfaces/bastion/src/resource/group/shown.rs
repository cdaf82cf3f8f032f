//! A resource group as replies show one (specs/bastion.md §6.1 "Row types").

use gatehouse_domain::bastion::group::Group;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::time;

/// The keys in the order of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: i64,
    name: String,
    description: Option<String>,
    create_date: String,
    update_date: String,
    level: i64,
    parent: Option<i64>,
    root: i64,
}

impl Shown {
    pub(crate) fn new(group: Group, zone: &TimeZone) -> Self {
        Self {
            id: group.id.0,
            name: group.name,
            description: group.remark,
            create_date: time::shown(group.created_at, zone),
            update_date: time::shown(group.updated_at, zone),
            level: group.level,
            parent: group.parent_id.map(|id| id.0),
            root: group.root_id.0,
        }
    }
}
