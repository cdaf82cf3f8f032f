//! `Role/GetRoleListDataCloud`

use gatehouse_domain::vpn::role;
use gatehouse_model::Paging;
use serde::Serialize;

use super::{WRONG, names};
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Role",
    action: "GetRoleListDataCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.role.read",
    kind: "vpn_role",
    names: &[],
    handle: |call| Box::pin(handle(call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    data: Vec<Line>,
    total_count: String,
}

#[derive(Serialize)]
struct Line {
    _id: String,
    name: String,
    note: String,
    assoc_usergrp: String,
    enable: String,
    #[serde(rename = "isEdit")]
    is_edit: u8,
}

/// Lists roles as they are staged, by id.
///
/// Shape: `start` (rows skipped, 0), `limit` (25, at most 50 000) → `{data, totalCount}`; `assoc_usergrp` holds paths of groups and
/// names of users by commas.
/// Errors: none of its own.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let Paging { offset, limit, .. } = call.params.paging(&["start"]);
    let page = role::list(&call.ctx, offset, limit).await?;
    let line = |view: role::RoleView| {
        let associated = [names(&view.groups), names(&view.users)];
        Line {
            _id: view.role.id.0.to_string(),
            name: view.role.name,
            note: view.role.note,
            assoc_usergrp: associated.into_iter().filter(|names| !names.is_empty()).collect::<Vec<_>>().join(","),
            enable: u8::from(view.role.is_enabled).to_string(),
            is_edit: 1,
        }
    };
    let data = page.rows.into_iter().map(line).collect();
    Success::new(text::DONE).with(&List { data, total_count: page.total.to_string() })
}
