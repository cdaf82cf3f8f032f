//! `gatehouse apply`: brings roles, node groups, nodes, accounts, oa tokens and oa users to the state a file describes.
//!
//! Entries are found by natural key, what a file does not name is left alone, `state = "absent"` removes. The file is
//! checked whole before anything is written, then applied in one transaction; applying it again changes nothing and
//! writes nothing (docs/STATE.md, DESIGN §7, §10.6).

mod account;
mod bastion;
mod billing;
mod check;
mod file;
mod node;
mod oa;
mod panel;
mod remote;
mod role;
mod value;
mod vpn;

use std::collections::HashMap;

use gatehouse_model::{NodeGroupId, Origin};
use gatehouse_store::{
    node as nodes,
    role::{self as roles, RoleRow},
};

pub use crate::proxy::manage::Change;
pub use bastion::file::{
    BastionEntries, GrantEntry, HostKeyEntry, PolicyEntry, ResourceEntry, ResourceGroupEntry, RouteEntry, RuleEntry,
    VoucherEntry,
};
pub use billing::file::{
    AddressPoolEntry, BillingEntries, BillingFieldEntry, BillingGroupEntry, BillingServiceEntry, CardEntry,
    DeviceEntry, NoMoney, Period, RoleGroups, SubscriberEntry, SubscriptionEntry,
};
pub use file::{
    AccountEntry, NodeEntry, NodeGroupEntry, NodeRouteEntry, OaEntries, OaUserEntry, ProxyEntry, RoleEntry, StaffEntry,
    StateFile, TokenEntry,
};
pub use panel::{
    content::{ArticleEntry, NoticeEntry},
    file::{CouponEntry, PanelEntries, PlanEntry, SettingsEntry},
    gift::{GiftTemplateEntry, ModuleEntry},
};
pub use value::{Amount, Expiry, Limit, Presence, Rate};
pub use vpn::file::{
    AuthMethod, AuthServerEntry, NasEntry, ResourceKind, VpnEntries, VpnEntry, VpnGroupEntry, VpnPolicySetEntry,
    VpnResourceEntry, VpnResourceGroupEntry, VpnRoleEntry,
};

use crate::{Ctx, Error, Result, vpn::reach::Reach};

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Item {
    /// Its table in the file, `role`, `node`, `account`, `oa.token` …, or a list in it: `role.grants`, `account.ssh_keys`.
    pub kind: &'static str,
    /// Its natural key; nodes: `type/code`.
    pub key: String,
    /// What was done.
    pub change: Change,
}

/// Why a file is refused: one rule that one entry breaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{entry}: {key}: {rule}")]
pub struct Problem {
    /// The entry: its table and natural key.
    pub entry: String,
    /// The key of the file, or what is in the way.
    pub key: String,
    /// The rule, in words that say what would be accepted; no secrets.
    pub rule: String,
}

impl Problem {
    fn new(entry: impl Into<String>, key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { entry: entry.into(), key: key.into(), rule: rule.into() }
    }
}

/// How an application ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Every entry with what was done, or would be done in a dry run; in order of the work.
    Done(Vec<Item>),
    /// Everything that is wrong; nothing was written.
    Refused(Vec<Problem>),
}

/// Whether the changes stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    Write,
    /// They are made and rolled back, to see what would happen.
    DryRun,
}

