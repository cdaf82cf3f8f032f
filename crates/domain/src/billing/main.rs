//! Everything about one subscriber at a glance (specs/billing.md §5.2).

use std::sync::Arc;

use gatehouse_model::{AccountId, Millis, Money};
use gatehouse_store::{
    billing_main::{self as rows, MainRow, UsrAddressRow},
    billing_view::{self, UsrRow},
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Outcome, Refusal, Role, Who,
    field::{FieldValue, Fields},
    pays::{self, Row},
    scope,
    subscription::{self, Subscribed},
};
use crate::{App, Ctx, Result, gather::Gather, payment::order::payment_code};

/// A subscriber with all that belongs to him.
#[derive(Debug)]
pub struct Main {
    /// Himself.
    pub usr: Usr,
    /// His extra fields.
    pub fields: Vec<FieldValue>,
    /// His addresses.
    pub addresses: Vec<Address>,
    /// What he has connected.
    pub services: Vec<Subscribed>,
    /// Temporary payments that he has now: when each is taken back, and its sum.
    pub credits: Vec<(Millis, Money)>,
    /// What moved his money last.
    pub pays: Vec<Row>,
}

/// A subscriber.
#[derive(Debug)]
pub struct Usr {
    /// As he is stored; without the comment of staff when he asks himself.
    pub row: UsrRow,
    /// Not blocked in any way.
    pub is_on: bool,
    /// His personal payment code.
    pub ppc: String,
    /// What he lacks for the next periods.
    pub recommended_pay: Money,
    /// How many of his services are frozen.
    pub frozen: i64,
    /// Octets of this calendar month: from him, to him.
    pub octets: (i64, i64),
}

/// An address of his.
#[derive(Debug)]
pub struct Address {
    /// As it is stored.
    pub row: UsrAddressRow,
    /// Since when the present stay uses it.
    pub since_at: Option<Millis>,
    /// Where the stay comes from; none for the subscriber himself.
    pub properties: Option<String>,
}

/// Shows a subscriber to himself or to staff.
///
/// Shape: `uid` of staff → [`Main`]. Units: hundredths, octets, seconds. Errors: those of [`scope::target`].
/// Source: seeds/004 "Получение данных пользователя", specs/billing.md §5.2.
pub async fn show(who: &Who, uid: Option<i64>) -> Outcome<Main> {
    let ctx = &who.ctx;
    let (account, with_events) = match who.role {
        Role::User { account, .. } => (account, false),
        Role::Admin { .. } => {
            let q = &mut ctx.read();
            let target = scope::target(q, who, uid, None).await?;
            (target.account, pays::sees_events(q, who, &target).await?)
        }
    };
    let found = ctx.app.billing_mains().ask(&ctx.app, account, look_up).await?;
    let (row, fields) = found.ok_or(Refusal::NoUid)?;
    let pays = if with_events {
        let limit = ctx.app.settings().billing.api.pays_limit.into();
        billing_view::list_pays_and_events(&mut ctx.read(), account, row.usr.wallet_id, limit).await?
    } else {
        row.pays
    };
    let mut services = subscription::of(&ctx.app, row.services)?;
    let credits: Vec<_> = row.credits.into_iter().map(|(due, _, sum)| (due, sum)).collect();
    let usr = usr(ctx, row.usr, &services, &credits, who.is_admin());
    services.retain(|service| !service.is_stopped());
    Ok(Main {
        fields: fields.show(&row.values, who.is_admin()),
        addresses: row.addresses.into_iter().map(|row| address(row, who.is_admin())).collect(),
        services,
        credits,
        pays: pays.into_iter().map(|row| pays::seen(who, row)).collect(),
        usr,
    })
}

/// Look-ups of subscribers, with the fields there are.
pub(crate) type Mains = Gather<AccountId, Option<(MainRow, Arc<Fields>)>>;

async fn look_up(app: App, accounts: Vec<AccountId>) -> Result<Vec<Option<(MainRow, Arc<Fields>)>>> {
    let pay = &app.settings().billing.pay;
    let limit = app.settings().billing.api.pays_limit.into();
    let (found, fields) = rows::find(&mut app.db().read(), &accounts, &pay.currency, limit).await?;
    let fields = Arc::new(Fields::of(fields)?);
    Ok(found.into_iter().map(|found| found.map(|row| (row, Arc::clone(&fields)))).collect())
}

/// A subscriber as he stands.
pub(super) fn usr(ctx: &Ctx, row: UsrRow, services: &[Subscribed], credits: &[(Millis, Money)], is_admin: bool) -> Usr {
    let owed = credits.iter().fold(Money::ZERO, |sum, (_, amount)| sum.plus(*amount));
    let needed = subscription::needed(services, ctx.now(), None);
    let month = this_month(ctx);
    let octets = if row.month == Some(month) { (row.up.unwrap_or(0), row.down.unwrap_or(0)) } else { (0, 0) };
    Usr {
        is_on: row.is_enabled && !row.admin_block && !row.debt_block,
        ppc: payment_code(row.uid),
        recommended_pay: needed.minus(row.balance.minus(owed)).max(Money::ZERO),
        frozen: services.iter().map(|service| i64::from(service.is_frozen())).sum(),
        octets,
        row: if is_admin { row } else { UsrRow { comment: String::new(), ..row } },
    }
}

fn address(row: UsrAddressRow, is_admin: bool) -> Address {
    let is_in = row.since_at.is_some() && row.until_at.is_none();
    let properties = row
        .nas_address
        .as_deref()
        .filter(|_| is_admin && is_in)
        .map(|nas| properties(&row.user_name, row.calling_station.as_deref().unwrap_or_default(), nas));
    Address { since_at: row.since_at.filter(|_| is_in), properties, row }
}

/// Where a stay comes from, as clients parse it: by DHCP whoever is known by his hardware address alone.
pub(super) fn properties(user_name: &[u8], calling_station: &str, nas: &str) -> String {
    let is_hardware = !calling_station.is_empty() && user_name.eq_ignore_ascii_case(calling_station.as_bytes());
    format!("mod={};user={calling_station};nas={nas}", if is_hardware { "dhcp" } else { "radius" })
}

/// The zone of calendar periods and of the times shown.
pub fn zone(ctx: &Ctx) -> TimeZone {
    TimeZone::get(&ctx.app.settings().billing.time_zone).unwrap_or(TimeZone::UTC)
}

/// The calendar month as counters name it: year * 12 + month.
pub fn this_month(ctx: &Ctx) -> i64 {
    month_of(ctx.now(), zone(ctx))
}

fn month_of(at: Millis, zone: TimeZone) -> i64 {
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone);
    i64::from(at.year()) * 12 + i64::from(at.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_where_the_subscriber_lives() {
        // 2026-11-30 22:30 UTC is December in Kyiv.
        let at = Millis(1_796_077_800_000);
        assert_eq!(month_of(at, TimeZone::UTC), 2026 * 12 + 11);
        assert_eq!(month_of(at, TimeZone::get("Europe/Kyiv").unwrap()), 2026 * 12 + 12);
    }

    #[test]
    fn who_is_known_by_his_hardware_address_came_by_dhcp() {
        assert_eq!(properties(b"test", "AA-BB", "192.0.2.1"), "mod=radius;user=AA-BB;nas=192.0.2.1");
        assert_eq!(properties(b"aa-bb", "AA-BB", "192.0.2.1"), "mod=dhcp;user=AA-BB;nas=192.0.2.1");
    }
}
