//! `Resource/GetRcDataCloud`

use gatehouse_domain::vpn::{resource, resource_group};
use serde::Serialize;

use super::{WORDS, WRONG};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Resource",
    action: "GetRcDataCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.resource.read",
    kind: "vpn_resource",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

#[derive(Serialize)]
struct Resource {
    id: String,
    name: String,
    note: String,
    rctype: String,
    service: String,
    main_host: String,
    rc_grp_id: String,
    #[serde(rename = "enableSrc")]
    enable_src: String,
    show: u8,
    addr_str: String,
    black_list: String,
    /// Null for the default group.
    rc_grp_name: Option<String>,
}

/// Shows a resource as it is staged.
///
/// Shape: `name` → the resource; numbers are texts but for `show`.
/// Errors: absent or empty -2 参数不合法; `NotFound` -2 资源不存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("name", WRONG)?;
    let row = resource::find(&call.ctx, name).await.map_err(told(WORDS))?;
    Success::new(text::DONE).with(&Resource {
        id: row.id.0.to_string(),
        name: row.name,
        note: row.note,
        rctype: row.kind.to_string(),
        service: row.service,
        main_host: row.main_host,
        rc_grp_id: row.vpn_resource_group_id.0.to_string(),
        enable_src: u8::from(row.is_enabled).to_string(),
        show: u8::from(row.is_shown),
        addr_str: row.addresses,
        black_list: row.black_list,
        rc_grp_name: Some(row.group_name).filter(|_| row.vpn_resource_group_id != resource_group::DEFAULT),
    })
}
