//! specs/vpn.md §8: roles, resources and resource groups.

use serde_json::json;

use crate::support::{Surface, shared};

async fn done(surface: &Surface, controller: &str, action: &str, body: &[(&str, &str)]) {
    let answer = surface.call(controller, action, body).await;
    assert_eq!((answer.code(), answer.message().as_str()), (0, "操作成功"), "{controller}/{action} {body:?}");
}

async fn refused(surface: &Surface, controller: &str, action: &str, body: &[(&str, &str)], code: i64, text: &str) {
    let answer = surface.call(controller, action, body).await;
    assert_eq!((answer.code(), answer.message().as_str()), (code, text), "{controller}/{action} {body:?}");
}

async fn result(surface: &Surface, controller: &str, action: &str, body: &[(&str, &str)]) -> String {
    let answer = surface.call(controller, action, body).await;
    let (_, rest) = answer.body.split_once(r#""result":"#).unwrap_or_else(|| panic!("{}", answer.body));
    rest.split_once(r#","message":"#).unwrap().0.to_owned()
}

const LAN: &[(&str, &str)] =
    &[("name", "lan"), ("addr_str", "192.0.2.0-192.0.2.255/1:65535"), ("rc_grp_name", "office")];
const WIKI: &[(&str, &str)] =
    &[("name", "wiki"), ("rctype", "0"), ("main_host", "wiki.example"), ("show", "0"), ("note", "内网")];

async fn world() -> Surface {
    let surface = shared().await;
    done(&surface, "RcGrp", "AddRcGrpCloud", &[("name", "office"), ("note", "n")]).await;
    done(&surface, "Resource", "AddResourceCloud", LAN).await;
    done(&surface, "Resource", "AddResourceCloud", WIKI).await;
    surface
}

#[tokio::test]
async fn a_role_answers_its_number_and_shows_what_hangs_on_it() {
    let surface = world().await;
    let body = [
        ("name", "a"),
        ("rcNamesStr", "lan,wiki,none"),
        ("rcGrpNamesStr", "office"),
        ("grpNamesStr", "/默认用户组,/none"),
    ];
    assert_eq!(result(&surface, "Role", "AddRoleCloud", &body).await, r#"{"role_id":1}"#);
    let shown = r#"{"id":"1","name":"a","note":"","enable":"1","grpIdsStr":"-1","userIdsStr":"","rcIdsStr":"1,2","rcGrpIDsStr":"1","#.to_owned()
        + r#""accredIDsStr":"","userNames":"","strageNames":"","strageIds":[],"isInherit":0}"#;
    assert_eq!(result(&surface, "Role", "GetRoleDataCloud", &[("name", "a")]).await, shown);
    // Absent is kept, empty is cleared.
    let edit = [("oldName", "a"), ("newName", "b"), ("rcNamesStr", ""), ("note", "x"), ("enable", "0")];
    done(&surface, "Role", "UpdateRoleCloud", &edit).await;
    let shown = surface.call("Role", "GetRoleDataCloud", &[("name", "b")]).await.json()["result"].clone();
    assert_eq!(
        (&shown["rcIdsStr"], &shown["rcGrpIDsStr"], &shown["note"], &shown["enable"]),
        (&json!(""), &json!("1"), &json!("x"), &json!("0"))
    );
    let list = r#"{"data":[{"_id":"1","name":"b","note":"x","assoc_usergrp":"\/\u9ed8\u8ba4\u7528\u6237\u7ec4","enable":"0","isEdit":1}],"totalCount":"1"}"#;
    assert_eq!(result(&surface, "Role", "GetRoleListDataCloud", &[]).await, list);
    done(&surface, "Role", "DeleteRolesCloud", &[("names", "none,b")]).await;
    assert_eq!(result(&surface, "Role", "GetRoleListDataCloud", &[]).await, r#"{"data":[],"totalCount":"0"}"#);
}

#[tokio::test]
async fn roles_are_refused_in_the_words_of_the_contract() {
    let surface = shared().await;
    done(&surface, "Role", "AddRoleCloud", &[("name", "a")]).await;
    done(&surface, "Role", "AddRoleCloud", &[("name", "b")]).await;
    refused(&surface, "Role", "AddRoleCloud", &[("name", "a")], -9, "角色已存在").await;
    refused(&surface, "Role", "AddRoleCloud", &[], -2, "can't find the argument:'name'").await;
    refused(&surface, "Role", "AddRoleCloud", &[("name", "")], -2, "参数错误").await;
    let long = "x".repeat(49);
    refused(&surface, "Role", "AddRoleCloud", &[("name", &long)], -2, "参数错误").await;
    refused(&surface, "Role", "AddRoleCloud", &[("name", "c"), ("note", &long)], -2, "参数错误").await;
    refused(&surface, "Role", "UpdateRoleCloud", &[("oldName", "a"), ("newName", "b")], -9, "角色已存在").await;
    refused(&surface, "Role", "UpdateRoleCloud", &[("oldName", "x"), ("newName", "y")], -2, "角色不存在").await;
    refused(&surface, "Role", "UpdateRoleCloud", &[("newName", "y")], -2, "can't find the argument:'oldName'").await;
    refused(&surface, "Role", "DeleteRolesCloud", &[("names", "x,y")], -2, "角色不存在").await;
    refused(&surface, "Role", "DeleteRolesCloud", &[], -2, "can't find the argument:'names'").await;
    refused(&surface, "Role", "GetRoleDataCloud", &[("name", "x")], -2, "角色不存在").await;
    refused(&surface, "Role", "GetRoleDataCloud", &[], -2, "can't find the argument:'name'").await;
}

#[tokio::test]
async fn a_resource_is_shown_as_it_was_given() {
    let surface = world().await;
    let lan = r#"{"id":"1","name":"lan","note":"","rctype":"2","service":"HTTP","main_host":"","rc_grp_id":"1","enableSrc":"1","show":1,"#.to_owned()
        + r#""addr_str":"192.0.2.0-192.0.2.255\/1:65535","black_list":"","rc_grp_name":"office"}"#;
    assert_eq!(result(&surface, "Resource", "GetRcDataCloud", &[("name", "lan")]).await, lan);
    let wiki = surface.call("Resource", "GetRcDataCloud", &[("name", "wiki")]).await.json()["result"].clone();
    assert_eq!((&wiki["rc_grp_name"], &wiki["show"], &wiki["rctype"]), (&json!(null), &json!(0), &json!("0")));
    let edit = [("old_name", "lan"), ("new_name", "net"), ("rctype", "2"), ("rc_grp_name", ""), ("enableSrc", "0")];
    done(&surface, "Resource", "UpdateResourceCloud", &edit).await;
    let net = surface.call("Resource", "GetRcDataCloud", &[("name", "net")]).await.json()["result"].clone();
    assert_eq!((&net["rc_grp_id"], &net["enableSrc"], &net["id"]), (&json!("0"), &json!("0"), &json!("1")));
    assert_eq!(net["addr_str"], "192.0.2.0-192.0.2.255/1:65535");
    let all = surface.call("Resource", "GetRcListDataCloud", &[]).await.json()["result"].clone();
    assert_eq!((&all["totalCount"], &all["rcgrpCount"], &all["rcCount"]), (&json!(3), &json!("1"), &json!("2")));
    let names: Vec<_> = all["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["office", "wiki", "net"]);
    assert_eq!(all["data"][0]["id"], "-1");
    let webs = result(&surface, "Resource", "GetRcListDataCloud", &[("type", "0"), ("limit", "9999")]).await;
    let line = r#"{"totalCount":1,"rcgrpCount":"0","rcCount":"1","data":[{"id":"2","name":"wiki","note":"\u5185\u7f51","rctype":"0","#.to_owned()
        + r#""service":"HTTP","main_host":"wiki.example","rc_grp_id":"0","rc_grp_name":"\u9ed8\u8ba4\u8d44\u6e90\u7ec4","enableSrc":"1","addr_str":""}]}"#;
    assert_eq!(webs, line);
    assert_eq!(
        result(&surface, "Resource", "DeleteResourceCloud", &[("names", "net,none")]).await,
        r#""Delete the entry successfully""#
    );
}

#[tokio::test]
async fn resources_are_refused_in_the_words_of_the_contract() {
    let surface = world().await;
    let wrong = "参数不合法";
    refused(&surface, "Resource", "AddResourceCloud", LAN, -9, "资源已存在").await;
    refused(&surface, "Resource", "AddResourceCloud", &[], -2, "can't find the argument:'name'").await;
    refused(&surface, "Resource", "AddResourceCloud", &[("name", "x")], -2, "can't find the argument:'addr_str'").await;
    let web = [("name", "x"), ("rctype", "0")];
    refused(&surface, "Resource", "AddResourceCloud", &web, -2, "can't find the argument:'main_host'").await;
    for bad in ["192.0.2.1", "192.0.2.1/80", "x/1:2", &["192.0.2.1/1:2"; 11].join(",")] {
        refused(&surface, "Resource", "AddResourceCloud", &[("name", "x"), ("addr_str", bad)], -2, wrong).await;
    }
    for (name, value) in [("rctype", "3"), ("rctype", "x"), ("rc_grp_name", "none"), ("note", &"n".repeat(49))] {
        let body = [("name", "x"), ("addr_str", "192.0.2.1/1:2"), (name, value)];
        refused(&surface, "Resource", "AddResourceCloud", &body, -2, wrong).await;
    }
    let other_kind = [("old_name", "lan"), ("new_name", "lan"), ("rctype", "1")];
    refused(&surface, "Resource", "UpdateResourceCloud", &other_kind, -2, wrong).await;
    let unknown = [("old_name", "x"), ("new_name", "y"), ("rctype", "1")];
    refused(&surface, "Resource", "UpdateResourceCloud", &unknown, -2, "资源不存在").await;
    let taken = [("old_name", "lan"), ("new_name", "wiki"), ("rctype", "2")];
    refused(&surface, "Resource", "UpdateResourceCloud", &taken, -9, "资源已存在").await;
    refused(&surface, "Resource", "GetRcDataCloud", &[("name", "x")], -2, "资源不存在").await;
    refused(&surface, "Resource", "DeleteResourceCloud", &[("names", "x")], -2, "资源不存在").await;
    refused(&surface, "Resource", "DeleteResourceCloud", &[("names", "")], -2, "参数错误").await;
}

#[tokio::test]
async fn resource_groups_come_change_and_go() {
    let surface = world().await;
    let shown = r#"{"strName":"office","strNote":"n","intRcGrpId":"1","intShowType":"0","intShowNote":"0","intWidth":"64","intHeight":"64","#
        .to_owned()
        + r#""intRcBalance":"0","rowRcData":null,"CurtGtrlId":0,"RcGrpOwner":0,"RcGrpOwnerName":"\/","ctrlList":[[0,"\/"]],"enable":"1","#
        + r#""havesamerctype":1,"accessCtrls":[],"rcRows":null}"#;
    assert_eq!(result(&surface, "RcGrp", "GetRcGroupInfoCloud", &[("rcGrpName", "office")]).await, shown);
    done(&surface, "RcGrp", "EditRcGrpCloud", &[("rcGrpName", "office"), ("newRcGrpName", "hq"), ("enable", "0")])
        .await;
    let hq = surface.call("RcGrp", "GetRcGroupInfoCloud", &[("rcGrpName", "hq")]).await.json()["result"].clone();
    assert_eq!((&hq["strNote"], &hq["enable"]), (&json!("n"), &json!("0")));
    refused(&surface, "RcGrp", "AddRcGrpCloud", &[("name", "hq")], -9, "资源组已存在").await;
    refused(&surface, "RcGrp", "AddRcGrpCloud", &[], -2, "can't find the argument:'name'").await;
    refused(&surface, "RcGrp", "EditRcGrpCloud", &[("rcGrpName", "none")], -2, "参数错误").await;
    refused(&surface, "RcGrp", "GetRcGroupInfoCloud", &[("rcGrpName", "none")], -2, "参数错误").await;
    refused(&surface, "RcGrp", "DelRcGrpCloud", &[("rcGrpNames", "none")], -2, "参数错误").await;
    refused(&surface, "RcGrp", "DelRcGrpCloud", &[("rcGrpNames", "默认资源组")], -2, "参数错误").await;
    assert_eq!(
        result(&surface, "RcGrp", "DelRcGrpCloud", &[("rcGrpNames", "hq")]).await,
        r#""Delete the entry successfully""#
    );
    let lan = surface.call("Resource", "GetRcDataCloud", &[("name", "lan")]).await.json()["result"].clone();
    assert_eq!((&lan["rc_grp_id"], &lan["rc_grp_name"]), (&json!("0"), &json!(null)));
}
