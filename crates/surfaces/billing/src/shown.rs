//! How subscribers, their services and rows look on the wire (specs/billing.md §5.2).

use gatehouse_domain::{
    Ctx,
    billing::{
        field::FieldValue,
        main::{self, Address, Usr},
        pays::Row,
        service::Listed,
        subscription::Subscribed,
    },
    settings::Language,
};
use gatehouse_model::{FieldKind, Millis, Money};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{text, writer::Writer};

/// What the wall clock of `billing.time_zone` says.
pub(crate) struct WallClock {
    zone: TimeZone,
    now: Millis,
}

impl WallClock {
    pub(crate) fn new(ctx: &Ctx) -> Self {
        Self { zone: main::zone(ctx), now: ctx.now() }
    }

    /// `21.12.2026 04:00`
    pub(crate) fn minute(&self, at: Millis) -> String {
        let at = self.shows(at);
        let (day, month, year, hour, minute) = (at.day(), at.month(), at.year(), at.hour(), at.minute());
        format!("{day:02}.{month:02}.{year:04} {hour:02}:{minute:02}")
    }

    /// `21.12.2026`
    fn day(&self, at: Millis) -> String {
        let at = self.shows(at);
        format!("{:02}.{:02}.{:04}", at.day(), at.month(), at.year())
    }

    fn shows(&self, at: Millis) -> DateTime {
        self.zone.to_datetime(Timestamp::from_millisecond(at.0).unwrap_or_default())
    }
}

/// The keys of `usr` that lists have too.
pub(crate) fn usr(writer: &mut Writer, usr: &Usr, clock: &WallClock) {
    let row = &usr.row;
    writer.number("id", row.uid);
    writer.number("uid", row.uid);
    writer.text("name", &row.login);
    writer.text("fio", &row.full_name);
    writer.text("contract", &row.contract);
    writer.text("comment", &row.comment);
    writer.time("contract_date", row.contract_at);
    writer.text("contract_date_as_text", &row.contract_at.map(|at| clock.day(at)).unwrap_or_default());
    writer.number("grp", row.billing_group_id.0);
    writer.text("grp_name", &row.group_name);
    writer.text("state", if usr.is_on { "on" } else { "off" });
    writer.text("state_off", if usr.is_on { "" } else { "1" });
    writer.money("balance", row.balance);
    writer.money("limit_balance", row.limit_balance);
    writer.flag("block_if_limit", row.block_if_limit);
    writer.number("discount", row.discount);
    writer.number("cstate", row.cstate);
    writer.time("cstate_time", Some(row.cstate_at));
    writer.flag("lstate", row.is_always_on);
    writer.time("modify_time", Some(row.changed_at));
    writer.plain_money("debt", row.balance.negated().max(Money::ZERO));
    writer.text("recommended_pay", &usr.recommended_pay.to_decimal());
    writer.plain("frozen_srv", usr.frozen);
    writer.text("ppc", &usr.ppc);
}

/// The counters of each class, to him, from him and both ways.
const IN: &[&str] = &["in1", "in2", "in3", "in4", "in5", "in6", "in7", "in8"];
const OUT: &[&str] = &["out1", "out2", "out3", "out4", "out5", "out6", "out7", "out8"];
const BOTH: &[&str] = &["traf1", "traf2", "traf3", "traf4"];

/// The counters of `usr`: class 1 are the octets of the month, the rest of the original's is 0.
pub(crate) fn counters(writer: &mut Writer, usr: &Usr) {
    let (from_him, to_him) = usr.octets;
    let sum = from_him.saturating_add(to_him);
    writer.text("traf", &megabytes(sum));
    writer.text("traf_in", &megabytes(to_him));
    writer.text("traf_out", &megabytes(from_him));
    for (first, names) in [(to_him, IN), (from_him, OUT), (sum, BOTH)] {
        for (class, name) in names.iter().enumerate() {
            writer.number(name, if class == 0 { first } else { 0 });
        }
    }
    for name in ["submoney", "test", "actual"] {
        writer.number(name, 0);
    }
}

/// Octets in units of 2^20 with two decimals.
fn megabytes(octets: i64) -> String {
    Money::part(Money(octets.max(0)), 100, 1 << 20).to_decimal()
}

/// An entry of `ips`.
pub(crate) fn address(writer: &mut Writer, address: &Address, uid: i64, clock: &WallClock) {
    let row = &address.row;
    writer.text("ip", &row.ip);
    writer.number("ipn", gatehouse_domain::billing::pays::number_of(&row.ip).into());
    writer.number("uid", uid);
    writer.text("type", &row.kind);
    writer.time("release", Some(row.release_at));
    writer.flag("auth", address.since_at.is_some());
    writer.optional_time("start", address.since_at.or(row.bound_at));
    writer.optional_time("last", row.seen_at);
    match address.since_at {
        Some(since) => writer.number("tm_auth", clock.now.0.saturating_sub(since.0).max(0) / 1_000),
        None => writer.null("tm_auth"),
    }
    writer.optional_text("properties", address.properties.as_deref());
    writer.list("tag", Vec::<()>::new(), |_, ()| {});
    writer.text("num_tag", "");
}

