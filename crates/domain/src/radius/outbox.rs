//! The outbox of the radius door: the wish to end or change stays, written in the transaction of its cause (specs/radius.md §8).
//!
//! Each function is one step for all stays concerned, none of which need be known: it writes the wish and a job per stay. The
//! first packet leaves within a second of the commit, by a process that serves the door.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_model::{AccountId, EndedWhy, Millis};
use gatehouse_store::{Tx, radius_outbox as rows, visit, vpn_visitor};

use crate::{Error, Result};

/// Ends every open stay of an account; gives how many. Call it whether or not the account's rows still exist.
pub async fn disconnect_account(tx: &mut Tx, now: Millis, account: AccountId, why: EndedWhy) -> Result<u64> {
    disconnect_accounts(tx, now, &[account], why).await
}

/// As [`disconnect_account`] for many, in as many statements as for one.
pub(crate) async fn disconnect_accounts(
    tx: &mut Tx,
    now: Millis,
    accounts: &[AccountId],
    why: EndedWhy,
) -> Result<u64> {
    if accounts.is_empty() {
        return Ok(0);
    }
    Ok(rows::ask_end_of_accounts(tx, accounts, why.as_str(), None, &payload(why), now).await?)
}

/// Ends every open stay by a VPN pass that by now does not let in; gives whose they are.
pub(crate) async fn disconnect_denied(tx: &mut Tx, now: Millis) -> Result<BTreeSet<AccountId>> {
    let mut denied: BTreeMap<String, Vec<AccountId>> = BTreeMap::new();
    for (account, why) in vpn_visitor::list_denied(tx, now).await? {
        denied.entry(why).or_default().push(account);
    }
    for (why, accounts) in &denied {
        let why = EndedWhy::parse(why).ok_or_else(|| Error::internal(format!("no such end of a visit: {why}")))?;
        disconnect_accounts(tx, now, accounts, why).await?;
    }
    Ok(denied.into_values().flatten().collect())
}

/// As [`disconnect_account`], for somebody who is named in the visit.
pub(crate) async fn disconnect_account_by(tx: &mut Tx, now: Millis, account: AccountId, by: &str) -> Result<u64> {
    let why = EndedWhy::Kicked;
    Ok(rows::ask_end_of_accounts(tx, &[account], why.as_str(), Some(by), &payload(why), now).await?)
}

/// Ends every open stay of the live VPN users of a group and the groups below it; `path` is that of the live group.
pub async fn disconnect_below_group(tx: &mut Tx, now: Millis, path: &str, why: EndedWhy) -> Result<u64> {
    let (from, to) = below(path);
    Ok(rows::ask_end_of_group(tx, path, (&from, &to), why.as_str(), &payload(why), now).await?)
}

/// Ends one open stay; false: it is over, or asked to end already.
pub async fn disconnect_visit(tx: &mut Tx, now: Millis, uuid: &str, why: EndedWhy, by: &str) -> Result<bool> {
    let asked = visit::ask_end(tx, uuid, why.as_str(), by, now).await?;
    rows::insert_end_job(tx, uuid, &payload(why), now).await?;
    Ok(asked > 0)
}

/// Sends every open stay of an account what the account now gets; gives how many. A stay whose NAS takes no change keeps what it
/// has until its next login.
pub async fn change_account(tx: &mut Tx, now: Millis, account: AccountId) -> Result<u64> {
    change_accounts(tx, now, &[account]).await
}

/// As [`change_account`] for many, in one statement.
pub async fn change_accounts(tx: &mut Tx, now: Millis, accounts: &[AccountId]) -> Result<u64> {
    if accounts.is_empty() {
        return Ok(0);
    }
    Ok(rows::ask_change_of_accounts(tx, accounts, &payload(EndedWhy::PolicyChanged), now).await?)
}

/// The range of paths below one: `0` follows `/`.
pub(crate) fn below(path: &str) -> (String, String) {
    let path = path.trim_end_matches('/');
    (format!("{path}/"), format!("{path}0"))
}

pub(crate) fn payload(why: EndedWhy) -> String {
    serde_json::json!({ "why": why.as_str() }).to_string()
}
