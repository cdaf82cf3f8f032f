//! specs/bastion.md §13: host keys, policies, command rules, settings.

use serde_json::json;

use crate::{
    rights::{FORBIDDEN, NOT_FOUND, OK, apply_state, bad, deleted, faulty, ids},
    support::Surface,
};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2";

#[tokio::test]
async fn host_keys_are_added_listed_and_deleted() {
    let surface = Surface::new().await;
    let clerk = surface.person("clerk", &["system.hostkey.approve"]).await;
    let add = json!({"host": "WEB.example", "public_key": KEY});
    assert_eq!(clerk.post("resource/hostkey/add/", add).await.line(), OK);
    let wrong = json!({"host": "a_b", "public_key": "x"});
    let text = r#"{"host":["无效地址"],"public_key":["公钥格式错误"]}"#;
    assert_eq!(clerk.post("resource/hostkey/add/", wrong).await.line(), faulty(text));
    let row = clerk.get("resource/hostkey/get/?host=web&status=pinned").await.json()["detail"][0].clone();
    assert_eq!((&row["host"], &row["port"], &row["status"]), (&json!("web.example"), &json!(22), &json!("pinned")));
    assert_eq!(row["decided_by"], json!("clerk"));
    assert_eq!(clerk.post("resource/hostkey/approve/", json!({"id": 1})).await.line(), bad("无法操作系统保留项"));
    assert_eq!(clerk.post("resource/hostkey/approve/", json!({"id": 9})).await.line(), NOT_FOUND);
    assert_eq!(clerk.post("resource/hostkey/approve/", json!({})).await.line(), bad("错误参数"));
    assert_eq!(clerk.post("resource/hostkey/del/", json!({"id_list": [1]})).await.line(), deleted(1));
    assert_eq!(clerk.post("resource/hostkey/del/", json!({"id_list": [1]})).await.line(), bad("无删除主机密钥条目"));
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    assert_eq!(nobody.get("resource/hostkey/get/").await.line(), FORBIDDEN);
    for path in ["add", "approve", "del"] {
        assert_eq!(nobody.post(&format!("resource/hostkey/{path}/"), json!("x")).await.line(), FORBIDDEN);
    }
}

