//! People, roles and groups for stories of the bastion.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_domain::{
    Actor, Ctx, Edit, Error, Via,
    account::staff::{self, NewStaff},
    permission::CATALOGUE,
    role::{self, NewRole, ValidityEdit},
};
use gatehouse_model::{AccountId, Millis, Origin, ResourceGroupId, RoleId, Secret};
use gatehouse_store::{resource_group, role as roles};
use gatehouse_testkit::TestApp;

/// The role of members of role 1, and of nobody else.
pub(crate) const FIRST: RoleId = RoleId(1);
/// The role every new user has.
pub(crate) const CLIENT: RoleId = RoleId(2);
/// The seeded group.
pub(crate) const DEFAULT: ResourceGroupId = ResourceGroupId(1);

pub(crate) fn new(login: &str) -> NewStaff {
    NewStaff {
        login: staff::check_login(login).unwrap(),
        password: Secret::new("a long password"),
        name: format!("Name of {login}"),
        email: None,
        phone: None,
        remark: None,
        is_enabled: true,
    }
}

/// Makes a user and gives him roles beside the one that everybody has.
pub(crate) async fn user(app: &TestApp, login: &str, roles: &[RoleId]) -> AccountId {
    let id = staff::add(&app.operator(), &new(login)).await.unwrap();
    let wanted = roles.iter().chain([&CLIENT]).map(|role| (*role, Edit::Keep)).collect();
    staff::bind(&app.operator(), id, &wanted).await.unwrap();
    id
}

/// What a user may do now, as a request of his would carry it.
pub(crate) async fn signed_in(app: &TestApp, id: AccountId) -> Ctx {
    let row = gatehouse_store::account::find(&mut app.app.db().read(), id).await.unwrap().unwrap();
    let codes = roles::list_codes_of_account(&mut app.app.db().read(), id, app.app.now()).await.unwrap();
    let codes = codes.into_iter().collect();
    let actor = Actor::Account { id, login: row.login, name: row.name, codes, via: Via::Door };
    app.app.ctx(actor, Origin::Bastion)
}

/// Makes a role with codes and grants.
pub(crate) async fn role_with(app: &TestApp, name: &str, codes: &[&str], grants: &[(ResourceGroupId, &str)]) -> RoleId {
    let ctx = app.operator();
    let new = NewRole { name: name.to_owned(), code: name.to_owned(), remark: None };
    let id = role::add(&ctx, &new).await.unwrap();
    role::replace_codes(&ctx, id, &codes.iter().copied().collect(), &everything()).await.unwrap();
    role::replace_grants(&ctx, id, &wish(grants)).await.unwrap();
    id
}

/// Every installation-wide code.
pub(crate) fn everything() -> BTreeSet<&'static str> {
    CATALOGUE.iter().copied().collect()
}

/// Grants without times.
pub(crate) fn wish(grants: &[(ResourceGroupId, &str)]) -> BTreeMap<(ResourceGroupId, String), ValidityEdit> {
    grants.iter().map(|(group, code)| ((*group, (*code).to_owned()), ValidityEdit::default())).collect()
}

/// Roles without ends.
pub(crate) fn bound(roles: &[RoleId]) -> BTreeMap<RoleId, Edit<Millis>> {
    roles.iter().map(|role| (*role, Edit::Keep)).collect()
}

/// Makes a group, below another or as a root that nobody holds anything on.
pub(crate) async fn group(app: &TestApp, name: &str, parent: Option<ResourceGroupId>) -> ResourceGroupId {
    let mut tx = app.app.db().begin().await.unwrap();
    let parent = match parent {
        Some(id) => resource_group::find(&mut tx, id).await.unwrap(),
        None => None,
    };
    let id = resource_group::insert(&mut tx, (name, name), None, parent.as_ref(), false, app.app.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The kind of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: gatehouse_domain::Result<T>) -> &'static str {
    match result {
        Err(error) => error.code(),
        Ok(done) => panic!("not refused: {done:?}"),
    }
}

/// Fields and rules of a refusal.
pub(crate) fn faults<T: std::fmt::Debug>(result: gatehouse_domain::Result<T>) -> Vec<(&'static str, &'static str)> {
    match result {
        Err(Error::Fields(faults)) => faults.into_iter().map(|fault| (fault.field, fault.rule)).collect(),
        other => panic!("{other:?}"),
    }
}
