//! What an account lacks of what its entry describes.

use std::collections::BTreeSet;

use gatehouse_model::{Millis, PassKind};
use gatehouse_store::{Query, account::AccountRow, pass as passes, role as roles};

use super::Password;
use crate::{
    Ctx, Error, Result,
    account::pass::{self, ProxyPass},
    apply::{AccountEntry, Change, Limit, Names, Presence, ProxyEntry, billing, pick, vpn},
};

/// What has to be done to an account.
#[derive(Debug)]
pub(super) enum Plan {
    Nothing,
    Remove,
    Create,
    Update(Box<Update>),
}

impl Plan {
    pub(super) fn change(&self) -> Change {
        match self {
            Self::Nothing => Change::Unchanged,
            Self::Remove => Change::Removed,
            Self::Create => Change::Created,
            Self::Update(_) => Change::Updated,
        }
    }
}

/// What differs; empty: nothing.
#[derive(Debug, Default)]
pub(super) struct Update {
    /// Name, e-mail, phone.
    pub(super) profile: Option<[Option<String>; 3]>,
    pub(super) is_enabled: Option<bool>,
    pub(super) password: Option<(i64, String)>,
    pub(super) proxy: Option<Step>,
    pub(super) staff: Option<Step>,
    pub(super) vpn: Option<Step>,
    pub(super) subscriber: Option<Step>,
    pub(super) gained: Vec<String>,
    pub(super) lost: Vec<String>,
}

/// What happens to a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apply) enum Step {
    Give,
    Change,
    Take,
}

impl Update {
    fn is_empty(&self) -> bool {
        self.profile.is_none()
            && self.is_enabled.is_none()
            && self.password.is_none()
            && self.proxy.is_none()
            && self.staff.is_none()
            && self.vpn.is_none()
            && self.subscriber.is_none()
            && self.gained.is_empty()
            && self.lost.is_empty()
    }
}

pub(super) async fn plan(
    q: &mut impl Query,
    ctx: &Ctx,
    names: &Names,
    entry: &AccountEntry,
    found: Option<&AccountRow>,
    password: Option<&Password>,
) -> Result<Plan> {
    check_names(names, entry)?;
    let protected = Error::Locked { what: "account", why: "it is protected" };
    Ok(match (entry.state, found) {
        (Presence::Absent, None) => Plan::Nothing,
        (Presence::Absent, Some(row)) if row.is_protected => return Err(protected),
        (Presence::Absent, Some(_)) => Plan::Remove,
        (Presence::Present, None) => Plan::Create,
        (Presence::Present, Some(row)) if row.login != entry.login => {
            return Err(Error::invalid("login", format!("the account `{}` has it: case does not count", row.login)));
        }
        (Presence::Present, Some(row)) => {
            let update = compare(q, ctx, names, entry, row, password).await?;
            if row.is_protected && update.is_enabled == Some(false) {
                return Err(protected);
            }
            if update.is_empty() { Plan::Nothing } else { Plan::Update(Box::new(update)) }
        }
    })
}

fn check_names(names: &Names, entry: &AccountEntry) -> Result<()> {
    for code in entry.staff.iter().flat_map(|staff| &staff.roles).flatten() {
        names.role(code).map_err(|_| Error::invalid("staff.roles", format!("no role is `{code}`")))?;
    }
    match entry.proxy.as_ref().and_then(|proxy| proxy.node_group.as_deref()).filter(|name| !name.is_empty()) {
        Some(name) if !names.groups.contains_key(name) => {
            Err(Error::invalid("proxy.node_group", format!("no node group is `{name}`")))
        }
        _ => Ok(()),
    }
}

