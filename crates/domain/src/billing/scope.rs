//! Whom a caller may ask about or change: himself, or the subscribers of the billing groups that his codes reach
//! (specs/billing.md §5, §6.2).

use gatehouse_model::{AccountId, BillingGroupId};
use gatehouse_store::{Query, role_reach, subscriber};

use super::{Failure, Outcome, Refusal, Role, Who};
use crate::{Actor, permission};

/// The codes that every look at a subscriber needs of staff.
const READ: [&str; 2] = ["billing.access", "billing.subscriber.read"];

/// The billing groups that some codes reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All.
    All,
    /// These, maybe none.
    Groups(Vec<BillingGroupId>),
}

impl Reach {
    /// Whether a group is among them.
    pub fn holds(&self, group: BillingGroupId) -> bool {
        match self {
            Self::All => true,
            Self::Groups(groups) => groups.contains(&group),
        }
    }
}

/// A subscriber whom a caller may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The account.
    pub account: AccountId,
    /// His number.
    pub uid: i64,
    /// His group.
    pub group: BillingGroupId,
}

/// The billing groups that a code of staff reaches.
///
/// Errors: `NoPrivilege` when it is held nowhere. Source: specs/billing.md §6.2.
pub async fn reach(q: &mut impl Query, who: &Who, code: &'static str) -> Outcome<Reach> {
    let account = match (&who.ctx.actor, who.role) {
        (_, Role::User { .. }) => return Err(Refusal::Forbidden.into()),
        (Actor::System(_) | Actor::Operator, _) => return Ok(Reach::All),
        (Actor::Account { codes, .. }, Role::Admin { account: Some(account), .. })
            if permission::holds(codes, code) =>
        {
            account
        }
        _ => return Err(Refusal::NoPrivilege.into()),
    };
    if role_reach::is_on_all(q, account, code, who.ctx.now()).await? {
        return Ok(Reach::All);
    }
    Ok(Reach::Groups(role_reach::list_groups(q, account, code, who.ctx.now()).await?))
}

/// Refuses unless staff hold a code on a group; a session without trust changes nothing.
///
/// Errors: `NoPrivilege`, `GroupDenied`, `Forbidden`.
pub async fn require_on(q: &mut impl Query, who: &Who, code: &'static str, group: BillingGroupId) -> Outcome<()> {
    if !who.is_trusted && !READ.contains(&code) {
        return Err(Refusal::Forbidden.into());
    }
    if reach(q, who, code).await?.holds(group) { Ok(()) } else { Err(Refusal::GroupDenied.into()) }
}

/// Refuses unless staff may update fields, named by their codes, of the subscribers of a group: every one by its own code, where they do not hold
/// `billing.subscriber.update` there.
///
/// Errors: `NoPrivilege`, `GroupDenied`, `Forbidden`. Source: DESIGN §10.2, specs/billing.md §6.2 (71–81).
pub async fn require_update(
    q: &mut impl Query,
    who: &Who,
    fields: &[&'static str],
    group: BillingGroupId,
) -> Outcome<()> {
    match require_on(q, who, "billing.subscriber.update", group).await {
        Err(Failure::Refused(Refusal::NoPrivilege | Refusal::GroupDenied)) if !fields.is_empty() => {}
        outcome => return outcome,
    }
    for code in fields {
        require_on(q, who, code, group).await?;
    }
    Ok(())
}

/// The subscriber a call is about: a subscriber himself whatever `uid` he names, of staff the one they name, if they may read
/// about him and hold `code` on his group, where the call changes something.
///
/// Errors: `NoUid`, `NoPrivilege`, `GroupDenied`, `Forbidden`. Source: specs/billing.md §5.
pub async fn target(q: &mut impl Query, who: &Who, uid: Option<i64>, code: Option<&'static str>) -> Outcome<Target> {
    if let Role::User { account, .. } = who.role {
        return find(q, account).await?.ok_or_else(|| Refusal::NoUid.into());
    }
    let mut reaches = Vec::with_capacity(READ.len());
    for code in READ {
        reaches.push(reach(q, who, code).await?);
    }
    let account = match uid {
        Some(uid) => subscriber::find_by_uid(q, uid).await?,
        None => None,
    };
    let found = match account {
        Some(account) => find(q, account).await?,
        None => None,
    };
    let target = found.ok_or(Refusal::NoUid)?;
    if !reaches.iter().all(|reach| reach.holds(target.group)) {
        return Err(Refusal::GroupDenied.into());
    }
    if let Some(code) = code {
        require_on(q, who, code, target.group).await?;
    }
    Ok(target)
}

async fn find(q: &mut impl Query, account: AccountId) -> Outcome<Option<Target>> {
    let found = subscriber::find_group(q, account).await?;
    Ok(found.map(|(uid, group)| Target { account, uid, group }))
}
