//! Settings of the modules: their names, forms and defaults.

use gatehouse_model::{NodeGroupId, PlanId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A setting of a module as staff edit it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its form.
    pub kind: FieldKind,
    /// What it is called: a key of texts.
    pub label: &'static str,
}

/// The form of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// On or off.
    Switch,
    /// A number of a range.
    Number(i64, i64),
    /// The id of a row, or none.
    Id,
    /// A list of ids, empty: all.
    Ids,
    /// A text of at most so many characters, or none.
    Text(usize),
    /// What is put behind the local part of an e-mail address.
    Suffix,
}

const fn field(name: &'static str, kind: FieldKind, label: &'static str) -> Field {
    Field { name, kind, label }
}

pub(super) const REAL_NAME: &[Field] = &[
    field("enforce", FieldKind::Switch, "Only verified users may order and subscribe"),
    field("auto_approve", FieldKind::Switch, "Approve without review"),
    field("allow_resubmit", FieldKind::Switch, "Allow another try after a rejection"),
    field("checksum", FieldKind::Switch, "Refuse numbers with a wrong check digit"),
    field("min_age", FieldKind::Number(0, 150), "Minimum age in years, 0: none"),
    field("unique_identity", FieldKind::Switch, "One account per identity"),
    field("notice", FieldKind::Text(2_000), "Notice shown to users"),
];

pub(super) const ONLINE_DEVICES: &[Field] = &[];

pub(super) const IPV6_SUBSCRIPTION: &[Field] = &[
    field("plan_id", FieldKind::Id, "Plan of IPv6 accounts, empty: the same plan"),
    field("group_id", FieldKind::Id, "Node group of IPv6 accounts, empty: of the plan"),
    field("allowed_plan_ids", FieldKind::Ids, "Plans whose users may enable it, empty: all"),
    field("email_suffix", FieldKind::Suffix, "Suffix of the e-mail address before the @"),
    field("share_quota", FieldKind::Switch, "Both accounts share one quota"),
];

/// `real_name_verification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdentityRules {
    /// Whether whoever is not verified may neither order nor get a subscription.
    pub enforce: bool,
    /// Whether nobody looks at what was submitted.
    pub auto_approve: bool,
    /// Whether a rejected person may try again.
    pub allow_resubmit: bool,
    /// Whether the check digit must be right.
    pub checksum: bool,
    /// Years; 0: any age.
    pub min_age: i64,
    /// Whether an identity serves one account only.
    pub unique_identity: bool,
    /// What people are told.
    pub notice: Option<String>,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            enforce: false,
            auto_approve: false,
            allow_resubmit: true,
            checksum: false,
            min_age: 0,
            unique_identity: true,
            notice: None,
        }
    }
}

/// `user_online_devices`: nothing to set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRules {}

/// `user_add_ipv6_subscription`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShadowRules {
    /// Plan of shadows; none: that of the main account.
    pub plan_id: Option<PlanId>,
    /// Node group of shadows; none: that of their plan.
    pub group_id: Option<NodeGroupId>,
    /// Plans whose users may have one; empty: all.
    pub allowed_plan_ids: Vec<PlanId>,
    /// What the local part of its address gets.
    pub email_suffix: String,
    /// Whether both count against the main account's quota.
    pub share_quota: bool,
}

impl Default for ShadowRules {
    fn default() -> Self {
        Self {
            plan_id: None,
            group_id: None,
            allowed_plan_ids: Vec::new(),
            email_suffix: "-ipv6".to_owned(),
            share_quota: false,
        }
    }
}

impl Field {
    /// A value in the form it is kept; none: it is not one.
    pub(super) fn read(&self, value: &Value) -> Option<Value> {
        match self.kind {
            FieldKind::Switch => match text(value)?.as_str() {
                "1" | "true" => Some(json!(true)),
                "0" | "false" | "" => Some(json!(false)),
                _ => None,
            },
            FieldKind::Number(least, most) => {
                let number: i64 = text(value)?.parse().ok()?;
                (least..=most).contains(&number).then(|| json!(number))
            }
            FieldKind::Id => match text(value)?.as_str() {
                "" | "0" => Some(Value::Null),
                digits => digits.parse::<i64>().ok().filter(|id| *id > 0).map(|id| json!(id)),
            },
            FieldKind::Ids => {
                let parts: Vec<String> = match value {
                    Value::Array(items) => items.iter().map(text).collect::<Option<_>>()?,
                    single => text(single)?.split(',').map(|part| part.trim().to_owned()).collect(),
                };
                let wanted = parts.iter().filter(|part| !part.is_empty());
                let ids: Option<Vec<i64>> = wanted.map(|part| part.parse().ok().filter(|id| *id > 0)).collect();
                ids.filter(|ids| ids.len() <= 1_000).map(|ids| json!(ids))
            }
            FieldKind::Text(most) => match text(value)? {
                text if text.is_empty() => Some(Value::Null),
                text => (text.chars().count() <= most).then(|| json!(text)),
            },
            FieldKind::Suffix => {
                let suffix = text(value)?;
                let is_fit = (1..=32).contains(&suffix.len())
                    && suffix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'));
                is_fit.then(|| json!(suffix))
            }
        }
    }
}

/// A single value as trimmed text; null is the empty one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.contains('\0')),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::module::{Module, Modules};

    #[test]
    fn every_setting_has_a_field_and_its_default_may_be_saved() {
        for module in Module::ALL {
            let config = Modules::default().config(module);
            let names: Vec<&str> = module.fields().iter().map(|field| field.name).collect();
            assert_eq!(config.len(), names.len(), "{}", module.code());
            for field in module.fields() {
                assert_eq!(field.read(&config[field.name]).as_ref(), Some(&config[field.name]), "{}", field.name);
            }
        }
    }

    #[test]
    fn wrong_forms_are_no_values() {
        let find = |name: &str| {
            let all = Module::ALL.iter().flat_map(|module| module.fields());
            *all.clone().find(|field| field.name == name).unwrap()
        };
        for (name, value) in [
            ("enforce", json!(2)),
            ("enforce", json!([1])),
            ("min_age", json!(-1)),
            ("min_age", json!(1.5)),
            ("plan_id", json!(-1)),
            ("plan_id", json!("x")),
            ("allowed_plan_ids", json!([1, "x"])),
            ("email_suffix", json!("@evil")),
            ("email_suffix", json!("")),
            ("notice", json!("x".repeat(2_001))),
        ] {
            assert_eq!(find(name).read(&value), None, "{name} took {value}");
        }
        assert_eq!(find("allowed_plan_ids").read(&json!("1, 2,")), Some(json!([1, 2])));
        assert_eq!(find("plan_id").read(&json!("")), Some(Value::Null));
    }
}
