//! specs/bastion.md §6.1 rows 32–34, §6.4, §12: the logs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Surface};

const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;

/// The texts of the operation log with their status.
async fn operations(client: &Client<'_>, query: &str) -> Vec<(String, bool)> {
    let json = client.get(&format!("audit/opera/get/?all=true&{query}")).await.json();
    let rows = json["detail"].as_array().unwrap().iter();
    let rows: Vec<_> =
        rows.map(|row| (row["operation"].as_str().unwrap().to_owned(), row["status"].as_bool().unwrap())).collect();
    assert_eq!(json["total"], rows.len());
    rows
}

fn texts(rows: &[(String, bool)]) -> Vec<&str> {
    rows.iter().map(|(text, _)| text.as_str()).collect()
}

#[tokio::test]
async fn every_call_leaves_one_row_good_or_bad() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let calls: Vec<(&str, Value, &str, bool)> = vec![
        (
            "rbac/user/add/",
            json!({ "account": "ann", "password": "sample-pass-1", "name": "Ann", "status": true }),
            "添加用户",
            true,
        ),
        ("rbac/user/add/", json!({}), "添加用户", false),
        ("rbac/user/edit/", json!({ "id": 2, "name": "Anna" }), "编辑用户2", true),
        ("rbac/user/edit/", json!({ "id": 1, "name": "x" }), "编辑用户1", false),
        ("rbac/user/edit/", json!({ "id": 99, "name": "x" }), "编辑用户99", false),
        ("rbac/user/role/", json!({ "id": 2, "roles": [2, 3] }), "编辑用户2角色", true),
        ("rbac/user/role/", json!({ "id": 2, "roles": [99] }), "编辑用户2角色", false),
        ("rbac/role/add/", json!({ "name": "r", "code": "r" }), "添加角色", true),
        ("rbac/role/add/", json!({ "name": "r", "code": "r" }), "添加角色", false),
        ("rbac/role/edit/", json!({ "id": 4, "name": "s" }), "编辑角色4", true),
        ("rbac/role/edit/permission/", json!({ "id": 4, "perms": [27] }), "编辑角色4权限", true),
        ("rbac/role/edit/permission/", json!({ "id": 4, "perms": [16] }), "编辑角色4权限", false),
        (
            "perm/group-auth/edit/",
            json!({ "role_id": 4, "groups": [{ "id": 1, "permission": [19] }] }),
            "编辑角色4资源组权限",
            true,
        ),
        (
            "perm/group-auth/edit/",
            json!({ "role_id": 4, "groups": [{ "id": 9, "permission": [19] }] }),
            "编辑角色4资源组权限",
            false,
        ),
        ("rbac/role/status/", json!({ "id": 4, "status": false }), "停用角色4", true),
        ("rbac/user/status/", json!({ "id": 2, "status": false }), "停用用户2", true),
        ("rbac/user/status/", json!({ "id": 2, "status": true }), "启用用户2", true),
        ("rbac/user/set_password/", json!({ "id": 2, "password": "sample-pass-1" }), "设置用户2密码", true),
        ("rbac/user/unlock/", json!({ "id": 2 }), "解锁用户2", true),
        ("rbac/user/mfa_reset/", json!({ "id": 2 }), "重置用户2动态验证码", true),
        ("rbac/role/del/", json!({ "id_list": [4] }), "删除角色", true),
        ("rbac/role/del/", json!({ "id_list": [4] }), "删除角色", false),
        ("rbac/user/del/", json!({ "id_list": [1, 2] }), "删除用户", true),
        ("rbac/user/del/", json!({ "id_list": [1, 2] }), "删除用户", false),
    ];
    for (path, body, _, is_ok) in &calls {
        let answer = admin.post(path, body.clone()).await;
        assert_eq!(answer.status == 200, *is_ok, "{path} {}", answer.text());
    }
    let expected: Vec<(String, bool)> = calls.iter().map(|(_, _, text, is_ok)| ((*text).to_owned(), *is_ok)).collect();
    assert_eq!(operations(&admin, "self=true").await, expected);
    let row = admin.get("audit/opera/get/?self=true&page_size=1").await;
    let id = row.json()["detail"][0]["id"].clone();
    let shown = format!(
        r#"{{"code":200,"msg":"OK","total":24,"detail":[{{"id":{id},"user":{{"id":1,"name":"管理员"}},"ip":"192.0.2.1","operation":"添加用户","status":true,"date":"2026-01-01T08:00:00+08:00"}}],"extra":null}}"#
    );
    assert_eq!(row.text(), shown);
}