#[tokio::test]
async fn policies_are_set_and_taken_back() {
    let surface = Surface::new().await;
    let staff = surface.person("staff", &["system.setting.read", "system.setting.update"]).await;
    let edit = async |body| staff.post("resource/policy/edit/", body).await.line();
    assert_eq!(edit(json!({"scope": "all", "values": {"idle": "10m", "exec": false}})).await, OK);
    assert_eq!(edit(json!({"scope": "group", "id": 1, "values": {"sources": ["10.0.0.0/8"]}})).await, OK);
    assert_eq!(edit(json!({"scope": "all", "values": {"exec": null}})).await, OK);
    assert_eq!(edit(json!({"scope": "group", "id": 9, "values": {}})).await, NOT_FOUND);
    assert_eq!(edit(json!({"scope": "world", "values": {}})).await, bad("错误参数"));
    assert_eq!(edit(json!({"scope": "all"})).await, faulty(r#"{"values":["该字段是必填项。"]}"#));
    assert_eq!(edit(json!({"scope": "all", "values": {"idle": "soon"}})).await, faulty(r#"{"idle":["无效数据。"]}"#));
    let list = staff.get("resource/policy/get/").await.json();
    assert_eq!(list["total"], json!(2));
    let one = staff.get("resource/policy/get/?scope=group&id=1").await.json()["detail"][0].clone();
    assert_eq!((&one["name"], &one["value"]), (&json!("sources"), &json!(["10.0.0.0/8"])));
    let reader = surface.person("reader", &["system.setting.read"]).await;
    assert_eq!(reader.post("resource/policy/edit/", json!("x")).await.line(), FORBIDDEN);
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    assert_eq!(nobody.get("resource/policy/get/").await.line(), FORBIDDEN);
}

#[tokio::test]
async fn command_rules_are_kept() {
    let surface = Surface::new().await;
    let staff = surface.person("staff", &["system.setting.read", "system.setting.update"]).await;
    let add = async |body| staff.post("resource/rule/add/", body).await.line();
    assert_eq!(
        add(json!({"name": "no rm", "pattern": "\\brm\\b", "action": "deny", "roles": [1], "priority": 5})).await,
        OK
    );
    let text = r#"{"name":["名称已被占用"],"pattern":["正则表达式无效"],"roles":["角色不存在"]}"#;
    let wrong = json!({"name": "no rm", "pattern": "(", "action": "deny", "roles": [99]});
    assert_eq!(add(wrong).await, faulty(text));
    let text = r#"{"action":["无效数据。"],"scope":["无效数据。"]}"#;
    assert_eq!(add(json!({"name": "x", "pattern": "x", "action": "explode", "scope": "moon"})).await, faulty(text));
    let edit = async |body| staff.post("resource/rule/edit/", body).await.line();
    assert_eq!(edit(json!({"id": 1, "status": false, "scope": "group", "object_id": 1})).await, OK);
    assert_eq!(edit(json!({"id": 1, "scope": "group", "object_id": 99})).await, NOT_FOUND);
    assert_eq!(edit(json!({"id": 9})).await, NOT_FOUND);
    assert_eq!(edit(json!({})).await, bad("错误参数"));
    let row = staff.get("resource/rule/get/").await.json()["detail"][0].clone();
    assert_eq!((&row["scope"], &row["object_id"], &row["status"]), (&json!("group"), &json!(1), &json!(false)));
    assert_eq!((&row["roles"], &row["priority"], &row["pattern"]), (&json!([1]), &json!(5), &json!("\\brm\\b")));
    assert_eq!(staff.post("resource/rule/del/", json!({"id_list": [1]})).await.line(), deleted(1));
    assert_eq!(staff.post("resource/rule/del/", json!({"id_list": [1]})).await.line(), bad("无删除命令规则条目"));
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    for path in ["add", "edit", "del"] {
        assert_eq!(nobody.post(&format!("resource/rule/{path}/"), json!("x")).await.line(), FORBIDDEN);
    }
    assert_eq!(nobody.get("resource/rule/get/").await.line(), FORBIDDEN);
}

#[tokio::test]
async fn settings_are_shown_and_set() {
    let mut settings = gatehouse_domain::Settings::default();
    settings.pinned.insert("recordings.mode".to_owned());
    let surface = Surface::with(settings).await;
    let staff = surface.person("staff", &["system.setting.read", "system.setting.update"]).await;
    let edit = async |body| staff.post("system/setting/edit/", body).await.line();
    assert_eq!(edit(json!({"values": {"terminal.idle": "10m"}})).await, OK);
    assert_eq!(edit(json!({"values": {"recordings.mode": "off"}})).await, bad("该设置由配置文件指定,无法修改"));
    assert_eq!(edit(json!({"values": {"terminal.idle": 5}})).await, faulty(r#"{"terminal.idle":["无效数据。"]}"#));
    assert_eq!(edit(json!({"values": []})).await, faulty(r#"{"values":["无效数据。"]}"#));
    let shown = staff.get("system/setting/get/").await.json()["detail"].clone();
    let shown = shown.as_array().unwrap();
    assert!(shown.contains(&json!({"name": "terminal.idle", "value": "600s", "editable": true})));
    assert!(shown.contains(&json!({"name": "recordings.mode", "value": "strict", "editable": false})));
    assert!(shown.contains(&json!({"name": "bastion.prefix", "value": "/api/", "editable": false})));
    assert!(shown.contains(&json!({"name": "terminal.frame_in", "value": "64KiB", "editable": false})));
    assert!(shown.contains(&json!({"name": "recordings.max_bytes", "value": null, "editable": true})));
    for area in ["audit", "bastion", "hostkey", "login", "recordings", "ssh", "terminal"] {
        let is_there = shown.iter().any(|one| one["name"].as_str().unwrap().starts_with(&format!("{area}.")));
        assert!(is_there, "{area}");
    }
    assert_eq!(edit(json!({"values": {"ssh.max_tries": 9}})).await, bad("该设置由配置文件指定,无法修改"));
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    assert_eq!(nobody.get("system/setting/get/").await.line(), FORBIDDEN);
    assert_eq!(nobody.post("system/setting/edit/", json!("x")).await.line(), FORBIDDEN);
}

#[tokio::test]
async fn the_catalogue_follows_the_nearest_policy() {
    let surface = Surface::new().await;
    let state = json!({
        "resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}],
        "resource": [{"name": "r1", "group": "a", "address": "10.0.0.1"}, {"name": "r2", "group": "b", "address": "10.0.0.2"},
            {"name": "r3", "group": "b", "address": "10.0.0.3"}, {"name": "r4", "group": "Default", "address": "10.0.0.4"}],
        "bastion": {"policy": [
            {"group": "a", "values": {"requestable": true}}, {"group": "b", "values": {"requestable": false}},
            {"resource": "r3", "values": {"requestable": true}},
        ]},
    });
    apply_state(&surface, state).await;
    let guest = surface.person("guest", &["access.request.create"]).await;
    let list = guest.get("access/catalog/get/").await;
    assert_eq!(ids(&list.json()), [1, 3]);
    let one = guest.get("access/catalog/get/?name=R3").await.line();
    assert_eq!(one, r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":3,"name":"r3","group":3}],"extra":null}"#);
}
