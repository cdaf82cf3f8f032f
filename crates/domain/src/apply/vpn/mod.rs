//! What the vpn surface and the radius door rest on: servers, NAS entries, policy sets, groups, roles, resources, VPN passes.
//!
//! A file is what staff say, so it is staged and live in one step (specs/vpn.md §9). It is so by field: what an entry does not name
//! stays staged where a caller of the WebApi staged it, and stays live as it was.

mod base;
pub(super) mod file;
mod group;
mod thing;
pub(super) mod user;

use gatehouse_store::{Aspect, Tx};

use super::{
    AuthServerEntry, Change, NasEntry, Presence, StateFile, VpnGroupEntry, VpnPolicySetEntry, VpnResourceEntry,
    VpnResourceGroupEntry, VpnRoleEntry, Work,
};
use crate::{Ctx, Result, radius::outbox};

/// Kinds of which nothing that is remembered of logins may outlast a change.
const WIDE: [&str; 5] = [
    VpnPolicySetEntry::KIND,
    VpnResourceGroupEntry::KIND,
    VpnResourceEntry::KIND,
    VpnRoleEntry::KIND,
    VpnGroupEntry::KIND,
];

/// How many entries of this kind a file has.
pub(super) fn count(file: &StateFile) -> usize {
    let vpn = &file.vpn;
    let things =
        vpn.policy_set.len() + vpn.resource_group.len() + vpn.resource.len() + vpn.role.len() + vpn.group.len();
    file.nas.len() + file.auth_server.len() + usize::from(vpn.secret.is_some()) + things
}

/// Makes and changes everything but users, who come with the accounts.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    base::secret(ctx, tx, file, work).await?;
    for entry in file.auth_server.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::auth_server(ctx, tx, entry).await;
        work.note(AuthServerEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.nas.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::nas(ctx, tx, entry).await;
        work.note(NasEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.policy_set.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::policy_set(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnPolicySetEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.resource_group.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = thing::resource_group(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnResourceGroupEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.resource.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = thing::resource(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnResourceEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.role.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = thing::role(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnRoleEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.group.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = group::ensure(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnGroupEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// Removes, after accounts and their passes have gone; and tells those who are in what became of it.
pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    // Longer paths first: a group goes after what lies below it.
    let mut groups: Vec<_> = file.vpn.group.iter().filter(|entry| entry.state == Presence::Absent).collect();
    groups.sort_by_key(|entry| std::cmp::Reverse(entry.path.len()));
    for entry in groups {
        let outcome = group::remove(ctx, tx, entry).await;
        work.note(VpnGroupEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.role.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = thing::remove_role(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnRoleEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.resource.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = thing::remove_resource(ctx, tx, entry, &mut work.reach).await;
        work.note(VpnResourceEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.resource_group.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = thing::remove_resource_group(ctx, tx, entry).await;
        work.note(VpnResourceGroupEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.vpn.policy_set.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = base::remove_policy_set(ctx, tx, entry).await;
        work.note(VpnPolicySetEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.auth_server.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = base::remove_auth_server(ctx, tx, entry).await;
        work.note(AuthServerEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.nas.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = crate::radius::nas::remove_in(ctx, tx, &entry.name).await;
        work.note(NasEntry::KIND, entry.key(), outcome)?;
    }
    settle(ctx, tx, work).await
}

/// Ends the stays of those who may not be in any more, and tells the others whom a change concerns what they get now.
async fn settle(ctx: &Ctx, tx: &mut Tx, work: &mut Work) -> Result<()> {
    let changed = |kind: &str| work.done.iter().any(|item| item.kind == kind && item.change != Change::Unchanged);
    let is_wide = WIDE.iter().any(|kind| changed(kind));
    if is_wide || changed(AuthServerEntry::KIND) {
        tx.touch(Aspect::Vpn, None);
    }
    if !is_wide && !changed("account") {
        return Ok(());
    }
    let denied = outbox::disconnect_denied(tx, ctx.now()).await?;
    let mut changing: Vec<_> = std::mem::take(&mut work.reach).list(tx).await?.into_iter().collect();
    changing.retain(|account| !denied.contains(account));
    outbox::change_accounts(tx, ctx.now(), &changing).await?;
    Ok(())
}