/// Applies a state file in one transaction.
///
/// Errors: `Forbidden` when the actor lacks the code a kind of entry needs. What entries break is [`Applied::Refused`].
pub async fn apply(ctx: &Ctx, file: &StateFile, mode: Mode) -> Result<Applied> {
    let ctx = &Ctx { origin: Origin::State, ..ctx.clone() };
    check::permissions(ctx, file)?;
    let problems = check::file(ctx, file);
    if !problems.is_empty() {
        return Ok(Applied::Refused(problems));
    }
    // Everything slow is done before the transaction: password hashes, and the search for entries that are as described.
    let mut work = Work::default();
    let accounts = account::survey(ctx, file, &mut work).await?;
    let oa_users = oa::survey(ctx, file, &mut work).await?;
    let secrets = bastion::survey(ctx, file).await?;
    let rest = [
        file.role.len(),
        file.node_group.len() + file.node_route.len(),
        file.node.len(),
        file.oa.token.len(),
        bastion::count(file) + vpn::count(file) + billing::count(file) + panel::count(file),
    ];
    if work.problems.is_empty() && accounts.is_empty() && oa_users.is_empty() && rest == [0; 5] {
        return Ok(Applied::Done(work.done));
    }
    let mut tx = ctx.begin().await?;
    // Whatever a file changes, it may change rights: nothing may land under the old ones afterwards.
    gatehouse_store::lock::own_rights(&mut tx).await?;
    // What it writes of the vpn surface is staged and live at once, beside nobody who stages or publishes.
    gatehouse_store::lock::own_staged(&mut tx).await?;
    let written = async {
        let mut names = Names::load(&mut tx).await?;
        billing::groups(ctx, &mut tx, file, &mut work).await?;
        role::ensure(ctx, &mut tx, file, &mut names, &mut work).await?;
        node::ensure(ctx, &mut tx, file, &mut names, &mut work).await?;
        panel::ensure(ctx, &mut tx, file, &names, &mut work).await?;
        oa::tokens(ctx, &mut tx, file, &mut work).await?;
        oa::users(ctx, &mut tx, &oa_users, Presence::Absent, &mut work).await?;
        vpn::ensure(ctx, &mut tx, file, &mut work).await?;
        billing::ensure(ctx, &mut tx, file, &mut work).await?;
        account::write(ctx, &mut tx, accounts, &names, &mut work).await?;
        panel::users(ctx, &mut tx, file, &mut work).await?;
        billing::devices(ctx, &mut tx, file, &mut work).await?;
        oa::users(ctx, &mut tx, &oa_users, Presence::Present, &mut work).await?;
        bastion::ensure(ctx, &mut tx, file, secrets, &mut work).await?;
        bastion::remove_groups(ctx, &mut tx, file, &mut work).await?;
        vpn::remove(ctx, &mut tx, file, &mut work).await?;
        node::remove_groups(ctx, &mut tx, file, &mut work).await?;
        role::remove(ctx, &mut tx, file, &names, &mut work).await?;
        billing::remove(ctx, &mut tx, file, &mut work).await
    }
    .await;
    // After a refusal the transaction may be unusable; what it says then is only an echo.
    if !work.problems.is_empty() {
        return Ok(Applied::Refused(work.problems));
    }
    written?;
    // Also when nothing was written: what was read may be a neighbour's that is not on the disk yet.
    if mode == Mode::Write {
        tx.commit().await?;
    }
    Ok(Applied::Done(work.done))
}

/// What was done so far and what is wrong.
#[derive(Debug, Default)]
struct Work {
    done: Vec<Item>,
    problems: Vec<Problem>,
    /// Whose VPN stays are to be told what they get now.
    reach: Reach,
}

impl Work {
    /// Takes the outcome of an entry. A rule it breaks becomes a problem; faults of the system end the work.
    fn note(&mut self, kind: &'static str, key: String, outcome: Result<Change>) -> Result<()> {
        let entry = format!("[[{kind}]] `{key}`");
        let problem = match outcome {
            Ok(change) => {
                self.done.push(Item { kind, key, change });
                return Ok(());
            }
            Err(Error::Invalid { field, rule }) => Problem::new(entry, field, rule),
            Err(Error::Fields(faults)) => {
                let told = |fault: crate::Fault| Problem::new(entry.clone(), fault.field, file::rule(fault.rule));
                self.problems.extend(faults.into_iter().map(told));
                return Ok(());
            }
            Err(Error::QuotaExceeded { what }) => Problem::new(entry, what, "the highest number is reached"),
            Err(Error::Conflict { what, .. }) => Problem::new(entry, what, "is taken by another one"),
            Err(Error::Locked { what, why }) => Problem::new(entry, what, why),
            Err(Error::NotFound { what }) => Problem::new(entry, what, "does not exist"),
            Err(error @ Error::Forbidden { .. }) => Problem::new(entry, "permission", error.to_string()),
            Err(error) => return Err(error),
        };
        self.problems.push(problem);
        Ok(())
    }
}

/// Ids of what entries refer to by name.
#[derive(Debug, Default)]
struct Names {
    groups: HashMap<String, NodeGroupId>,
    roles: HashMap<String, RoleRow>,
}

impl Names {
    async fn load(q: &mut impl gatehouse_store::Query) -> Result<Self> {
        Ok(Self {
            groups: nodes::list_groups(q).await?.into_iter().map(|(id, name)| (name, id)).collect(),
            roles: roles::list(q).await?.into_iter().map(|role| (role.code.clone(), role)).collect(),
        })
    }

    fn group(&self, name: &str) -> Result<NodeGroupId> {
        self.groups.get(name).copied().ok_or(Error::NotFound { what: "node group" })
    }

    fn group_name(&self, id: NodeGroupId) -> Option<&str> {
        self.groups.iter().find(|(_, other)| **other == id).map(|(name, _)| name.as_str())
    }

    fn role(&self, code: &str) -> Result<&RoleRow> {
        self.roles.get(code).ok_or(Error::NotFound { what: "role" })
    }
}

/// A text as it shall be: the one the entry names, where `""` clears it, or the stored one.
fn pick<'a>(named: Option<&'a String>, stored: Option<&'a String>) -> Option<&'a str> {
    named.or(stored).map(String::as_str).filter(|text| !text.is_empty())
}
