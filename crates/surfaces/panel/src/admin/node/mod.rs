//! `server/group/*`, `server/route/*`, `server/manage/*` (specs/panel.md §4.3).

mod group;
mod manage;
mod route;
mod show;

use axum::response::Response;
use gatehouse_domain::{Error, panel};
use http::StatusCode;
use serde_json::json;

use crate::{
    answer::Failure,
    endpoint::{Endpoint, For, endpoint},
    envelope::json_reply,
};

const NODE: For = For::Staff("panel.node");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v2/{sp}/server/group/fetch", NODE, group::fetch),
    endpoint!(Post "v2/{sp}/server/group/save", NODE, group::save),
    endpoint!(Post "v2/{sp}/server/group/drop", NODE, group::drop),
    endpoint!(Get "v2/{sp}/server/route/fetch", NODE, route::fetch),
    endpoint!(Post "v2/{sp}/server/route/save", NODE, route::save),
    endpoint!(Post "v2/{sp}/server/route/drop", NODE, route::drop),
    endpoint!(Get "v2/{sp}/server/manage/getNodes", NODE, show::nodes),
    endpoint!(Post "v2/{sp}/server/manage/save", NODE, manage::save),
    endpoint!(Post "v2/{sp}/server/manage/update", NODE, manage::update),
    endpoint!(Post "v2/{sp}/server/manage/batchUpdate", NODE, manage::update),
    endpoint!(Post "v2/{sp}/server/manage/drop", NODE, manage::drop),
    endpoint!(Post "v2/{sp}/server/manage/batchDelete", NODE, manage::drop),
    endpoint!(Post "v2/{sp}/server/manage/copy", NODE, manage::copy),
    endpoint!(Post "v2/{sp}/server/manage/sort", NODE, manage::sort),
    endpoint!(Post "v2/{sp}/server/manage/resetTraffic", NODE, manage::reset_traffic),
    endpoint!(Post "v2/{sp}/server/manage/batchResetTraffic", NODE, manage::reset_traffic),
    endpoint!(Both "v2/{sp}/server/manage/generateEchKey", NODE, manage::generate_ech_key),
    endpoint!(Both "v2/{sp}/server/manage/getToken", NODE, manage::token),
    endpoint!(Post "v2/{sp}/server/manage/resetToken", NODE, manage::reset_token),
];

/// A failure whose rule is told in its own words: which key of a node is wrong, and why.
fn worded(error: Error) -> Failure {
    match error {
        Error::Invalid { field, rule } => {
            let body = json!({
                "status": "fail", "message": rule, "data": null, "error": null, "errors": {field: [rule]},
            });
            let response: Response = json_reply(StatusCode::UNPROCESSABLE_ENTITY, &body);
            Failure::Raw(Box::new(response))
        }
        Error::NotFound { .. } => panel::Refusal::rule("The node does not exist").into(),
        error => Failure::Error(error),
    }
}