/// An entry of `services`.
pub(crate) fn service(writer: &mut Writer, service: &Subscribed, clock: &WallClock, language: Language) {
    let row = &service.row;
    let end = row.end_at.map(|end| clock.minute(end));
    writer.number("id", row.id.0);
    writer.number("service_id", row.billing_service_id.0);
    writer.number("next_service_id", service.next_service().map_or(0, |id| id.0));
    writer.flag("auto_renew", row.is_auto_renew);
    writer.flag("no_renew", row.is_no_renew);
    writer.time("tm_start", Some(row.start_at));
    writer.time("tm_end", row.end_at);
    writer.time("time_start", Some(row.start_at));
    writer.plain("time_left", service.left.unwrap_or(0) / 1_000);
    writer.text("human_time", end.as_deref().unwrap_or_default());
    writer.text("human_end_time", end.as_deref().unwrap_or_else(|| text::ENDLESS.shown(language)));
    writer.text("grp_list", &row.groups.as_ref().map(|groups| format!(",{groups},")).unwrap_or_default());
    writer.number("pay_id", row.charge_id.map_or(0, |id| id.0));
    writer.text("category", &row.category);
    writer.text("module", &row.module);
    writer.text("title", &row.title);
    writer.text("description", &row.description);
    writer.text("tags", &row.tags);
    writer.number("uid", row.uid);
    writer.price("price", row.price);
    writer.number("finish_count", row.finish_count);
    writer.price("next_service_price", row.next_price.unwrap_or(Money::ZERO));
    let next = row.next_title.as_deref().unwrap_or_default();
    writer.text("next_service_title", next);
    writer.text("next_title", next);
    writer.optional_time("set_next_time", row.next_set_at);
    writer.flag("frozen", service.is_frozen());
    writer.text("can_change_srv", if service.why_not_change.is_none() { "1" } else { "" });
    if let Some(why) = &service.why_not_change {
        writer.text("why_not_change", why.code());
    }
}

/// An entry of the catalogue.
pub(crate) fn catalogued(writer: &mut Writer, service: &Listed) {
    let row = &service.row;
    writer.number("service_id", row.id.0);
    writer.text("module", &row.module);
    writer.text("category", &row.category);
    writer.text("title", &row.title);
    writer.text("description", &row.description);
    writer.price("price", row.price);
    writer.flag("auto_renew", row.is_auto_renew);
    writer.flag("no_renew", row.is_no_renew);
    writer.text("grp_list", &wrapped(&service.groups.iter().map(|group| group.0).collect::<Vec<_>>()));
    writer.text("period", &service.period());
}

/// What people read in an extra field.
pub(crate) fn readable(value: &FieldValue, language: Language) -> &str {
    match (value.kind, value.value.as_str()) {
        (FieldKind::YesNo, "1") => text::YES.shown(language),
        (FieldKind::YesNo, "0") => text::NO.shown(language),
        _ => &value.shown,
    }
}

/// Numbers between commas: `,1,2,`; none: empty.
pub(crate) fn wrapped(numbers: &[i64]) -> String {
    let list: String = numbers.iter().map(|number| format!("{number},")).collect();
    if list.is_empty() { list } else { format!(",{list}") }
}

/// An entry of `pays`; with what the wallet held after it in `u_pays`.
pub(crate) fn row(writer: &mut Writer, row: &Row, clock: &WallClock, with_balance: bool) {
    writer.number("id", row.id.0);
    writer.time("time", Some(row.at));
    writer.text("date", &clock.minute(row.at));
    writer.money("cash", row.amount);
    writer.number("category", row.kind);
    writer.text("reason", &row.reason);
    writer.text("comment", &row.comment);
    writer.text("creator", &row.actor);
    writer.number("creator_id", row.actor_no);
    writer.number("creator_ip", row.actor_ip.into());
    if with_balance {
        writer.money("balance", row.balance_after.unwrap_or(Money::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_in_megabytes_and_lists_between_commas() {
        assert_eq!([0, 1 << 20, 3 << 19, 5_243].map(megabytes), ["0.00", "1.00", "1.50", "0.01"]);
        assert_eq!(wrapped(&[1, 20]), ",1,20,");
        assert_eq!(wrapped(&[]), "");
    }
}
