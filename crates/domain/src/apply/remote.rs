//! Nodes of others and their route rules. The rules of what they can be are those of [`node`].

use gatehouse_store::{Tx, node as rows, node_route};
use serde_json::{Map, Value, json};

use super::{Change, Limit, Names, NodeEntry, NodeRouteEntry, Presence};
use crate::{
    Ctx, Error, Result,
    panel::{
        Failure,
        node::{
            self,
            route::{self, RouteSpec},
        },
        refusal::Kind,
    },
};

/// Makes, changes or removes a route rule.
pub(super) async fn ensure_route(ctx: &Ctx, tx: &mut Tx, entry: &NodeRouteEntry) -> Result<Change> {
    let found = node_route::find_by_key(tx, &entry.key).await?;
    if entry.state == Presence::Absent {
        let Some(row) = found else { return Ok(Change::Unchanged) };
        route::remove_in(ctx, tx, &row).await?;
        return Ok(Change::Removed);
    }
    let stored: Option<Vec<String>> = found.as_ref().and_then(|row| serde_json::from_str(&row.matches).ok());
    let action = entry.action.as_ref().or(found.as_ref().map(|row| &row.action));
    let spec = RouteSpec {
        remarks: entry.remarks.as_ref().or(found.as_ref().map(|row| &row.remarks)).unwrap_or(&entry.key).clone(),
        matches: entry.matches.clone().or(stored.clone()).unwrap_or_default(),
        action: action.ok_or_else(|| Error::invalid("action", "a new rule needs what it does"))?.clone(),
        action_value: entry.action_value.clone().or(found.as_ref().and_then(|row| row.action_value.clone())),
    };
    if let Some(row) = &found
        && row.remarks == spec.remarks
        && stored.as_ref() == Some(&spec.matches)
        && row.action == spec.action
        && row.action_value == spec.action_value
    {
        return Ok(Change::Unchanged);
    }
    match route::save_in(ctx, tx, found.as_ref(), Some(&entry.key), &spec).await {
        Ok(_) if found.is_some() => Ok(Change::Updated),
        Ok(_) => Ok(Change::Created),
        Err(Failure::Error(error)) => Err(error),
        Err(Failure::Refused(refusal)) => {
            let field = match refusal.kind {
                Kind::Input(name) => name,
                _ => NodeRouteEntry::KIND,
            };
            Err(Error::invalid(field, "is no value that a route rule takes (specs/panel.md §4.3)"))
        }
    }
}

/// Makes or changes a node of others; what the entry does not name stays.
pub(super) async fn ensure_node(ctx: &Ctx, tx: &mut Tx, entry: &NodeEntry, names: &Names) -> Result<Change> {
    ctx.require("panel.node")?;
    let found = rows::find_by_code(tx, entry.kind.as_str(), &entry.code).await?;
    let form = form(tx, entry, names, found.is_none()).await?;
    Ok(node::save::save_in(ctx, tx, found.as_ref(), &form).await?.1)
}

/// The entry as the panel's API would send it.
async fn form(tx: &mut Tx, entry: &NodeEntry, names: &Names, is_new: bool) -> Result<Map<String, Value>> {
    let port = entry.port_range.clone().map(Value::from).or(entry.port.map(Value::from));
    let server_port = entry.server_port.or(entry.port.filter(|_| is_new));
    let rate = entry.rate.map(|rate| format!("{}.{:02}", rate.0 / 100, rate.0 % 100));
    let groups = entry.groups.as_ref().map(|groups| groups.iter().filter_map(|name| names.groups.get(name)).collect());
    let routes = match &entry.routes {
        Some(keys) => Some(route_ids(tx, keys).await?),
        None => None,
    };
    let default = |given: Option<bool>| given.or(is_new.then_some(true));
    let given = [
        ("name", entry.name.clone().or_else(|| is_new.then(|| entry.code.clone())).map(Value::from)),
        ("host", entry.host.clone().map(Value::from)),
        ("remark", entry.remark.clone().map(Value::from)),
        ("port", port),
        ("server_port", server_port.map(Value::from)),
        ("rate", rate.map(Value::from)),
        ("enabled", default(entry.enabled).map(Value::from)),
        ("show", default(entry.shown).map(Value::from)),
        ("sort", entry.sort.map(Value::from)),
        ("transfer_enable", entry.transfer_cap.map(|cap: Limit| json!(cap.bytes()))),
        ("group_ids", groups.map(|ids: Vec<_>| json!(ids))),
        ("route_ids", routes),
        ("tags", entry.tags.as_ref().map(|tags| json!(tags))),
        ("rate_time_enable", entry.rate_time_ranges.as_ref().map(|_| json!(true))),
        ("rate_time_ranges", entry.rate_time_ranges.clone()),
        ("protocol_settings", entry.protocol_settings.clone()),
    ];
    let fixed = [("type", json!(entry.kind.as_str())), ("code", json!(entry.code)), ("embedded", json!(false))];
    let given = given.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Ok(given.chain(fixed).map(|(key, value)| (key.to_owned(), value)).collect())
}

async fn route_ids(tx: &mut Tx, keys: &[String]) -> Result<Value> {
    let mut ids = Vec::new();
    for key in keys {
        let row = node_route::find_by_key(tx, key).await?;
        let row = row.ok_or_else(|| Error::invalid("routes", format!("there is no [[node_route]] `{key}`")))?;
        ids.push(row.id);
    }
    Ok(json!(ids))
}
