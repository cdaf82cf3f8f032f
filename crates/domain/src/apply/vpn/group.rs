//! Groups, in both twins; and what groups and users say of authentication and policy.

use gatehouse_model::{AuthServerId, VpnGroupId, VpnPolicySetId};
use gatehouse_store::{
    Query, Tx, auth_server, vpn_group as rows, vpn_group::VpnGroupRow, vpn_policy_set, vpn_role::Linked, vpn_twin,
    vpn_twin_row as live,
};

use super::{
    super::{Change, VpnGroupEntry},
    file::{AuthKeys, AuthMethod},
    thing,
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    vpn::{field, group, method, policy_set, reach::Reach},
};

/// [`AuthKeys`] with ids; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Auth {
    pub(super) inherits_methods: Option<bool>,
    pub(super) inherits_policy: Option<bool>,
    pub(super) methods: Option<i64>,
    pub(super) is_any_of: Option<bool>,
    /// Zero: none.
    pub(super) server_id: Option<AuthServerId>,
    pub(super) policy_set: Option<VpnPolicySetId>,
}

/// Resolves names. `Invalid` naming what does not exist.
pub(super) async fn resolve(q: &mut impl Query, keys: &AuthKeys<'_>) -> Result<Auth> {
    let server_id = match keys.auth_server {
        None => None,
        Some("") => Some(AuthServerId(0)),
        Some(name) => {
            let missing = || Error::invalid("auth_server", format!("no auth_server is `{name}`"));
            Some(auth_server::find_by_name(q, name).await?.ok_or_else(missing)?.id)
        }
    };
    let policy_set = match keys.policy_set {
        None => None,
        Some("") => Some(policy_set::DEFAULT),
        Some(name) => {
            let missing = || Error::invalid("policy_set", format!("no vpn.policy_set is `{name}`"));
            Some(vpn_policy_set::find_by_name(q, name).await?.ok_or_else(missing)?.id)
        }
    };
    Ok(Auth {
        inherits_methods: keys.inherits_auth,
        inherits_policy: keys.inherits_policy,
        methods: keys.methods.map(|methods| methods.iter().map(|method| bit(*method)).fold(0, |all, bit| all | bit)),
        is_any_of: keys.is_any_of,
        server_id,
        policy_set,
    })
}

impl Auth {
    /// The server as it shall be.
    pub(super) fn server(&self, old: Option<AuthServerId>) -> Option<AuthServerId> {
        self.server_id.map_or(old, |id| Some(id).filter(|id| id.0 != 0))
    }
}

const fn bit(method: AuthMethod) -> i64 {
    match method {
        AuthMethod::Password => method::PASSWORD,
        AuthMethod::External => method::EXTERNAL,
        AuthMethod::Certificate => method::CERTIFICATE,
        AuthMethod::Sms => method::SMS,
        AuthMethod::HardwareId => method::HARDWARE_ID,
        AuthMethod::Token => method::TOKEN,
    }
}

pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, entry: &VpnGroupEntry, reach: &mut Reach) -> Result<Change> {
    let path = path(entry)?;
    let auth = resolve(tx, &entry.auth()).await?;
    if entry.note.as_ref().is_some_and(|note| !field::is_text(note, field::MAX_NAME)) {
        return Err(Error::invalid("note", "at most 48 bytes, none of control"));
    }
    let apply = |mut row: VpnGroupRow| {
        row.note = entry.note.clone().unwrap_or(row.note);
        row.is_enabled = entry.enabled.unwrap_or(row.is_enabled);
        row.inherits_auth = auth.inherits_methods.unwrap_or(row.inherits_auth);
        row.inherits_policy = auth.inherits_policy.unwrap_or(row.inherits_policy);
        row.inherits_roles = entry.inherit_roles.unwrap_or(row.inherits_roles);
        row.forces_auth = entry.force_auth.unwrap_or(row.forces_auth);
        row.forces_policy = entry.force_policy.unwrap_or(row.forces_policy);
        row.methods = auth.methods.unwrap_or(row.methods);
        row.is_any_of = auth.is_any_of.unwrap_or(row.is_any_of);
        row.auth_server_id = auth.server(row.auth_server_id);
        row.policy_set_id = auth.policy_set.unwrap_or(row.policy_set_id);
        row
    };
    let found = rows::find_by_path(tx, path).await?;
    let is_new = found.is_none();
    let staged = match found {
        Some(row) => row,
        None => fresh(ctx, tx, path).await?,
    };
    let mut new = apply(staged.clone());
    if new.id == group::ROOT && !new.is_enabled {
        return Err(Error::invalid("enabled", "the root cannot be disabled"));
    }
    if is_new {
        new.id = rows::insert(tx, &new).await?;
    }
    let old = live::find_group(tx, new.id).await?;
    if old.is_none() {
        require_live(tx, new.parent_id).await?;
    }
    let mut new_live = apply(old.clone().unwrap_or_else(|| new.clone()));
    let mut is_changed = new != staged || old.as_ref() != Some(&new_live);
    let told = |row: &VpnGroupRow| (row.inherits_policy, row.forces_policy, row.policy_set_id, row.inherits_roles);
    if old.as_ref().is_some_and(|old| told(old) != told(&new_live)) {
        reach.groups.insert(new.id);
    }
    if is_changed {
        (new.updated_at, new_live.updated_at) = (ctx.now(), ctx.now());
        rows::update(tx, &new).await?;
        live::put_group(tx, &new_live).await?;
    }
    if let Some(names) = &entry.roles {
        let wanted = thing::role_ids(tx, names).await?;
        if !thing::holds(tx, Linked::Groups, new.id.0, &wanted).await? {
            thing::hold(tx, Linked::Groups, new.id.0, &wanted).await?;
            reach.groups.insert(new.id);
            is_changed = true;
        }
    }
    if is_changed {
        audit::changed(tx, ctx, "vpn.group.update", Object::new("vpn_group", new.id.0, path)).await?;
    }
    Ok(match (is_new, is_changed) {
        (true, _) => Change::Created,
        (false, true) => Change::Updated,
        (false, false) => Change::Unchanged,
    })
}

/// A group that is not there yet.
async fn fresh(ctx: &Ctx, tx: &mut Tx, path: &str) -> Result<VpnGroupRow> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let above = if above.is_empty() { "/" } else { above };
    if name.len() > field::MAX_GROUP_NAME || name.starts_with(',') || path.len() > field::MAX_PATH {
        return Err(Error::invalid("path", "names of at most 96 bytes that do not begin with a comma"));
    }
    let missing = || Error::invalid("path", format!("no published group is `{above}`; name it earlier in the file"));
    let parent = vpn_twin::find_group(tx, above).await?.ok_or_else(missing)?;
    if parent == group::DEFAULT || parent == group::ANONYMOUS {
        return Err(Error::invalid("path", "nothing lies below the default and the anonymous group"));
    }
    Ok(VpnGroupRow {
        id: VpnGroupId(0),
        name: name.to_owned(),
        path: path.to_owned(),
        parent_id: Some(parent),
        note: String::new(),
        is_enabled: true,
        inherits_auth: true,
        inherits_policy: true,
        inherits_roles: true,
        forces_auth: false,
        forces_policy: false,
        methods: method::PASSWORD,
        is_any_of: false,
        auth_server_id: None,
        token_server_id: 0,
        policy_set_id: policy_set::DEFAULT,
        created_at: ctx.now(),
        updated_at: ctx.now(),
    })
}

/// A group becomes live only below a live one.
async fn require_live(tx: &mut Tx, parent: Option<VpnGroupId>) -> Result<()> {
    let is_live = match parent {
        Some(parent) => live::find_group(tx, parent).await?.is_some(),
        None => true,
    };
    let rule = "the group above is staged only: name it earlier in the file, or publish it first";
    if is_live { Ok(()) } else { Err(Error::invalid("path", rule)) }
}

fn path(entry: &VpnGroupEntry) -> Result<&str> {
    group::normal(&entry.path).ok_or_else(|| Error::invalid("path", "begins with / and has no control characters"))
}

pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, entry: &VpnGroupEntry) -> Result<Change> {
    let path = path(entry)?;
    let Some(row) = rows::find_by_path(tx, path).await? else { return Ok(Change::Unchanged) };
    if row.id.0 < 0 {
        return Err(Error::Locked { what: "state", why: "it is built in" });
    }
    // A group that was never published has no live row to go by.
    if live::find_group(tx, row.id).await?.is_none() {
        live::put_group(tx, &row).await?;
    }
    if live::delete_group(tx, row.id).await? == 0 {
        let why = "users or groups are in it, live or staged: move or remove them in the same file";
        return Err(Error::Locked { what: "state", why });
    }
    audit::changed(tx, ctx, "vpn.group.delete", Object::new("vpn_group", row.id.0, path)).await?;
    Ok(Change::Removed)
}
