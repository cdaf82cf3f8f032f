//! `server/manage/getNodes`.

use gatehouse_domain::{
    panel::node::show::{self, Groups, Shown},
    proxy::sheet::{CertConfig, RateWindow},
};
use gatehouse_model::Millis;
use serde_json::{Value, json};

use crate::{
    admin::decimal,
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Lists all nodes in full, secrets masked.
pub(super) async fn nodes(call: &Call) -> Outcome {
    let (nodes, groups) = show::list(&call.ctx).await?;
    let shown = nodes.iter().map(|node| row(node, &groups));
    Ok(Answer::Data(shown.collect::<Value>()))
}

fn row(shown: &Shown, groups: &Groups) -> Value {
    let (node, sheet) = (&shown.node, &shown.node.sheet);
    let named = |id: &gatehouse_model::NodeGroupId| json!({"id": id, "name": groups.get(id)});
    let at = |at: Option<Millis>| at.filter(|at| at.0 > 0).map(seconds);
    let port = sheet.port_range.map_or_else(|| json!(node.port), |range| json!(range.to_string()));
    json!({
        "id": node.id,
        "type": node.protocol.kind().as_str(),
        "code": node.code,
        "parent_id": sheet.parent_id,
        "group_ids": node.group_ids,
        "route_ids": sheet.route_ids,
        "name": node.name,
        "remark": node.remark,
        "rate": decimal(node.rate),
        "rate_time_enable": sheet.is_rate_timed,
        "rate_time_ranges": sheet.windows.iter().map(RateWindow::to_value).collect::<Value>(),
        "transfer_enable": node.transfer_cap,
        "u": shown.up,
        "d": shown.down,
        "tags": sheet.tags,
        "host": node.host,
        "port": port,
        "server_port": node.server_port,
        "protocol_settings": sheet.private.masked(&sheet.settings),
        "custom_outbounds": sheet.custom_outbounds,
        "custom_routes": sheet.custom_routes,
        "cert_config": sheet.cert_config.as_ref().map(CertConfig::masked),
        "show": node.is_shown,
        "enabled": node.is_enabled,
        "sort": node.sort,
        "embedded": node.is_embedded,
        "listen_ip": node.listen_ip,
        "bound_port": node.bound_port,
        "groups": node.group_ids.iter().map(named).collect::<Value>(),
        "parent": shown.parent.as_ref().map(|parent| json!({"id": parent.id, "name": parent.name})),
        "online": shown.online,
        "is_online": u8::from(shown.status > 0),
        "available_status": shown.status,
        "load_status": shown.checkin.load,
        "last_check_at": at(shown.checkin.polled_at),
        "last_push_at": at(shown.checkin.pushed_at),
        "revoke": if node.is_embedded { "cuts" } else { "next_poll" },
        "created_at": seconds(sheet.created_at),
        "updated_at": seconds(sheet.updated_at),
    })
}
