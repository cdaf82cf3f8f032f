//! Accounts with their passes.
//!
//! Entries are compared with the database before the transaction, several at a time; only those that differ are read
//! again inside it and written. So a file of a hundred thousand accounts that are as described takes no lock at all.

mod plan;
mod write;

use std::collections::HashMap;

use futures_util::future::try_join_all;
use gatehouse_model::{AccountId, Millis, NodeGroupId, RoleId, email_key, fold_key};
use gatehouse_store::{
    Query,
    account::{self as rows, AccountRow},
    role::RoleRow,
};

pub(super) use plan::Step;
pub(super) use write::write;

use self::plan::plan;
use super::{AccountEntry, Change, Names, Presence, StateFile, Work};
use crate::{Ctx, Error, Result, password::Verdict};

/// Entries compared at the same time.
const PARALLEL: usize = 8;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Accounts<'a> {
    pending: Vec<Pending<'a>>,
    /// Owners of an e-mail address or phone number that the file gives to somebody else.
    releases: Vec<(AccountId, Contact)>,
}

impl Accounts<'_> {
    /// Whether every entry is as described.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

/// An entry that differs from the database.
#[derive(Debug)]
struct Pending<'a> {
    entry: &'a AccountEntry,
    password: Option<Password>,
}

/// A password, hashed or verified outside of the transaction.
#[derive(Debug)]
struct Password {
    /// The stored hash it was compared with.
    seen: Option<String>,
    /// The new hash, if it differs.
    fresh: Option<(i64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contact {
    Email,
    Phone,
}

/// Finds the entries that are not as described, and everything that is wrong with them.
pub(super) async fn survey<'a>(ctx: &Ctx, file: &'a StateFile, work: &mut Work) -> Result<Accounts<'a>> {
    let mut names = Names::load(&mut ctx.read()).await?;
    foresee(file, &mut names);
    let names = &names;
    let mut looks = Vec::with_capacity(file.account.len());
    for chunk in file.account.chunks(PARALLEL) {
        looks.extend(try_join_all(chunk.iter().map(|entry| look(ctx, names, entry))).await?);
    }
    let by_login: HashMap<String, &AccountEntry> =
        file.account.iter().map(|entry| (fold_key(&entry.login), entry)).collect();
    let mut accounts = Accounts::default();
    for (entry, look) in file.account.iter().zip(looks) {
        let mut outcome = look.outcome;
        for (contact, owner) in look.owners {
            match gives_up(by_login.get(&fold_key(&owner.login)).copied(), contact) {
                Some(Presence::Absent) => {}
                Some(Presence::Present) => accounts.releases.push((owner.id, contact)),
                None => {
                    let key = if contact == Contact::Email { "email" } else { "phone" };
                    outcome = Err(Error::invalid(key, format!("the account `{}` has it", owner.login)));
                }
            }
        }
        match outcome {
            Ok(Change::Unchanged) => work.note(AccountEntry::KIND, entry.key(), Ok(Change::Unchanged))?,
            Ok(_) => accounts.pending.push(Pending { entry, password: look.password }),
            Err(error) => work.note(AccountEntry::KIND, entry.key(), Err(error))?,
        }
    }
    Ok(accounts)
}

/// Takes the roles and groups as the file will have made them by then; new ones under an id that nothing has.
fn foresee(file: &StateFile, names: &mut Names) {
    let groups = file.node_group.iter().map(|group| (&group.name, group.state));
    let of_nodes = file.node.iter().filter(|node| node.state == Presence::Present).flat_map(|node| &node.groups);
    for (name, state) in groups.chain(of_nodes.flatten().map(|name| (name, Presence::Present))) {
        match state {
            Presence::Present => drop(names.groups.entry(name.clone()).or_insert(NodeGroupId(0))),
            Presence::Absent => drop(names.groups.remove(name)),
        }
    }
    for entry in &file.role {
        let (code, name) = (entry.code.clone(), entry.code.clone());
        let role = RoleRow {
            id: RoleId(0),
            code,
            name,
            remark: None,
            is_enabled: true,
            is_protected: false,
            created_at: Millis(0),
            updated_at: Millis(0),
        };
        match entry.state {
            Presence::Present => drop(names.roles.entry(entry.code.clone()).or_insert(role)),
            Presence::Absent => drop(names.roles.remove(&entry.code)),
        }
    }
}

/// Whether an account's entry gives an address or number up: by going, or by naming another one.
fn gives_up(entry: Option<&AccountEntry>, contact: Contact) -> Option<Presence> {
    let entry = entry?;
    let named = if contact == Contact::Email { &entry.email } else { &entry.phone };
    (entry.state == Presence::Absent || named.is_some()).then_some(entry.state)
}

/// What a comparison found.
struct Look {
    outcome: Result<Change>,
    password: Option<Password>,
    /// Other accounts that have the entry's e-mail address or phone number.
    owners: Vec<(Contact, AccountRow)>,
}

async fn look(ctx: &Ctx, names: &Names, entry: &AccountEntry) -> Result<Look> {
    let q = &mut ctx.read();
    let found = rows::find_by_key(q, &fold_key(&entry.login)).await?;
    let mut look = Look { outcome: Ok(Change::Unchanged), password: None, owners: Vec::new() };
    if entry.state == Presence::Present {
        look.password = password(ctx, entry, found.as_ref()).await?;
        look.owners = owners(q, entry, found.as_ref()).await?;
    }
    look.outcome = match plan(q, ctx, names, entry, found.as_ref(), look.password.as_ref()).await {
        // Faults of the system end the survey at once.
        Err(error @ (Error::Internal(_) | Error::Unavailable(_))) => return Err(error),
        Err(error) => Err(error),
        Ok(plan) => Ok(plan.change()),
    };
    Ok(look)
}

async fn password(ctx: &Ctx, entry: &AccountEntry, found: Option<&AccountRow>) -> Result<Option<Password>> {
    let Some(clear) = &entry.password else { return Ok(None) };
    let stored = found.and_then(|row| row.password_scheme.zip(row.password_hash.clone()));
    let seen = stored.as_ref().map(|(_, hash)| hash.clone());
    if stored.is_some() && ctx.app.passwords().verify(clear, stored).await? != Verdict::Wrong {
        return Ok(Some(Password { seen, fresh: None }));
    }
    let fresh = ctx.app.passwords().hash(ctx.app.random(), clear).await?;
    Ok(Some(Password { seen, fresh: Some(fresh) }))
}

async fn owners(
    q: &mut impl Query,
    entry: &AccountEntry,
    found: Option<&AccountRow>,
) -> Result<Vec<(Contact, AccountRow)>> {
    let mut owners = Vec::new();
    if let Some(email) = entry.email.as_deref().filter(|email| !email.is_empty()) {
        let owner = rows::find_by_email_key(q, &email_key(email)).await?;
        owners.extend(owner.map(|owner| (Contact::Email, owner)));
    }
    if let Some(phone) = entry.phone.as_deref().filter(|phone| !phone.is_empty()) {
        owners.extend(rows::find_by_phone(q, phone).await?.map(|owner| (Contact::Phone, owner)));
    }
    owners.retain(|(_, owner)| found.is_none_or(|own| own.id != owner.id));
    Ok(owners)
}
