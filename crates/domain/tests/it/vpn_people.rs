//! Users and groups for stories of the vpn surface.

use gatehouse_domain::{
    Caller, Ctx,
    vpn::{
        call,
        group::{self, NewGroup},
        method, publish,
        user::{self, NewUser, UserEdit},
    },
};
use gatehouse_model::{AccountId, Secret, VpnGroupId, VpnPolicySetId};
use gatehouse_store::audit;
use gatehouse_testkit::TestApp;

/// Whoever signs with the API secret.
pub(crate) fn caller(app: &TestApp) -> Ctx {
    call::verified(&app.app, Caller::default())
}

/// A user as the seed's example asks for one.
pub(crate) fn new(name: &str, group: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        group: group.to_owned(),
        note: String::new(),
        phone: String::new(),
        password: Some(Secret::new("a password")),
        roles: Vec::new(),
        inherits_auth: true,
        inherits_policy: true,
        methods: method::PASSWORD,
        server: None,
        token_server_id: 0,
        is_public: false,
        expires_on: None,
    }
}

/// An edit that changes nothing.
pub(crate) fn edit(name: &str, group: &str) -> UserEdit {
    UserEdit { old_name: name.to_owned(), group: group.to_owned(), ..UserEdit::default() }
}

pub(crate) async fn add(app: &TestApp, name: &str, group: &str) -> AccountId {
    user::add(&caller(app), &new(name, group)).await.unwrap()
}

/// A group with the defaults of the WebApi.
pub(crate) fn new_group(parent: &str, name: &str) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        parent: parent.to_owned(),
        note: String::new(),
        roles: Vec::new(),
        inherits_auth: true,
        inherits_policy: true,
        inherits_roles: true,
        forces_auth: false,
        forces_policy: false,
        methods: method::PASSWORD,
        is_any_of: false,
        server: None,
        token_server_id: 0,
        policy_set_id: VpnPolicySetId(0),
    }
}

pub(crate) async fn add_group(app: &TestApp, parent: &str, name: &str) -> VpnGroupId {
    group::add(&caller(app), &new_group(parent, name)).await.unwrap()
}

/// Publishes what is staged.
pub(crate) async fn make_live(app: &TestApp) {
    publish::apply(&app.operator()).await.unwrap();
}

/// Name, outcome and object of the newest audit rows of an action, newest first.
pub(crate) async fn trail(app: &TestApp, action: &str) -> Vec<(String, String)> {
    let rows = audit::list(&mut app.app.db().read(), i64::MAX, Some(action), 100).await.unwrap();
    rows.into_iter().map(|row| (row.object_name, row.outcome)).collect()
}
