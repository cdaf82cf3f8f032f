//! The entries of billing. Their keys are published names: additions only (docs/STATE.md).

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_model::{FieldKind, Secret};
use serde::{Deserialize, Deserializer, de};

use super::super::value::{Amount, Expiry, Presence};
use crate::billing::{period::PeriodMode, service::OnNoMoney};

/// `[billing]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingEntries {
    /// `[[billing.group]]`
    pub group: Vec<BillingGroupEntry>,
    /// `[[billing.service]]`
    pub service: Vec<BillingServiceEntry>,
    /// `[[billing.field]]`
    pub field: Vec<BillingFieldEntry>,
    /// `[[billing.card]]`
    pub card: Vec<CardEntry>,
}

/// `[[billing.group]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingGroupEntry {
    /// Natural key, 1–64 characters.
    pub name: String,
    /// Number, `grp` on the wire; only when new; default: the next one.
    pub id: Option<i64>,
    /// Note.
    pub property: Option<String>,
    /// Limit of new subscribers in it, negative: allowed debt; default 0.00.
    pub limit_balance: Option<Amount>,
    /// Absent: removed; refused while subscribers are in it.
    pub state: Presence,
}

/// `[[billing.service]]`, found by `key`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingServiceEntry {
    /// Natural key, 1–64 characters.
    pub key: String,
    /// Number, `service_id` on the wire; only when new; default: the next one.
    pub id: Option<i64>,
    /// What kind of service it is; of one module a subscriber has one.
    pub module: Option<String>,
    /// What lists sort it under.
    pub category: Option<String>,
    /// Its name, 1–64 characters; default: the key.
    pub title: Option<String>,
    /// What it is, at most 512 characters.
    pub description: Option<String>,
    /// Price of a whole period, negative: given; required when new.
    pub price: Option<Amount>,
    /// How long a period is; required when new.
    pub period: Option<Period>,
    /// Whether it follows itself; default false.
    pub auto_renew: Option<bool>,
    /// Whether subscribers cannot order it as the next one; default false.
    pub no_renew: Option<bool>,
    /// Whether others of its module may be connected beside it; default false.
    pub multiple: Option<bool>,
    /// Whether the subscriber's discount counts; default false.
    pub discountable: Option<bool>,
    /// Whether connecting it needs money; default true.
    pub funds_check: Option<bool>,
    /// `renew_into_debt`, `stop` or `fallback_service`; `""`: as the tags say, which is the default.
    pub on_no_money: Option<NoMoney>,
    /// Key of the service that takes over without money, `""`: none.
    pub fallback_service: Option<String>,
    /// Exactly its tags: `inet`, `speed=5`, `realip`, `chkBalance` …; default: none.
    pub tags: Option<Vec<String>>,
    /// All that modules and NAS read of it; default: nothing.
    pub param: Option<serde_json::Map<String, serde_json::Value>>,
    /// Exactly the names of the groups that may have it; default: none.
    pub groups: Option<BTreeSet<String>>,
    /// Absent: removed; refused if anybody ever had it.
    pub state: Presence,
}

/// A period: `month`, `month_end`, `once`, `endless`, or a span such as `"30d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub PeriodMode);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = match text.as_str() {
            "month" => PeriodMode::Month,
            "month_end" => PeriodMode::MonthEnd,
            "once" => PeriodMode::Once,
            "endless" => PeriodMode::Endless,
            span => {
                let span: gatehouse_model::Span = span.parse().map_err(|error| {
                    de::Error::custom(format!(
                        "`{text}` is neither month, month_end, once, endless nor a span: {error}"
                    ))
                })?;
                PeriodMode::Seconds(i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX))
            }
        };
        Ok(Self(mode))
    }
}

/// A policy, or the empty text for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMoney(pub Option<OnNoMoney>);

impl<'de> Deserialize<'de> for NoMoney {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let wrong = || de::Error::custom(format!("`{text}` is not renew_into_debt, stop, fallback_service or \"\""));
        OnNoMoney::parse(&text).map(|policy| Self(Some(policy))).ok_or_else(wrong)
    }
}

/// `[[billing.field]]`, found by `name`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingFieldEntry {
    /// Natural key; begins with `_`.
    pub name: String,
    /// Title, with a prefix such as `[01]` that sorts it; default: the name.
    pub title: Option<String>,
    /// Where it is shown.
    #[serde(default)]
    pub section: String,
    /// Type; required unless it is removed.
    #[serde(rename = "type")]
    pub kind: Option<FieldKind>,
    /// Letters of specs/billing.md §5.9.
    #[serde(default)]
    pub flags: String,
    /// A regular expression that values match.
    #[serde(default)]
    pub pattern: String,
    /// Of type `select`: what is stored, and what is shown for it.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// Note.
    #[serde(default)]
    pub comment: String,
    /// Whether subscribers do not see it.
    #[serde(default)]
    pub staff_only: bool,
    /// Absent: removed with everybody's values.
    #[serde(default)]
    pub state: Presence,
}