#[tokio::test]
async fn refused_calls_of_strangers_leave_no_row_and_of_the_unprivileged_one() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let nobody = surface.person("nobody", &["user.profile.read"]).await;
    let before = operations(&admin, "").await.len();
    assert_eq!(surface.post("rbac/role/add/", json!({ "name": "x", "code": "x" })).await.status, 401);
    assert_eq!(operations(&admin, "").await.len(), before);
    assert_eq!(nobody.post("rbac/role/edit/", json!({ "id": 3, "name": "x" })).await.status, 403);
    assert_eq!(operations(&nobody, "self=true").await, [("编辑角色3".to_owned(), false)]);
    assert_eq!(operations(&admin, "user=nobody%20n").await.len(), 1, "by display name");
    assert_eq!(operations(&admin, "user=NOBODY&operation=角色").await.len(), 1, "by login");
}

#[tokio::test]
async fn operations_are_found_by_parts_of_their_texts() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    for n in 1..=9 {
        let name = format!("r{n}");
        assert_eq!(admin.post("rbac/role/add/", json!({ "name": name, "code": name })).await.line(), OK);
    }
    for id in [4, 10, 11] {
        assert_eq!(admin.post("rbac/role/edit/", json!({ "id": id, "description": "d" })).await.line(), OK);
        assert_eq!(admin.post("rbac/role/edit/permission/", json!({ "id": id, "perms": [] })).await.line(), OK);
    }
    let found = async |part: &str| texts(&operations(&admin, &format!("self=true&operation={part}")).await).join(" ");
    assert_eq!(found("添加").await, ["添加角色"; 9].join(" "));
    assert_eq!(found("编辑角色1").await, "编辑角色10 编辑角色10权限 编辑角色11 编辑角色11权限");
    assert_eq!(found("0权限").await, "编辑角色10权限");
    assert_eq!(found("角色4权").await, "编辑角色4权限");
    assert_eq!(found("4").await, "编辑角色4 编辑角色4权限");
    assert_eq!(found("权限").await, "编辑角色4权限 编辑角色10权限 编辑角色11权限");
    assert_eq!(found("%25").await, "");
    assert_eq!(found("删除").await, "");
    let desc = operations(&admin, "self=true&operation=编辑&desc=true").await;
    assert_eq!(texts(&desc)[0], "编辑角色11权限");
    let page = admin.get("audit/opera/get/?self=1&operation=添加&page_size=4&page=3").await.json();
    assert_eq!((page["total"].clone(), page["detail"].as_array().unwrap().len()), (json!(9), 1));
}

