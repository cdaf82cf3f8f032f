//! A user as replies show one (specs/bastion.md §6.1 "Row types").

use gatehouse_domain::account::own::Person;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::{media, time};

/// The keys in the order of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct User {
    id: i64,
    account: String,
    name: Option<String>,
    email: Option<String>,
    status: bool,
    protected: bool,
    phone_number: Option<String>,
    avatar: String,
    create_date: String,
    update_date: String,
    login_date: Option<String>,
    remark: Option<String>,
    roles: Vec<i64>,
}

impl User {
    pub(crate) fn new(person: Person, zone: &TimeZone) -> Self {
        Self {
            id: person.id.0,
            account: person.login,
            name: person.name,
            email: person.email,
            status: person.is_enabled,
            protected: person.is_protected,
            phone_number: person.phone,
            avatar: person.avatar.unwrap_or_else(|| media::DEFAULT_AVATAR.to_owned()),
            create_date: time::shown(person.created_at, zone),
            update_date: time::shown(person.updated_at, zone),
            login_date: person.last_login_at.map(|at| time::shown(at, zone)),
            remark: person.remark,
            roles: person.roles.into_iter().map(|role| role.0).collect(),
        }
    }
}
