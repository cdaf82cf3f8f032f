//! Whom changes of live rows concern: who is in and gets other terms by them (specs/vpn.md §9).
//!
//! A publication knows that from what waits (`store::vpn_visitor::list_changing`). A state file changes staged and live rows in one
//! step, so it notes what it changed and asks at the end, when users are in their new groups. What goes is noted before it does.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use gatehouse_model::{AccountId, VpnGroupId, VpnPolicySetId, VpnResourceGroupId, VpnResourceId, VpnRoleId};
use gatehouse_store::{Tx, vpn_live, vpn_visitor};

use super::auth;
use crate::Result;

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Users themselves.
    pub(crate) accounts: BTreeSet<AccountId>,
    /// Groups whose policy or roles changed: all below them.
    pub(crate) groups: BTreeSet<VpnGroupId>,
    /// Roles: all who have them.
    pub(crate) roles: BTreeSet<VpnRoleId>,
    /// Resources: all whose roles open them.
    pub(crate) resources: BTreeSet<VpnResourceId>,
    /// Resource groups: all whose roles open them.
    pub(crate) resource_groups: BTreeSet<VpnResourceGroupId>,
    /// Policy sets: all for whom they are in force.
    pub(crate) policy_sets: BTreeSet<VpnPolicySetId>,
}

impl Reach {
    /// A role that is about to go.
    pub(crate) async fn losing_role(&mut self, tx: &mut Tx, id: VpnRoleId) -> Result<()> {
        self.accounts.extend(vpn_visitor::list_holding(tx, [id]).await?);
        Ok(())
    }

    /// A resource that is about to go.
    pub(crate) async fn losing_resource(&mut self, tx: &mut Tx, id: VpnResourceId) -> Result<()> {
        self.roles.extend(vpn_visitor::list_opening(tx, [id], []).await?);
        Ok(())
    }

    /// Whom all of it concerns; whether those are in is not asked of users who changed themselves.
    pub(crate) async fn list(mut self, tx: &mut Tx) -> Result<BTreeSet<AccountId>> {
        if !self.resources.is_empty() || !self.resource_groups.is_empty() {
            self.roles.extend(vpn_visitor::list_opening(tx, self.resources, self.resource_groups).await?);
        }
        self.accounts.extend(vpn_visitor::list_holding(tx, self.roles).await?);
        if self.groups.is_empty() && self.policy_sets.is_empty() {
            return Ok(self.accounts);
        }
        let mut chains = BTreeMap::new();
        for inside in vpn_visitor::list_inside(tx).await? {
            let group = inside.vpn_group_id;
            let chain = match chains.entry(group) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(vpn_live::list_chain(tx, group).await?),
            };
            let policy_set = auth::policy_set(inside.inherits_policy, inside.policy_set_id, chain);
            if chain.iter().any(|group| self.groups.contains(&group.id)) || self.policy_sets.contains(&policy_set) {
                self.accounts.insert(inside.account_id);
            }
        }
        Ok(self.accounts)
    }
}
