//! `Resource/GetRcListDataCloud`

use gatehouse_domain::vpn::resource::{self, ListedRow};
use gatehouse_model::Paging;
use serde::Serialize;

use super::WRONG;
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Resource",
    action: "GetRcListDataCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.resource.read",
    kind: "vpn_resource",
    names: &[],
    handle: |call| Box::pin(handle(call)),
};

/// Kinds that `type` may ask for: −1 stands for resource groups.
const KINDS: [i64; 4] = [-1, 0, 1, 2];

#[derive(Serialize)]
struct List {
    #[serde(rename = "totalCount")]
    total: i64,
    #[serde(rename = "rcgrpCount")]
    groups: String,
    #[serde(rename = "rcCount")]
    resources: String,
    data: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    name: String,
    note: String,
    rctype: String,
    service: String,
    main_host: String,
    rc_grp_id: String,
    rc_grp_name: String,
    #[serde(rename = "enableSrc")]
    enable_src: String,
    addr_str: String,
}

/// Lists resources and resource groups as they are staged: groups first, then by kind and id. The default group is not among them.
///
/// Shape: `start` (rows skipped, 0), `limit` (25, at most 50 000), `type` (65535 and anything else: all; −1 groups; 0 web, 1 TCP,
/// 2 L3VPN) → `{totalCount, rcgrpCount, rcCount, data}`; ids are decimal texts, those of groups negative.
/// Errors: none of its own.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let Paging { offset, limit, .. } = call.params.paging(&["start"]);
    let kind = call.params.get("type").and_then(|kind| kind.trim().parse().ok()).filter(|kind| KINDS.contains(kind));
    let list = resource::list(&call.ctx, kind, offset, limit).await?;
    let line = |row: ListedRow| Line {
        id: (if row.kind < 0 { -row.id } else { row.id }).to_string(),
        name: row.name,
        note: row.note,
        rctype: row.kind.to_string(),
        service: row.service,
        main_host: row.main_host,
        rc_grp_id: row.group_id.to_string(),
        rc_grp_name: row.group_name,
        enable_src: u8::from(row.is_enabled).to_string(),
        addr_str: row.addresses,
    };
    Success::new(text::DONE).with(&List {
        total: list.page.total,
        groups: list.groups.to_string(),
        resources: list.resources.to_string(),
        data: list.page.rows.into_iter().map(line).collect(),
    })
}