/// `[[billing.card]]`, found by its code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardEntry {
    /// Natural key: 8–64 letters and digits; blanks and dashes do not count. Kept as a keyed hash only.
    pub code: Secret,
    /// What it was printed with.
    #[serde(default)]
    pub series: String,
    /// What it is worth, in `billing.pay.currency`; required unless it is removed.
    pub amount: Option<Amount>,
    /// Absent: removed; refused if it was used.
    #[serde(default)]
    pub state: Presence,
}

/// `[account.subscriber]`: the subscriber pass.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriberEntry {
    /// His number; default: the next one.
    pub uid: Option<i64>,
    /// Name of his billing group; default: the one with the lowest number, `default` where there is none.
    pub group: Option<String>,
    /// Number of his contract.
    pub contract: Option<String>,
    /// Date of his contract; `"never"`: none.
    pub contract_at: Option<Expiry>,
    /// Full name.
    pub full_name: Option<String>,
    /// What staff write about him.
    pub comment: Option<String>,
    /// Below it he is blocked; negative: allowed debt; default: as the group says.
    pub limit_balance: Option<Amount>,
    /// Whether he is blocked below it; default true.
    pub block_if_limit: Option<bool>,
    /// Percent; default 0.
    pub discount: Option<i64>,
    /// Technical state; default 0.
    pub cstate: Option<i64>,
    /// Whether he needs no authorisation; default false.
    pub always_on: Option<bool>,
    /// Why staff block him, `""`: they do not.
    pub admin_block: Option<String>,
    /// Exactly the blocks `ordering`, `messages`, `credit` that are in force, each with what he is told.
    pub blocks: Option<BTreeMap<String, String>>,
    /// Values of extra fields, `""` takes one away; those that are not named stay.
    pub fields: BTreeMap<String, String>,
    /// Exactly the addresses that are his own.
    pub addresses: Option<BTreeSet<std::net::IpAddr>>,
    /// `[[account.subscriber.service]]`
    pub service: Vec<SubscriptionEntry>,
    /// Absent: the pass is taken; his money stays.
    pub state: Presence,
}

/// `[[account.subscriber.service]]`, found by `key` among those of the account: connected once, and charged then.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionEntry {
    /// Natural key, 1–64 characters. What has ended is not connected again under it.
    pub key: String,
    /// Key of the service.
    pub service: String,
    /// End of the period he has paid for elsewhere: nothing is charged now, renewals go on from there.
    pub paid_until: Option<Expiry>,
    /// Start of that period; default: now.
    pub since: Option<Expiry>,
}

/// `[[address_pool]]`, found by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressPoolEntry {
    /// Natural key, 1–100 characters.
    pub name: String,
    /// Network of at most 65536 addresses, whose first and last are not given out; required when new, and stays.
    pub cidr: Option<ipnet::IpNet>,
    /// Whether nobody gets one of its addresses; default false.
    pub reserved: Option<bool>,
    /// Whether it is for services tagged `realip`; default false.
    pub public: Option<bool>,
    /// Exactly its tags; default: none.
    pub tags: Option<Vec<String>>,
    /// Absent: removed; refused while an address of it is in use or somebody's own.
    pub state: Presence,
}

/// `[[device]]`, found by `mac`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceEntry {
    /// Natural key: twelve hex digits, with `:`, `-`, `.` or nothing between.
    pub mac: String,
    /// Login of the subscriber whose it is; required unless it is removed.
    pub account: String,
    /// Name of the DHCP server it is known at; default: every one.
    pub server_tag: String,
    /// Absent: removed.
    pub state: Presence,
}

/// Billing groups that a role's `billing.*` codes reach: `"all"`, or names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleGroups {
    /// All, also those that come.
    All,
    /// Exactly these.
    Some(BTreeSet<String>),
}

impl<'de> Deserialize<'de> for RoleGroups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "\"all\" or a list of billing groups")]
        enum Form {
            Word(String),
            Names(BTreeSet<String>),
        }
        match Form::deserialize(deserializer)? {
            Form::Names(names) => Ok(Self::Some(names)),
            Form::Word(word) if word == "all" => Ok(Self::All),
            Form::Word(word) => Err(de::Error::custom(format!("`{word}` is not \"all\" or a list of billing groups"))),
        }
    }
}

impl CardEntry {
    /// The card without what it is worth anything for: its series and the last two characters of its code.
    pub(in crate::apply) fn masked(&self) -> String {
        let code = self.code.expose();
        let end: String = code.chars().skip(code.chars().count().saturating_sub(2)).collect();
        format!("{} …{end}", self.series)
    }
}
