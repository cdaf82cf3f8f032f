//! `RcGrp/GetRcGroupInfoCloud`

use gatehouse_domain::vpn::resource_group;
use serde::Serialize;

use super::WRONG;
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "RcGrp",
    action: "GetRcGroupInfoCloud",
    dialect: Dialect::Standard,
    effect: Effect::Query,
    unfit: WRONG,
    event: "vpn.resource.read",
    kind: "vpn_resource_group",
    names: &["rcGrpName"],
    handle: |call| Box::pin(handle(call)),
};

/// Most keys are of the portal of the original and constant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    str_name: String,
    str_note: String,
    int_rc_grp_id: String,
    int_show_type: &'static str,
    int_show_note: &'static str,
    int_width: &'static str,
    int_height: &'static str,
    int_rc_balance: &'static str,
    row_rc_data: Option<()>,
    #[serde(rename = "CurtGtrlId")]
    curt_gtrl_id: u8,
    #[serde(rename = "RcGrpOwner")]
    rc_grp_owner: u8,
    #[serde(rename = "RcGrpOwnerName")]
    rc_grp_owner_name: &'static str,
    ctrl_list: [(u8, &'static str); 1],
    enable: String,
    havesamerctype: u8,
    access_ctrls: [(); 0],
    rc_rows: Option<()>,
}

/// Shows a resource group as it is staged.
///
/// Shape: `rcGrpName` → the group; ids are decimal texts.
/// Errors: absent, empty or unknown -2 参数错误.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("rcGrpName", WRONG)?;
    let row = resource_group::find(&call.ctx, name).await?;
    Success::new(text::DONE).with(&Group {
        str_name: row.name,
        str_note: row.note,
        int_rc_grp_id: row.id.0.to_string(),
        int_show_type: "0",
        int_show_note: "0",
        int_width: "64",
        int_height: "64",
        int_rc_balance: "0",
        row_rc_data: None,
        curt_gtrl_id: 0,
        rc_grp_owner: 0,
        rc_grp_owner_name: "/",
        ctrl_list: [(0, "/")],
        enable: u8::from(row.is_enabled).to_string(),
        havesamerctype: 1,
        access_ctrls: [],
        rc_rows: None,
    })
}
