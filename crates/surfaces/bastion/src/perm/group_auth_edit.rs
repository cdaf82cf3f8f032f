//! `POST perm/group-auth/edit/`

use std::collections::BTreeMap;

use gatehouse_domain::{
    Edit,
    permission::schedule::{self, Window},
    role::{self, GrantFaults, GrantKey, ValidityEdit},
};
use gatehouse_model::{Millis, ResourceGroupId, RoleId};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::{
    body::as_integer,
    call::Call,
    catalogue,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text, time,
};

const UNKNOWN_GROUP: &str = "所添加至的组不存在";

/// Replaces what a role holds on resource groups; protected grants stay, whatever the role.
///
/// Shape: `{role_id, groups: [{id, permission: ids[, valid_from, valid_until, schedule]}]}` → ok; a group that comes twice is
/// merged, times that are not given stay as they are, null takes them. Errors: 403, also when something that is given, taken
/// or dated is not the caller's on that group; E400 with nested objects, every bad index at once. Source: seeds/003
/// operation 19, specs/bastion.md §6.1 row 19, §6.2; differs: `schedule` is a list of windows, as in policies.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.update")?;
    let mut fields = call.fields()?;
    let role = RoleId(fields.integer("role_id"));
    let items = match fields.value("groups") {
        Some(Value::Array(items)) => items.clone(),
        None => missing(&mut fields, text::required("groups")),
        Some(Value::Null) => missing(&mut fields, text::NULL),
        Some(_) => missing(&mut fields, text::NOT_LIST),
    };
    fields.finish()?;
    let mut wish = Wish::default();
    for (place, item) in items.iter().enumerate() {
        wish.read(place, item, call.bastion.zone());
    }
    let groups: Vec<ResourceGroupId> = wish.groups.iter().map(|(_, group)| *group).collect();
    let faults = role::find_grant_faults(&ctx, role, &groups).await?;
    wish.finish(&faults)?;
    role::replace_grants(&ctx, role, &wish.wanted).await?;
    Ok(Reply::ok())
}

fn missing(fields: &mut crate::body::Fields, text: &'static str) -> Vec<Value> {
    fields.fault("groups", text);
    Vec::new()
}

/// What was asked for, and what is wrong with it, by index.
#[derive(Default)]
struct Wish {
    wanted: BTreeMap<GrantKey, ValidityEdit>,
    /// Index and id of each group.
    groups: Vec<(usize, ResourceGroupId)>,
    faults: BTreeMap<usize, Map<String, Value>>,
}

impl Wish {
    fn fault(&mut self, place: usize, field: &str, fault: Value) {
        self.faults.entry(place).or_default().insert(field.to_owned(), fault);
    }

    fn read(&mut self, place: usize, item: &Value, zone: &TimeZone) {
        let Value::Object(item) = item else {
            return self.fault(place, "non_field_errors", json!(text::INVALID));
        };
        let group = match item.get("id") {
            None => Err(text::required("id")),
            Some(Value::Null) => Err(text::NULL),
            Some(id) => as_integer(id).map(ResourceGroupId).ok_or(text::NOT_INTEGER),
        };
        let codes = match item.get("permission") {
            None => Err(json!(text::required("permission"))),
            Some(Value::Null) => Err(json!(text::NULL)),
            Some(Value::Array(ids)) => {
                let codes: Option<Vec<&str>> = ids.iter().map(|id| as_integer(id).and_then(on_groups)).collect();
                codes.ok_or_else(|| json!({ "perms": "权限错误" }))
            }
            Some(_) => Err(json!(text::NOT_LIST)),
        };
        let validity = ValidityEdit {
            valid_from: self.time(place, item, "valid_from", zone),
            valid_until: self.time(place, item, "valid_until", zone),
            schedule: self.schedule(place, item),
        };
        match group {
            Err(fault) => self.fault(place, "id", json!(fault)),
            Ok(group) => {
                self.groups.push((place, group));
                for code in codes.iter().flatten() {
                    self.wanted.insert((group, (*code).to_owned()), validity.clone());
                }
            }
        }
        if let Err(fault) = codes {
            self.fault(place, "permission", fault);
        }
    }

    fn time(&mut self, place: usize, item: &Map<String, Value>, field: &str, zone: &TimeZone) -> Edit<Millis> {
        match item.get(field) {
            None => Edit::Keep,
            Some(Value::Null) => Edit::Clear,
            Some(value) => {
                if let Some((at, _)) = value.as_str().and_then(|text| time::parse(text, zone)) {
                    return Edit::Set(at);
                }
                self.fault(place, field, json!(text::NOT_TIME));
                Edit::Keep
            }
        }
    }

    fn schedule(&mut self, place: usize, item: &Map<String, Value>) -> Edit<Vec<Window>> {
        match item.get("schedule") {
            None => Edit::Keep,
            Some(Value::Null) => Edit::Clear,
            Some(value) => match serde_json::from_value::<Vec<Window>>(value.clone()) {
                Ok(windows) if schedule::minutes(&windows).is_ok() => Edit::Set(windows),
                _ => {
                    self.fault(place, "schedule", json!(text::INVALID));
                    Edit::Keep
                }
            },
        }
    }

    /// Errors: everything that is wrong.
    fn finish(&mut self, found: &GrantFaults) -> Result<(), Refusal> {
        for unknown in &found.unknown_groups {
            if let Some((place, _)) = self.groups.get(*unknown).copied() {
                self.fault(place, "id", json!({ "group": UNKNOWN_GROUP }));
            }
        }
        let mut detail = Map::new();
        if !self.faults.is_empty() {
            let faults: Map<String, Value> =
                self.faults.iter().map(|(place, faults)| (place.to_string(), Value::Object(faults.clone()))).collect();
            detail.insert("groups".to_owned(), Value::Object(faults));
        }
        if found.is_role_unknown {
            detail.insert("role_id".to_owned(), json!({ "role": "角色不存在" }));
        }
        if detail.is_empty() { Ok(()) } else { Err(Refusal::Detail(Value::Object(detail))) }
    }
}

fn on_groups(id: i64) -> Option<&'static str> {
    catalogue::by_id(id).filter(|permission| permission.is_on_groups()).map(|permission| permission.code)
}
