//! `User/GetSearchData`

use gatehouse_domain::vpn::user;
use serde::Serialize;

use super::WRONG;
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    shown, text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "GetSearchData",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.user.list",
    kind: "account",
    names: &[],
    handle: |call| Box::pin(handle(call)),
};

/// `result`
#[derive(Serialize)]
struct Page {
    #[serde(rename = "totalUser")]
    total: i64,
    data: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    note: String,
    parent: String,
    parent_path: String,
    roleid: String,
    role_name: String,
    is_enable: u8,
}

/// Lists users as they are staged, by id.
///
/// Shape: `offset` (0), `limit` (25, at most 50 000) → `{totalUser: 2, data: [{id: "1", name, note, parent: "-1", parent_path,
/// roleid: "2,3", role_name: "a,b", is_enable: 1}]}`. Numbers that cannot be read, or are negative, count as absent.
/// Errors: none of its own.
/// Source: specs/vpn.md §7.7.
async fn handle(call: &Call) -> Outcome {
    let paging = call.params.paging(&["offset"]);
    let messages = call.ctx.app.settings().vpn.messages;
    let page = user::list(&call.ctx, paging.limit, paging.offset).await?;
    let row = |(user, roles): (user::VpnUserEntry, Vec<_>)| {
        let (roleid, role_name) = shown::roles(&roles);
        Row {
            id: user.id.to_string(),
            name: user.login,
            note: user.note,
            parent: user.vpn_group_id.to_string(),
            parent_path: shown::path(user.group_path, messages),
            roleid,
            role_name,
            is_enable: (user.is_enabled && user.is_account_enabled).into(),
        }
    };
    Success::new(text::DONE).with(&Page { total: page.total, data: page.users.into_iter().map(row).collect() })
}
