//! The entries of the panel. Their keys are published names: additions only (docs/STATE.md).

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::{Amount, Expiry, Presence};
use super::{
    content::{ArticleEntry, NoticeEntry},
    gift::{GiftTemplateEntry, ModuleEntry},
};

/// `[panel]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelEntries {
    /// `[panel.settings]`
    pub settings: SettingsEntry,
    /// `[[panel.notice]]`
    pub notice: Vec<NoticeEntry>,
    /// `[[panel.knowledge]]`
    pub knowledge: Vec<ArticleEntry>,
    /// `[[panel.gift_template]]`
    pub gift_template: Vec<GiftTemplateEntry>,
    /// `[panel.module.CODE]`
    pub module: BTreeMap<String, ModuleEntry>,
    /// `[[panel.coupon]]`
    pub coupon: Vec<CouponEntry>,
}

/// `[panel.settings]`: any settings by the names that `config/save` takes; `NAME_file` reads a secret from a file.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct SettingsEntry(pub Map<String, Value>);

impl fmt::Debug for SettingsEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords are among the values.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `[[plan]]`, found by `key`. What is not named stays; 0 lifts a limit, `""` clears a text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanEntry {
    /// Natural key.
    pub key: String,
    /// Display name; default: the key.
    pub name: Option<String>,
    /// Description, with placeholders.
    pub content: Option<String>,
    /// Quota in GiB.
    pub transfer_gib: Option<i64>,
    /// All its prices by period, in units of the currency; 0: free.
    pub prices: Option<BTreeMap<String, Amount>>,
    /// Node group of whoever holds it, by name.
    pub node_group: Option<String>,
    /// Mbit/s.
    pub speed_limit: Option<i64>,
    /// Devices.
    pub device_limit: Option<i64>,
    /// How many may hold it.
    pub capacity_limit: Option<i64>,
    /// 0 first of the month, 1 monthly, 2 never, 3 first of the year, 4 yearly.
    pub reset_traffic_method: Option<i64>,
    /// Words.
    pub tags: Option<Vec<String>>,
    /// Whether it is listed; default: true.
    pub show: Option<bool>,
    /// Whether it is for sale; default: true.
    pub sell: Option<bool>,
    /// Whether its holders may renew it; default: true.
    pub renew: Option<bool>,
    /// Place in lists.
    pub sort: Option<i64>,
    /// Presence.
    pub state: Presence,
}

/// `[[panel.coupon]]`, found by `code`. What is not named stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouponEntry {
    /// Natural key: what is typed.
    pub code: String,
    /// Display name; default: the code.
    pub name: Option<String>,
    /// What it takes off, in units of the currency.
    pub amount: Option<Amount>,
    /// What it takes off, percent.
    pub percent: Option<i64>,
    /// Whether it counts; default: true.
    pub show: Option<bool>,
    /// How many uses it begins with; default: no limit.
    pub uses: Option<i64>,
    /// Uses of each account; default: no limit.
    pub uses_per_account: Option<i64>,
    /// For these plans only, by their keys; empty: all.
    pub plans: Option<Vec<String>>,
    /// For these periods only; empty: all.
    pub periods: Option<Vec<String>>,
    /// From when; default: now.
    pub started_at: Option<Expiry>,
    /// Until when; default: without end.
    pub ended_at: Option<Expiry>,
    /// Presence.
    pub state: Presence,
}