#[tokio::test]
async fn logins_are_listed_with_those_that_failed() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    assert_eq!(surface.try_login("administrator", "wrong").await.status, 401);
    surface.test.advance(Duration::from_mins(10));
    assert_eq!(surface.try_login("Nobody", "wrong").await.status, 401);
    let answer = admin.get("audit/login/get/?self=true&desc=true").await;
    let id = answer.json()["detail"][0]["id"].clone();
    let first = format!(
        r#"{{"code":200,"msg":"OK","total":2,"detail":[{{"id":{id},"user":{{"id":1,"name":"管理员"}},"ip":"192.0.2.1","status":"failed","date":"2026-01-01T08:00:00+08:00"}},{{"id":"#
    );
    assert!(answer.text().starts_with(&first), "{}", answer.text());
    assert!(answer.text().ends_with(r#""status":"succeed","date":"2026-01-01T08:00:00+08:00"}],"extra":null}"#));
    let rows = async |query: &str| admin.get(&format!("audit/login/get/?{query}")).await.json();
    let unknown = rows("user=nobody").await;
    assert_eq!(unknown["detail"][0]["user"], json!({ "id": null, "name": "Nobody" }));
    assert_eq!(rows("").await["total"], 3);
    assert_eq!(rows("self=false").await["total"], 3, "a boolean, not a presence");
    assert_eq!(rows("ip=192.0").await["total"], 3);
    assert_eq!(rows("ip=10.").await["total"], 0);
    assert_eq!(rows("user=管理").await["total"], 2);
    assert_eq!(rows("start_time=2026-01-01%2008:10:00").await["total"], 1);
    assert_eq!(rows("start_time=2026-01-01T08:00:00%2B08:00&end_time=2026-01-01%2008:00:00").await["total"], 2);
    assert_eq!(rows("end_time=2025-12-31").await["total"], 0);
    let wrong = rows("start_time=yesterday&self=maybe&desc=x&page_size=-1").await["detail"].clone();
    assert_eq!(wrong.as_object().unwrap().len(), 4, "{wrong}");
    let own = surface.person("own", &["user.profile.read"]).await;
    assert_eq!(own.get("audit/login/get/").await.status, 403);
    assert_eq!(own.get("audit/login/get/?self=True").await.json()["total"], 1);
    assert_eq!(own.get("audit/login/get/?self=true&user=管理").await.json()["total"], 0);
}

#[tokio::test]
async fn stays_at_targets_are_listed() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let sql = "INSERT INTO visit (id, uuid, door, account_id, login, name, from_address, since_at, seen_at, until_at, ended_why) VALUES \
         (1, 'a', 'ssh', 1, 'administrator', '管理员', '127.0.0.1', 1770294870443, 1, 1770294874869, 'closed'), \
         (2, 'b', 'ssh', 7, 'ann', NULL, '192.0.2.8', 1770294880000, 1, NULL, NULL), \
         (3, 'c', 'ssh', 7, 'ann', NULL, '192.0.2.8', 1770294890000, 1, 1770294890000, 'failed'), \
         (4, 'd', 'proxy', 7, 'ann', NULL, '192.0.2.8', 1770294890000, 1, NULL, NULL); \
         INSERT INTO visit_terminal (visit_id, kind, client, resource_id, resource_name, resource_name_folded, login_folded, \
         name_folded, resource_group_id, host, port, voucher_id, voucher_name, username) \
         SELECT id, 'shell', 'web', id, 'ptp' || id, 'ptp' || id, login, name, 1, '192.0.2.137', 22, 1, 'v', 'root' FROM visit WHERE door = 'ssh'";
    surface.test.execute(sql).await.unwrap();
    let answer = admin.get("audit/session/get/?self=true&resource=P").await;
    let expected = r#"{"code":200,"msg":"OK","total":1,"detail":[{"id":1,"user":{"id":1,"name":"管理员"},"resource":{"id":1,"name":"ptp1","ip":"192.0.2.137"},"voucher":{"id":1,"username":"root"},"start_time":"2026-02-05T20:34:30.443000+08:00","end_time":"2026-02-05T20:34:34.869000+08:00","status":"close","ip":"127.0.0.1"}],"extra":null}"#;
    assert_eq!(answer.text(), expected);
    let statuses = async |query: &str| {
        let json = admin.get(&format!("audit/session/get/?{query}")).await.json();
        json["detail"].as_array().unwrap().iter().map(|row| row["status"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(statuses("").await, ["close", "active", "failed"]);
    assert_eq!(statuses("desc=true&page_size=2").await, ["failed", "active"]);
    assert_eq!(statuses("user=ANN&resource=3").await, ["failed"]);
    assert_eq!(statuses("ip=0.2.8&start_time=2026-02-05%2020:34:50").await, ["failed"]);
    assert_eq!(statuses("resource=%25").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_trail_is_exported_with_its_chain() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    assert_eq!(admin.post("rbac/role/add/", json!({ "name": "a,\"b\"", "code": "csv" })).await.line(), OK);
    surface.test.app.seal_audit().await.unwrap();
    let answer = admin.get("audit/operation/export/").await;
    assert_eq!(answer.header("content-type").as_deref(), Some("application/x-ndjson"));
    assert_eq!(answer.header("content-disposition").as_deref(), Some("attachment; filename=\"audit.jsonl\""));
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let role = lines.iter().find(|line| line["action"] == "role.create").unwrap();
    assert_eq!(role["hash"].as_str().unwrap().len(), 64);
    assert_eq!((&role["actor_label"], &role["outcome"]), (&json!("管理员"), &json!("ok")));
    let seqs: Vec<i64> = lines.iter().filter_map(|line| line["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=i64::try_from(seqs.len()).unwrap()).collect::<Vec<_>>());
    let last = lines.last().unwrap();
    assert_eq!((&last["action"], &last["seq"]), (&json!("audit.export"), &json!(null)), "not chained yet");

    let answer = admin.get("audit/operation/export/?format=csv&stream=login").await;
    assert_eq!(answer.header("content-type").as_deref(), Some("text/csv; charset=utf-8"));
    let text = answer.text();
    let mut lines = text.split("\r\n");
    assert!(lines.next().unwrap().starts_with("seq,hash,id,at,stream,actor_kind,"));
    assert!(lines.next().unwrap().contains(",login,"));
    let answer = admin.get("audit/operation/export/?format=csv&start_time=2030-01-01").await;
    assert_eq!(answer.text().matches("\r\n").count(), 1, "the head alone");
    for query in ["format=xml", "stream=all", "start_time=x"] {
        assert_eq!(admin.get(&format!("audit/operation/export/?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(texts(&operations(&admin, "operation=导出").await), ["导出操作日志"; 3]);
}

#[tokio::test]
async fn logs_are_not_to_be_changed() {
    let surface = Surface::new().await;
    for path in ["audit/login/get/", "audit/opera/get/", "audit/session/get/", "audit/operation/export/"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let request = http::Request::builder().method(method).uri(format!("/api/{path}"));
            assert_eq!(surface.send(request, "").await.status, 405, "{method} {path}");
        }
    }
}
