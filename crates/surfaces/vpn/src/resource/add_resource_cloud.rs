//! `Resource/AddResourceCloud`

use gatehouse_domain::vpn::resource::{self, Kind, ResourceEdit};

use super::{WORDS, WRONG, edit, kind};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Resource",
    action: "AddResourceCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.create",
    kind: "vpn_resource",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

/// Makes a resource.
///
/// Shape: `name`, `rctype` (2; 0 web, 1 TCP, 2 L3VPN), `main_host` (required for 0), `addr_str` (required for 1 and 2: at most 10 of
/// `ip/port:port`, `ip-ip/port:port`, `https://host:port` by commas), `isWebApp` (false), `black_list_str`, `note`, `service` (HTTP),
/// `rc_grp_name` (the default group), `enableSrc` (1), `show` (1) → no `result`.
/// Errors: what is absent, empty, malformed or unknown -2 参数不合法; `Conflict` -9 资源已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let name = params.required("name", WRONG)?;
    let kind = params.filled("rctype").map_or(Ok(Kind::L3Vpn), kind)?;
    params.required(if kind == Kind::Web { "main_host" } else { "addr_str" }, WRONG)?;
    // An empty service is the usual one, as an empty group is the default group.
    let service = params.filled("service").map(str::to_owned);
    let new = ResourceEdit { name: Some(name.to_owned()), service, ..edit(params) };
    resource::add(&call.ctx, kind, new).await.map_err(told(WORDS))?;
    Ok(Success::new(text::DONE))
}
