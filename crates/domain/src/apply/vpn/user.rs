//! `[account.vpn]`: the VPN pass of an account, in both twins.

use std::collections::BTreeSet;

use gatehouse_model::{AccountId, VpnGroupId, VpnRoleId};
use gatehouse_store::{
    Aspect, Query, Tx,
    account::AccountRow,
    vpn_role::Linked,
    vpn_twin,
    vpn_twin_row::{self as rows, PassRow},
};

use super::{
    super::{Presence, VpnEntry, account::Step},
    group::{self, Auth},
    thing,
};
use crate::{
    Ctx, Error, Result, account,
    audit::{self, Object},
    vpn::{field, reach::Reach},
};

/// What an entry names, with ids.
struct Wish<'a> {
    entry: &'a VpnEntry,
    group: Option<VpnGroupId>,
    auth: Auth,
    roles: Option<BTreeSet<VpnRoleId>>,
}

/// What an account lacks of an entry.
pub(in crate::apply) async fn step(q: &mut impl Query, entry: &VpnEntry, id: AccountId) -> Result<Option<Step>> {
    let twins = vpn_twin::find(q, id).await?;
    if entry.state == Presence::Absent {
        return Ok((twins.is_staged || twins.is_live).then_some(Step::Take));
    }
    if !twins.is_staged || !twins.is_live {
        return Ok(Some(Step::Give));
    }
    let wish = match wish(q, entry).await {
        // The file may make it before the accounts are written, which asks again.
        Err(Error::Invalid { .. }) => return Ok(Some(Step::Change)),
        wish => wish?,
    };
    for row in [rows::find_pass(q, id).await?, rows::find_live_pass(q, id).await?].into_iter().flatten() {
        if wish.apply(row.clone()) != row {
            return Ok(Some(Step::Change));
        }
    }
    match &wish.roles {
        Some(roles) if !thing::holds(q, Linked::Users, id.0, roles).await? => Ok(Some(Step::Change)),
        _ => Ok(None),
    }
}

async fn wish<'a>(q: &mut impl Query, entry: &'a VpnEntry) -> Result<Wish<'a>> {
    let group = match &entry.group {
        None => None,
        Some(path) => {
            let missing = || Error::invalid("vpn.group", format!("no published VPN group is `{path}`"));
            Some(vpn_twin::find_group(q, path).await?.ok_or_else(missing)?)
        }
    };
    let roles = match &entry.roles {
        None => None,
        Some(names) => Some(thing::role_ids(q, names).await?),
    };
    Ok(Wish { entry, group, auth: group::resolve(q, &entry.auth()).await?, roles })
}

impl Wish<'_> {
    fn apply(&self, mut row: PassRow) -> PassRow {
        let (entry, auth) = (self.entry, &self.auth);
        row.vpn_group_id = self.group.unwrap_or(row.vpn_group_id);
        row.note = entry.note.clone().unwrap_or(row.note);
        row.phone = entry.phone.clone().unwrap_or(row.phone);
        row.is_enabled = entry.enabled.unwrap_or(row.is_enabled);
        row.is_public = entry.public.unwrap_or(row.is_public);
        row.expires_at = entry.expires_at.map_or(row.expires_at, |expiry| expiry.0);
        row.inherits_auth = auth.inherits_methods.unwrap_or(row.inherits_auth);
        row.inherits_policy = auth.inherits_policy.unwrap_or(row.inherits_policy);
        row.methods = auth.methods.unwrap_or(row.methods);
        row.is_any_of = auth.is_any_of.unwrap_or(row.is_any_of);
        row.auth_server_id = auth.server(row.auth_server_id);
        row.policy_set_id = auth.policy_set.unwrap_or(row.policy_set_id);
        row.fixed_ip = entry.fixed_ip.clone().map_or(row.fixed_ip, |ip| Some(ip).filter(|ip| !ip.is_empty()));
        row
    }
}

/// Rules that the file alone breaks.
pub(in crate::apply) fn faults(entry: &VpnEntry) -> Vec<(&'static str, &'static str)> {
    let mut faults = Vec::new();
    if entry.note.as_ref().is_some_and(|note| !field::is_text(note, field::MAX_NAME)) {
        faults.push(("vpn.note", "at most 48 bytes, none of control"));
    }
    if entry.phone.as_ref().is_some_and(|phone| !field::is_text(phone, field::MAX_PHONE)) {
        faults.push(("vpn.phone", "at most 30 bytes, none of control"));
    }
    let ip = entry.fixed_ip.as_deref().filter(|ip| !ip.is_empty());
    if ip.is_some_and(|ip| ip.parse::<std::net::Ipv4Addr>().is_err()) {
        faults.push(("vpn.fixed_ip", "an IPv4 address, or \"\" for automatic"));
    }
    faults
}

/// Gives the pass, or what it lacks.
pub(in crate::apply) async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    entry: &VpnEntry,
    account: &AccountRow,
    reach: &mut Reach,
) -> Result<()> {
    let twins = vpn_twin::find(tx, account.id).await?;
    if !twins.is_staged {
        let group = entry.group.as_deref().unwrap_or(account::vpn::DEFAULT_GROUP);
        account::vpn::grant(ctx, tx, account, group).await?;
        audit::changed(tx, ctx, "account.grant", Object::new("vpn", account.id.0, &account.login)).await?;
    } else if !twins.is_live {
        vpn_twin::make_live(tx, account.id).await?;
    }
    let wish = wish(tx, entry).await?;
    let mut is_changed = !twins.is_live;
    if let Some(row) = rows::find_pass(tx, account.id).await? {
        let new = wish.apply(row.clone());
        is_changed |= new != row;
        rows::update_pass(tx, &new, ctx.now()).await?;
    }
    if let Some(row) = rows::find_live_pass(tx, account.id).await? {
        let new = wish.apply(row.clone());
        is_changed |= new != row;
        let told = |row: &PassRow| {
            (row.vpn_group_id, row.inherits_policy, row.policy_set_id, row.fixed_ip.clone(), row.expires_at)
        };
        if told(&new) != told(&row) {
            reach.accounts.insert(account.id);
        }
        rows::update_live_pass(tx, &new, ctx.now()).await?;
    }
    if let Some(roles) = &wish.roles
        && !thing::holds(tx, Linked::Users, account.id.0, roles).await?
    {
        thing::hold(tx, Linked::Users, account.id.0, roles).await?;
        reach.accounts.insert(account.id);
        is_changed = true;
    }
    if is_changed {
        tx.touch(Aspect::VpnUser, Some(account.id.0));
        audit::changed(tx, ctx, "account.pass.update", Object::new("vpn", account.id.0, &account.login)).await?;
    }
    Ok(())
}
