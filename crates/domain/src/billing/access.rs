//! Whether a subscriber may be in, and what his services give him (specs/billing.md §7, §14).

use std::{collections::BTreeMap, time::Duration};

use gatehouse_model::{EndedWhy, Millis};
use gatehouse_store::{
    Query,
    subscriber_access::{self as rows, ActiveServiceRow, EntrantRow},
};
use serde_json::Value;

use crate::{Result, radius::grant::Speed};

/// Why a subscriber may not be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The account is disabled: always refused.
    Disabled,
    /// Staff blocked him.
    AdminBlock,
    /// Debt blocks him.
    DebtBlock,
    /// He has no service that gives Internet.
    NoService,
    /// A message waits to be read.
    Unread,
}

impl Denial {
    /// Stable reason for log, audit, metrics and `check-login`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::AdminBlock => "admin_block",
            Self::DebtBlock => "debt_block",
            Self::NoService => "no_service",
            Self::Unread => "unread_message",
        }
    }

    /// Why a session of his ends.
    pub const fn ended_why(self) -> EndedWhy {
        match self {
            Self::Disabled => EndedWhy::Disabled,
            Self::AdminBlock | Self::DebtBlock | Self::NoService | Self::Unread => EndedWhy::PolicyChanged,
        }
    }
}

/// What a subscriber's services give him.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// End of what was paid for; none: endless.
    pub until: Option<Millis>,
    /// The fastest of them.
    pub speed: Option<Speed>,
    /// Whether he gets a public address.
    pub is_public: bool,
    /// Address lists or filters that they name.
    pub groups: Vec<String>,
    /// Their parameters, for placeholders such as `service.KEY`.
    pub values: BTreeMap<String, String>,
}

/// How a subscriber stands now: what he gets, or why nothing.
///
/// Shape: his row and the moment → the services in force, or the first reason against it. Source: specs/billing.md §7.
pub async fn of(q: &mut impl Query, row: &EntrantRow, now: Millis) -> Result<Result<Service, Denial>> {
    if let Some(denial) = blocked(row) {
        return Ok(Err(denial));
    }
    let mut active = rows::list_active(q, row.id).await?;
    active.retain(|service| is_in_force(service, now));
    Ok(service(&active, now).ok_or(Denial::NoService).and_then(|service| {
        // Looked at last: whoever reads it gets what he paid for.
        if row.has_unread { Err(Denial::Unread) } else { Ok(service) }
    }))
}

/// How long a period that has ended counts on while the scheduler, which may have been away, comes to what follows it.
const RENEWAL: Duration = Duration::from_mins(5);

fn is_in_force(service: &ActiveServiceRow, now: Millis) -> bool {
    let grace = if service.is_followed { RENEWAL } else { Duration::ZERO };
    service.end_at.is_none_or(|end| end.plus(grace) > now)
}

/// What blocks him whatever he paid for.
fn blocked(row: &EntrantRow) -> Option<Denial> {
    if !row.is_enabled {
        Some(Denial::Disabled)
    } else if row.admin_block {
        Some(Denial::AdminBlock)
    } else if row.debt_block {
        Some(Denial::DebtBlock)
    } else {
        None
    }
}

/// Whether a tag stands among those between commas; `speed=5` is the tag `speed`, too.
pub fn has_tag(tags: &str, wanted: &str) -> bool {
    tags.split(',').any(|tag| tag.split('=').next() == Some(wanted))
}

/// What services give together; none: no Internet.
fn service(active: &[ActiveServiceRow], now: Millis) -> Option<Service> {
    let gives: Vec<&ActiveServiceRow> = active.iter().filter(|service| has_tag(&service.tags, "inet")).collect();
    if gives.is_empty() {
        return None;
    }
    let until = gives.iter().map(|service| service.end_at).collect::<Option<Vec<_>>>();
    // What is about to be renewed bounds no session.
    let until = until.and_then(|ends| ends.into_iter().max()).filter(|end| *end > now);
    let mut all = Service { until, ..Service::default() };
    for service in active {
        let param: BTreeMap<String, Value> = serde_json::from_str(&service.param).unwrap_or_default();
        let texts = param.into_iter().filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Number(number) => Some((key, number.to_string())),
            Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        let texts: BTreeMap<String, String> = texts.collect();
        all.is_public |= has_tag(&service.tags, "realip");
        if has_tag(&service.tags, "speed") {
            let speed = speed(&service.tags, &texts);
            let faster = |a: Speed, b: Speed| Speed { up: a.up.max(b.up), down: a.down.max(b.down) };
            all.speed = match (all.speed, speed) {
                (Some(a), Some(b)) => Some(faster(a, b)),
                (a, b) => a.or(b),
            };
        }
        all.groups.extend(texts.get("group").filter(|group| !all.groups.contains(group)).cloned());
        all.values.extend(texts.into_iter().map(|(key, text)| (format!("service.{key}"), text)));
    }
    Some(all)
}

/// The parameters `rate_up` and `rate_down`; without them N of `speed=N`, Mbit/s both ways.
fn speed(tags: &str, param: &BTreeMap<String, String>) -> Option<Speed> {
    let rate = |key: &str| param.get(key).and_then(|text| bits(text));
    let tag = tags.split(',').find_map(|tag| tag.strip_prefix("speed=")).and_then(|n| n.parse::<u64>().ok());
    let of_tag = tag.map(|n| n.saturating_mul(1_000_000));
    let (up, down) = (rate("rate_up").or(of_tag), rate("rate_down").or(of_tag));
    Some(Speed { up: up.or(down)?, down: down.or(up)? })
}

/// Bits a second: `5M`, `512k`, `1G`, `64000`.
fn bits(text: &str) -> Option<u64> {
    let (number, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1_000),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1_000_000),
        b'g' | b'G' => (text.get(..text.len() - 1)?, 1_000_000_000),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use gatehouse_model::BillingServiceId;

    use super::*;

    fn active(tags: &str, param: &str, end: Option<i64>) -> ActiveServiceRow {
        let (tags, param) = (tags.to_owned(), param.to_owned());
        ActiveServiceRow {
            billing_service_id: BillingServiceId(1),
            tags,
            param,
            end_at: end.map(Millis),
            is_followed: true,
        }
    }

    #[test]
    fn services_give_together_what_each_gives() {
        assert_eq!(service(&[active(",speed=5,", "{}", None)], Millis(0)), None, "no Internet");
        let one = service(&[active(",inet,speed=50,", "{}", Some(9))], Millis(0)).unwrap();
        assert_eq!((one.until, one.speed), (Some(Millis(9)), Some(Speed { up: 50_000_000, down: 50_000_000 })));
        let turbo = active(",speed,realip,", r#"{"rate_up":"5M","rate_down":"100M","group":"fast","x":true}"#, Some(5));
        let both = service(&[active(",inet,speed=50,", r#"{"plan":7}"#, None), turbo], Millis(0)).unwrap();
        assert_eq!((both.until, both.is_public), (None, true));
        assert_eq!(both.speed, Some(Speed { up: 50_000_000, down: 100_000_000 }));
        assert_eq!((both.groups.as_slice(), both.values["service.plan"].as_str()), (&["fast".to_owned()][..], "7"));
        assert_eq!(
            ["512k", "1G", "64000", "x", "", "5MM"].map(bits),
            [Some(512_000), Some(1_000_000_000), Some(64_000), None, None, None]
        );
    }
}
