//! `State/GetOnlineUserCloud`

use std::{net::IpAddr, time::Duration};

use gatehouse_domain::radius::online::{self, Online};
use gatehouse_model::Millis;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::WRONG;
use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "State",
    action: "GetOnlineUserCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.session.list",
    kind: "vpn_group",
    names: &["parent_group"],
    handle: |call| Box::pin(handle(call)),
};

const NO_GROUP: Refusal = refusal(-13, text::USER_OR_GROUP_UNKNOWN);

/// `result`: one page of the users who are in.
#[derive(Serialize)]
struct Page {
    #[serde(rename = "totalCount")]
    total: String,
    data: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    note: String,
    nip: String,
    vip: String,
    login_time: String,
    login_duration: String,
    phone: String,
    speed_down: String,
    speed_up: String,
    flow_down: String,
    flow_up: String,
    con: &'static str,
    auth_past: &'static str,
    grp_id: String,
    key: String,
    #[serde(rename = "15")]
    same_key: String,
    grp: String,
    #[serde(rename = "_id")]
    id: i64,
}

/// Lists who is in of a group and the groups below it, newest first.
///
/// Shape: `parent_group`, `start` or `offset` (0), `limit` (25, at most 50 000) → `{totalCount: "1", data: [{name, note, nip, vip,
/// login_time, login_duration, phone, speed_down, speed_up, flow_down, flow_up, con, auth_past, grp_id, key, "15", grp, _id}]}`,
/// strings but `_id`.
/// Units: `login_time` in `vpn.time_zone`; flows in bytes and speeds in bytes a second, with a unit of 1024; down is to the user.
/// Errors: `parent_group` absent, empty or not absolute -13 参数错误; no such live group -13 用户或用户组不存在.
/// Source: specs/vpn.md §8, §11.
async fn handle(call: &Call) -> Outcome {
    let group = call.params.required("parent_group", WRONG)?;
    let page = online::list(&call.ctx, group, call.params.paging(&["start", "offset"]))
        .await
        .map_err(told(&[("path", "unknown", NO_GROUP), ("path", "malformed", WRONG)]))?;
    let zone = TimeZone::get(&call.ctx.app.settings().vpn.time_zone).unwrap_or(TimeZone::UTC);
    let data = page.rows.into_iter().map(|online| row(online, &zone)).collect();
    Success::new(text::DONE).with(&Page { total: page.total.to_string(), data })
}

fn row(online: Online, zone: &TimeZone) -> Row {
    Row {
        name: online.login,
        note: online.note,
        nip: address(online.from_address.as_deref()),
        vip: address(online.tunnel_address.as_deref()),
        login_time: moment(online.since_at, zone),
        login_duration: duration(online.duration),
        phone: online.phone,
        speed_down: format!("{}ps", size(online.rate_down)),
        speed_up: format!("{}ps", size(online.rate_up)),
        flow_down: size(online.down),
        flow_up: size(online.up),
        con: "0",
        auth_past: "1",
        grp_id: online.group.to_string(),
        same_key: online.key.clone(),
        key: online.key,
        grp: online.path,
        id: online.id.0,
    }
}

/// An address, `0.0.0.0` while it is not known or when the concentrator tells something else. Some write `192.0.2.7[4500]`.
fn address(told: Option<&str>) -> String {
    let bare = told.unwrap_or_default().split('[').next().unwrap_or_default();
    bare.parse::<IpAddr>().map_or_else(|_other| "0.0.0.0".to_owned(), |address| address.to_string())
}

/// `2019-11-11 06:57:40`
fn moment(at: Millis, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `1 minute(s) 4 second(s) `, with the blank; days and hours only where there are some.
fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let mut text = String::new();
    for (count, unit) in [(days, "day"), (hours, "hour")] {
        if count > 0 {
            text.push_str(&format!("{count} {unit}(s) "));
        }
    }
    text.push_str(&format!("{minutes} minute(s) {} second(s) ", seconds % 60));
    text
}

/// `0B`, `1.5KB`, `12.34MB`: at most two decimals.
fn size(bytes: i64) -> String {
    let bytes = u128::from(bytes.unsigned_abs());
    let units = [("GB", 1_u128 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    let Some((unit, one)) = units.into_iter().find(|(_, one)| bytes >= *one) else { return format!("{bytes}B") };
    let hundredths = (bytes * 100 + one / 2) / one;
    let number = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_at_most_two_decimals() {
        for (bytes, text) in [
            (0, "0B"),
            (1_023, "1023B"),
            (1_024, "1KB"),
            (1_536, "1.5KB"),
            (1_034, "1.01KB"),
            (1_048_576, "1MB"),
            (12_939_428, "12.34MB"),
            (5 << 30, "5GB"),
            (5 << 40, "5120GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_end_with_a_blank() {
        for (seconds, text) in [
            (64, "1 minute(s) 4 second(s) "),
            (5, "0 minute(s) 5 second(s) "),
            (3_600, "1 hour(s) 0 minute(s) 0 second(s) "),
            (90_061, "1 day(s) 1 hour(s) 1 minute(s) 1 second(s) "),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn addresses_are_addresses_or_unknown() {
        for (told, text) in [
            (None, "0.0.0.0"),
            (Some("192.0.2.7"), "192.0.2.7"),
            (Some("192.0.2.7[4500]"), "192.0.2.7"),
            (Some("2001:db8::7"), "2001:db8::7"),
            (Some("00-11-22-33-44-55"), "0.0.0.0"),
        ] {
            assert_eq!(address(told), text);
        }
    }

    #[test]
    fn moments_are_local() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        assert_eq!(moment(Millis(1_573_426_660_000), &zone), "2019-11-11 06:57:40");
    }
}
