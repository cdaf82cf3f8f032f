//! `resource/rule/*`

mod add;
mod del;
mod edit;
mod get;

use gatehouse_domain::bastion::{policy::Scope, rule::Action};

use crate::{body::Fields, routes::Routes};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get("resource/rule/get", get::handle)
        .change("resource/rule/add", "command_rule.create", add::handle)
        .change("resource/rule/edit", "command_rule.edit", edit::handle)
        .change("resource/rule/del", "command_rule.delete", del::handle)
}

/// Longest name and pattern, characters.
const NAME: usize = 100;
const PATTERN: usize = 1_000;

/// Where a rule holds: `scope` and `object_id`; none when it is not named.
fn scope(fields: &mut Fields) -> Option<Scope> {
    let name = fields.changed_text("scope", 20)?;
    let scope = Scope::new(&name, fields.lone_integer("object_id").unwrap_or_default());
    if scope.is_none() {
        fields.fault("scope", "无效数据。");
    }
    scope
}

/// What a rule does; none when it is not named.
fn action(fields: &mut Fields) -> Option<Action> {
    let name = fields.changed_text("action", 20)?;
    let action = Action::new(&name);
    if action.is_none() {
        fields.fault("action", "无效数据。");
    }
    action
}
