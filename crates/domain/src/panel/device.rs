//! From where subscriptions are used (specs/panel.md §5.2). What counts are open visits of the proxy door, of nodes here and
//! elsewhere; nobody's logins.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use gatehouse_model::{AccountId, Millis, email_key};
use gatehouse_store::{like, panel_device as rows, proxy_pass};

pub use gatehouse_store::panel_device::SeenRow;

use super::{
    Who,
    module::{self, Module},
    refusal::{Outcome, Refusal},
};
use crate::{App, Ctx};

/// Addresses of one account that are shown.
const MOST: i64 = 1_000;
/// Addresses of a page of accounts.
const MOST_OF_PAGE: i64 = 20_000;

/// From where the caller's subscription is used.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Each address at each node, the last one first.
    pub rows: Vec<SeenRow>,
    /// Devices as limits count them.
    pub online: usize,
    /// How many there may be, 0: any number.
    pub limit: i64,
}

/// Shows from where the caller's subscription is used. Source: specs/panel.md §5.2 get-ip.
pub async fn seen(who: &Who) -> Outcome<Seen> {
    let app = &who.ctx.app;
    module::require(app, Module::OnlineDevices)?;
    let q = &mut who.ctx.read();
    let user = proxy_pass::find(q, who.account).await?.ok_or(Refusal::rule("The user does not exist"))?;
    let rows = rows::list_seen(q, &[who.account], MOST).await?;
    Ok(Seen { online: count(app, &rows), limit: user.device_limit, rows })
}

/// The distinct addresses of some rows, in their order.
pub fn addresses(rows: &[SeenRow]) -> Vec<&str> {
    let mut told = BTreeSet::new();
    rows.iter().map(|row| row.from_address.as_str()).filter(|address| told.insert(*address)).collect()
}

/// Counts devices as limits do (specs/panel-nodes.md N4.3): addresses, of IPv6 their networks; in the strict mode at each node.
fn count(app: &App, rows: &[SeenRow]) -> usize {
    let prefix = app.settings().panel.ipv6_device_prefix;
    let is_strict = app.live().panel().device_limit_mode == 0;
    let devices = rows.iter().map(|row| {
        let node = row.node_id.filter(|_| is_strict);
        (device(&row.from_address, prefix), node)
    });
    devices.collect::<BTreeSet<_>>().len()
}

/// What of an address names a device.
fn device(address: &str, prefix: u8) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => {
            let bits = u32::from(prefix.min(128));
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).to_string()
        }
        Ok(IpAddr::V4(_)) | Err(_) => address.to_owned(),
    }
}

/// A user as staff see him.
#[derive(Debug, Clone)]
pub struct OnlineUser {
    /// The account.
    pub account: AccountId,
    /// Its e-mail.
    pub email: Option<String>,
    /// Devices now.
    pub online: usize,
    /// How many there may be, 0: any number.
    pub limit: i64,
    /// Addresses now, the last one first.
    pub addresses: Vec<String>,
    /// When he was last seen.
    pub last_at: Option<Millis>,
}

/// Lists users that are seen somewhere now, or all users, and how many there are.
///
/// Errors: `Forbidden`; a `missing` refusal while the module is off. Source: specs/panel.md §5.2 users.
pub async fn list(
    ctx: &Ctx,
    keyword: Option<&str>,
    is_all: bool,
    (page, size): (i64, i64),
) -> Outcome<(Vec<OnlineUser>, i64)> {
    module::require(&ctx.app, Module::OnlineDevices)?;
    ctx.require("panel.user")?;
    let pattern = keyword.map(|keyword| like::contains(&email_key(keyword)));
    let (filter, q) = ((is_all, pattern.as_deref()), &mut ctx.read());
    let offset = page.saturating_sub(1).saturating_mul(size);
    let users = rows::list_users(q, filter, (size, offset)).await?;
    let total = rows::count_users(q, filter).await?;
    let ids: Vec<AccountId> = users.iter().map(|user| user.account_id).collect();
    let mut seen: BTreeMap<AccountId, Vec<SeenRow>> = BTreeMap::new();
    for row in rows::list_seen(q, &ids, MOST_OF_PAGE).await? {
        seen.entry(row.account_id).or_default().push(row);
    }
    let shown = users.into_iter().map(|user| {
        let rows = seen.remove(&user.account_id).unwrap_or_default();
        OnlineUser {
            account: user.account_id,
            email: user.email,
            online: count(&ctx.app, &rows),
            limit: user.device_limit,
            addresses: addresses(&rows).into_iter().map(str::to_owned).collect(),
            last_at: rows.iter().map(|row| row.seen_at).max().or(user.used_at),
        }
    });
    Ok((shown.collect(), total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_an_address_or_a_network() {
        assert_eq!(device("192.0.2.1", 64), "192.0.2.1");
        assert_eq!(device("2001:db8::1", 64), device("2001:db8::ffff:1", 64));
        assert_ne!(device("2001:db8::1", 64), device("2001:db8:0:1::1", 64));
        assert_ne!(device("2001:db8::1", 128), device("2001:db8::2", 128));
        assert_eq!(device("2001:db8::1", 0), device("2001:db9::1", 0));
        assert_eq!(device("somewhere", 64), "somewhere");
    }
}
