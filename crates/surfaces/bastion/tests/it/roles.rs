//! specs/bastion.md §6.1 rows 11–17, §13 role/status: roles and their installation-wide permissions.

use serde_json::{Value, json};

use crate::support::{Client, Surface};

const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;
const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;
const NOT_FOUND: &str = r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#;
const PROTECTED: &str = r#"400 {"code":400,"msg":"参数错误","detail":"无法操作系统保留项"}"#;
const NOTHING: &str = r#"400 {"code":400,"msg":"参数错误","detail":"角色受保护,或对象不存在"}"#;

async fn add(client: &Client<'_>, name: &str) -> i64 {
    assert_eq!(client.post("rbac/role/add/", json!({ "name": name, "code": name })).await.line(), OK);
    let rows = client.get(&format!("rbac/role/get/?all=true&name={name}")).await.json();
    rows["detail"][0]["id"].as_i64().unwrap()
}

async fn detail(client: &Client<'_>, path: &str, body: Value) -> Value {
    let answer = client.post(path, body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    answer.json()["detail"].clone()
}

async fn perms(client: &Client<'_>, id: i64) -> Value {
    client.get(&format!("rbac/role/get/permission/?id={id}")).await.json()["detail"].clone()
}

#[tokio::test]
async fn roles_are_listed_as_in_the_seed() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let expected = r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":1,"name":"管理员","code":"Administrator","description":"超级管理员","status":true,"protected":true,"create_date":"2025-01-01T08:00:00+08:00","update_date":"2025-01-01T08:00:00+08:00"}],"extra":null}"#;
    assert_eq!(admin.get("rbac/role/get/?page_size=1&all=true&name=管").await.line(), expected);
    let ids = async |query: &str| {
        let json = admin.get(&format!("rbac/role/get/?{query}")).await.json();
        let ids: Vec<i64> = json["detail"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        (json["total"].as_i64().unwrap(), ids)
    };
    assert_eq!(ids("").await, (3, vec![1, 2, 3]));
    assert_eq!(ids("page_size=2&desc=1").await, (3, vec![3, 2]));
    assert_eq!(ids("page_size=2&page=2").await, (3, vec![3]));
    assert_eq!(ids("name=员").await, (2, vec![1, 3]));
    assert_eq!(ids("name=%25").await, (0, vec![]));
}

#[tokio::test]
async fn roles_are_added_and_edited() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let body =
        json!({ "name": "test", "code": "test", "description": "测试", "status": false, "protected": true, "id": 9 });
    assert_eq!(admin.post("rbac/role/add/", body.clone()).await.line(), OK);
    let clash = r#"400 {"code":400,"msg":"参数错误","detail":{"name":["具有 name 的 role 已存在。"],"code":["具有 code 的 role 已存在。"]}}"#;
    assert_eq!(admin.post("rbac/role/add/", body).await.line(), clash);
    let row = admin.get("rbac/role/get/?name=test").await.json()["detail"][0].clone();
    assert_eq!((&row["id"], &row["status"], &row["protected"]), (&json!(4), &json!(true), &json!(false)));
    assert_eq!(row["description"], "测试");
    let missing = json!({ "name": ["该字段是必填项。"], "code": ["该字段是必填项。"] });
    assert_eq!(detail(&admin, "rbac/role/add/", json!({})).await, missing);
    let long = "长".repeat(21);
    let wrong = detail(&admin, "rbac/role/add/", json!({ "name": long, "code": "test", "description": 5 })).await;
    let told = json!({
        "name": ["请确保这个字段不能超过 20 个字符。"], "code": ["具有 code 的 role 已存在。"], "description": ["不是有效的字符串。"],
    });
    assert_eq!(wrong, told);

    let edit = json!({ "id": 2, "name": "test21", "code": "test111", "description": "测试" });
    assert_eq!(admin.post("rbac/role/edit/", edit.clone()).await.line(), PROTECTED);
    let mut edit = edit;
    edit["id"] = json!(4);
    assert_eq!(admin.post("rbac/role/edit/", edit).await.line(), OK);
    assert_eq!(admin.post("rbac/role/edit/", json!({ "id": "4", "description": null })).await.line(), OK);
    let row = admin.get("rbac/role/get/?name=test21").await.json()["detail"][0].clone();
    assert_eq!((&row["code"], &row["description"]), (&json!("test111"), &json!(null)));
    let clash = json!({ "name": ["具有 name 的 role 已存在。"], "code": ["具有 code 的 role 已存在。"] });
    assert_eq!(detail(&admin, "rbac/role/edit/", json!({ "id": 4, "name": "用户", "code": "Audit" })).await, clash);
    let nulls = json!({ "name": ["该字段不能为 null。"], "code": ["该字段不能为空。"] });
    assert_eq!(detail(&admin, "rbac/role/edit/", json!({ "id": 4, "name": null, "code": "" })).await, nulls);
    for body in [json!({}), json!({ "id": "x" }), json!({ "id": 99 })] {
        assert_eq!(admin.post("rbac/role/edit/", body).await.line(), NOT_FOUND);
    }
}

#[tokio::test]
async fn roles_are_deleted_but_for_protected_ones() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    assert_eq!(admin.post("rbac/role/del/", json!({ "id_list": [1, 2] })).await.line(), NOTHING);
    for body in [
        json!({}),
        json!({ "id_list": [] }),
        json!({ "id_list": {} }),
        json!({ "id_list": [null] }),
        json!({ "id_list": [99] }),
    ] {
        assert_eq!(admin.post("rbac/role/del/", body).await.line(), NOTHING);
    }
    let id = add(&admin, "temporary").await;
    let answer = admin.post("rbac/role/del/", json!({ "id_list": [1, id, 99] })).await;
    assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK","total":1}"#);
    assert_eq!(admin.get("rbac/role/get/").await.json()["total"], 3);
}

