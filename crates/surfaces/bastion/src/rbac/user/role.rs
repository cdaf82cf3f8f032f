//! `POST rbac/user/role/`

use std::collections::BTreeMap;

use gatehouse_domain::{Edit, account::staff};
use gatehouse_model::{AccountId, Millis, RoleId};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{
    body::Fields,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text, time,
};

/// Replaces the roles of a user.
///
/// Shape: `{id, roles[, valid_until: {"<role id>": time or null}]}` → ok; a role without an entry keeps the end it has, null
/// takes it. Errors: 403, also when the user or a role that is given, taken or dated holds more than the caller; 404;
/// E400t protected, last administrator; E400f roles 角色不存在. Source: seeds/003 operation 10, specs/bastion.md §6.1 row 10.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.update")?;
    let mut fields = call.fields()?;
    let id = AccountId(fields.lone_integer("id").ok_or_else(Refusal::not_found)?);
    let roles = fields.integers("roles");
    let mut wanted: BTreeMap<RoleId, Edit<Millis>> = roles.into_iter().map(|id| (RoleId(id), Edit::Keep)).collect();
    date(&mut fields, &mut wanted, call.bastion.zone());
    if fields.has_faults() {
        fields.note(staff::bind_faults(&mut ctx.read(), &wanted).await?);
    }
    fields.finish()?;
    staff::bind(&ctx, id, &wanted).await?;
    Ok(Reply::ok())
}

/// Reads the ends of the memberships; entries of roles that are not bound are without meaning.
fn date(fields: &mut Fields, wanted: &mut BTreeMap<RoleId, Edit<Millis>>, zone: &TimeZone) {
    let ends = match fields.value("valid_until") {
        None | Some(Value::Null) => return,
        Some(Value::Object(ends)) => ends,
        Some(_) => return fields.fault("valid_until", text::NOT_TIME),
    };
    let mut is_wrong = false;
    for (role, end) in ends {
        let edit = match end {
            Value::Null => Some(Edit::Clear),
            end => end.as_str().and_then(|end| time::parse(end, zone)).map(|(at, _)| Edit::Set(at)),
        };
        match (role.parse().ok().and_then(|id| wanted.get_mut(&RoleId(id))), edit) {
            (_, None) => is_wrong = true,
            (Some(wish), Some(edit)) => *wish = edit,
            (None, Some(_)) => {}
        }
    }
    if is_wrong {
        fields.fault("valid_until", text::NOT_TIME);
    }
}