async fn compare(
    q: &mut impl Query,
    ctx: &Ctx,
    names: &Names,
    entry: &AccountEntry,
    row: &AccountRow,
    password: Option<&Password>,
) -> Result<Update> {
    let mut update = Update::default();
    let profile = [(&entry.name, &row.name), (&entry.email, &row.email), (&entry.phone, &row.phone)]
        .map(|(named, stored)| pick(named.as_ref(), stored.as_ref()).map(str::to_owned));
    update.profile =
        Some(profile).filter(|[name, email, phone]| (name, email, phone) != (&row.name, &row.email, &row.phone));
    update.is_enabled = entry.enabled.filter(|wanted| *wanted != row.is_enabled);
    if let Some(password) = password {
        if password.seen != row.password_hash {
            return Err(Error::Locked { what: "password", why: "was changed meanwhile: apply the file again" });
        }
        update.password.clone_from(&password.fresh);
    }
    if let Some(proxy) = &entry.proxy {
        update.proxy = match (proxy.state, passes::find_proxy(q, row.id).await?) {
            (Presence::Present, None) => Some(Step::Give),
            (Presence::Absent, Some(_)) => Some(Step::Take),
            (Presence::Absent, None) => None,
            (Presence::Present, Some(held)) => {
                let held = stored(&held)?;
                (wanted(proxy, names, &held)? != held).then_some(Step::Change)
            }
        };
    }
    if let Some(staff) = &entry.staff {
        update.staff = match (staff.state, passes::has_staff(q, row.id).await?) {
            (Presence::Present, false) => Some(Step::Give),
            (Presence::Absent, true) => Some(Step::Take),
            _ => None,
        };
        compare_roles(q, ctx.now(), entry, row, &mut update).await?;
    }
    if let Some(entry) = &entry.vpn {
        update.vpn = vpn::user::step(q, entry, row.id).await?;
    }
    if let Some(entry) = &entry.subscriber {
        update.subscriber = billing::subscriber::step(ctx, q, entry, row.id).await?;
    }
    check_last_pass(q, row, &update).await?;
    Ok(update)
}

async fn compare_roles(
    q: &mut impl Query,
    now: Millis,
    entry: &AccountEntry,
    row: &AccountRow,
    update: &mut Update,
) -> Result<()> {
    let staff = entry.staff.as_ref().filter(|staff| staff.state == Presence::Present);
    let Some(wanted) = staff.and_then(|staff| staff.roles.as_ref()) else { return Ok(()) };
    let held = roles::list_of_account(q, row.id, now).await?;
    let held: BTreeSet<String> = held.into_iter().map(|role| role.code).collect();
    update.gained = wanted.difference(&held).cloned().collect();
    update.lost = held.difference(wanted).cloned().collect();
    Ok(())
}

/// The account would go with its last pass, and the next application would make it again.
async fn check_last_pass(q: &mut impl Query, row: &AccountRow, update: &Update) -> Result<()> {
    let steps = [
        (PassKind::Proxy, update.proxy),
        (PassKind::Staff, update.staff),
        (PassKind::Vpn, update.vpn),
        (PassKind::Subscriber, update.subscriber),
    ];
    if !steps.iter().any(|(_, step)| *step == Some(Step::Take)) {
        return Ok(());
    }
    let held = pass::kinds(q, row.id).await?;
    let stays = |kind: &PassKind| !steps.contains(&(*kind, Some(Step::Take)));
    if held.iter().any(stays) || steps.iter().any(|(_, step)| *step == Some(Step::Give)) {
        return Ok(());
    }
    let why = "its last pass would go and take it along: say state = \"absent\" for the account";
    Err(Error::Locked { what: "account", why })
}

pub(super) fn stored(row: &passes::ProxyPassRow) -> Result<ProxyPass> {
    Ok(ProxyPass {
        node_group_id: row.node_group_id,
        quota: row.quota,
        expires_at: row.expires_at,
        speed_limit: u32::try_from(row.speed_limit).map_err(Error::internal)?,
        device_limit: u32::try_from(row.device_limit).map_err(Error::internal)?,
    })
}

/// The pass as it shall be: what the entry names over what is there.
pub(super) fn wanted(entry: &ProxyEntry, names: &Names, base: &ProxyPass) -> Result<ProxyPass> {
    Ok(ProxyPass {
        node_group_id: match entry.node_group.as_deref() {
            None => base.node_group_id,
            Some("") => None,
            Some(name) => Some(names.group(name)?),
        },
        quota: entry.quota.map_or(base.quota, Limit::bytes),
        expires_at: entry.expires_at.map_or(base.expires_at, |expiry| expiry.0),
        speed_limit: entry.speed_limit.unwrap_or(base.speed_limit),
        device_limit: entry.device_limit.unwrap_or(base.device_limit),
    })
}