#[tokio::test]
async fn permissions_of_roles_are_shown_and_replaced() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let answer = admin.get("rbac/role/get/permission/?id=3").await;
    assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK","detail":{"id":3,"perms":[24,25,26,27,28]}}"#);
    let all: Vec<i64> = (1..=15).chain(24..=28).chain(101..=111).collect();
    assert_eq!(perms(&admin, 1).await["perms"], json!(all));
    for query in ["", "?id=", "?id=x", "?id=99"] {
        assert_eq!(admin.get(&format!("rbac/role/get/permission/{query}")).await.line(), NOT_FOUND);
    }
    let id = add(&admin, "fresh").await;
    let sample = json!({ "id": id, "perms": [9, 1, 2, 3, 4, 5, 6, 7, 8, 9, "8"] });
    assert_eq!(admin.post("rbac/role/edit/permission/", sample).await.line(), OK);
    assert_eq!(perms(&admin, id).await, json!({ "id": id, "perms": [1, 2, 3, 4, 5, 6, 7, 8, 9] }));
    let wrong = r#"400 {"code":400,"msg":"参数错误","detail":{"perms":["权限错误"]}}"#;
    for bad in [16, 23, 29, 31, 0, -1, 112, 113, 999] {
        let body = json!({ "id": id, "perms": [1, bad] });
        assert_eq!(admin.post("rbac/role/edit/permission/", body).await.line(), wrong, "{bad}");
    }
    for (perms, text) in
        [(json!(null), "该字段不能为 null。"), (json!("x"), "期待为列表。"), (json!([1, "x"]), "请填写合法的整数值。")]
    {
        let body = json!({ "id": id, "perms": perms });
        assert_eq!(detail(&admin, "rbac/role/edit/permission/", body).await, json!({ "perms": [text] }));
    }
    let missing = json!({ "perms": ["该字段是必填项。"] });
    assert_eq!(detail(&admin, "rbac/role/edit/permission/", json!({ "id": id })).await, missing);
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": 2, "perms": [] })).await.line(), PROTECTED);
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": 99, "perms": [] })).await.line(), NOT_FOUND);
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "perms": [] })).await.line(), NOT_FOUND);
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": id, "perms": [] })).await.line(), OK);
    assert_eq!(perms(&admin, id).await["perms"], json!([]));
}

#[tokio::test]
async fn what_has_no_id_here_is_neither_shown_nor_touched() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    surface.role("mixed", &["oa.user.read", "system.user.read"]).await;
    assert_eq!(perms(&admin, 4).await["perms"], json!([4]));
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": 4, "perms": [] })).await.line(), OK);
    let codes = gatehouse_domain::role::codes(&surface.test.operator(), gatehouse_model::RoleId(4)).await.unwrap();
    assert_eq!(codes, ["oa.user.read"]);
}

#[tokio::test]
async fn nobody_rises_by_way_of_roles() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let codes = ["system.permission.update", "system.role.update", "system.role.delete", "system.role.create"];
    let clerk = surface.person("clerk", &codes).await;
    let own = admin.get("rbac/role/get/?name=role-of-clerk").await.json()["detail"][0]["id"].as_i64().unwrap();
    let more = add(&admin, "more").await;
    assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": more, "perms": [1] })).await.line(), OK);
    for (path, body) in [
        ("rbac/role/edit/permission/", json!({ "id": own, "perms": [5, 6, 7, 11, 1] })),
        ("rbac/role/edit/permission/", json!({ "id": more, "perms": [] })),
        ("rbac/role/status/", json!({ "id": more, "status": false })),
        ("rbac/role/del/", json!({ "id_list": [more] })),
    ] {
        assert_eq!(clerk.post(path, body.clone()).await.line(), FORBIDDEN, "{path} {body}");
    }
    assert_eq!(clerk.post("rbac/role/edit/permission/", json!({ "id": more, "perms": [1, 5] })).await.line(), OK);
    assert_eq!(perms(&admin, more).await["perms"], json!([1, 5]));
    // Nothing under a right that was taken a moment ago.
    assert_eq!(admin.post("rbac/role/status/", json!({ "id": own, "status": false })).await.line(), OK);
    assert_eq!(clerk.post("rbac/role/add/", json!({ "name": "x", "code": "x" })).await.line(), FORBIDDEN);
    assert_eq!(admin.post("rbac/role/status/", json!({ "id": own, "status": true })).await.line(), OK);
    assert_eq!(clerk.post("rbac/role/add/", json!({ "name": "x", "code": "x" })).await.line(), OK);
    assert_eq!(admin.post("rbac/role/status/", json!({ "id": 3, "status": false })).await.line(), PROTECTED);
    assert_eq!(admin.post("rbac/role/status/", json!({ "id": 99, "status": false })).await.line(), NOT_FOUND);
}

#[tokio::test]
async fn the_catalogue_is_shown_whole() {
    let surface = Surface::new().await;
    let reader = surface.person("reader", &["system.permission.read"]).await;
    let answer = reader.get("rbac/perm/").await;
    let first = r#"{"code":200,"msg":"OK","detail":[{"id":1,"scope":"system","object":"user","action":"create","code":"system.user.create","name":"创建用户"},"#;
    assert!(answer.text().starts_with(first), "{}", answer.text());
    let json = answer.json();
    let ids: Vec<i64> = json["detail"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (1..=28).chain(101..=113).collect::<Vec<_>>());
    assert_eq!(json.as_object().unwrap().len(), 3, "no total, no extra");
}
