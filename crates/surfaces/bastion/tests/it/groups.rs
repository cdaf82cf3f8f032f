//! seeds/003 operations 20–23: resource groups.

use serde_json::{Value, json};

use crate::{
    rights::{FORBIDDEN, NOT_FOUND, OK, UNAUTHENTICATED, apply_state, bad, deleted, faulty, ids, keys, member},
    support::Surface,
};

#[tokio::test]
async fn a_root_needs_a_role_and_a_sub_group_a_parent() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let add = async |body: Value| admin.post("resource/group/add/", body).await.line();
    assert_eq!(add(json!({"name": "测试组", "description": "测试描述", "parent": null, "role": 1})).await, OK);
    assert_eq!(add(json!({"name": "测试组", "role": 1})).await, faulty(r#"{"name":["名称已被占用"]}"#));
    assert_eq!(add(json!({"name": "x"})).await, faulty(r#"{"role":["角色为必填项"]}"#));
    assert_eq!(add(json!({"name": "x", "role": null})).await, faulty(r#"{"role":["该字段不能为 null。"]}"#));
    assert_eq!(add(json!({"name": "x", "role": 99})).await, faulty(r#"{"role":["角色不存在"]}"#));
    assert_eq!(
        add(json!({"role": "x"})).await,
        faulty(r#"{"name":["该字段是必填项。"],"role":["请填写合法的整数值。"]}"#)
    );
    assert_eq!(add(json!({"name": " ", "role": 1})).await, faulty(r#"{"name":["该字段不能为空。"]}"#));
    let long = "名".repeat(21);
    let text = r#"{"name":["请确保这个字段不能超过 20 个字符。"]}"#;
    assert_eq!(add(json!({"name": long, "role": 1})).await, faulty(text));
    assert_eq!(add(json!({"name": "sub", "parent": "2", "role": 99})).await, OK, "a parent makes the role unimportant");
    assert_eq!(add(json!({"name": "x", "parent": 99})).await, NOT_FOUND);
    for level in 2..=5 {
        let parent = level + 1;
        assert_eq!(add(json!({"name": format!("level {level}"), "parent": parent})).await, OK);
    }
    assert_eq!(add(json!({"name": "x", "parent": 7})).await, bad("子组层数已到达最大,可在设置中调整"));
    let maker = surface.person("maker", &["system.group.create"]).await;
    let text = r#"{"role":["该角色不属于自身所拥有的角色"]}"#;
    assert_eq!(maker.post("resource/group/add/", json!({"name": "x", "role": 1})).await.line(), faulty(text));
}

#[tokio::test]
async fn groups_are_edited_and_protected() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let state = json!({"resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}]});
    apply_state(&surface, state).await;
    let edit = async |body: Value| admin.post("resource/group/edit/", body).await.line();
    assert_eq!(edit(json!({"id": 3, "description": "改了啊,不是摸鱼了", "parent": 1, "role": 2})).await, OK);
    assert_eq!(edit(json!({"id": 1, "name": "x"})).await, bad("无法操作系统保留项"));
    assert_eq!(edit(json!({"id": 99, "name": "x"})).await, NOT_FOUND);
    for body in [json!({}), json!({"id": "x"}), json!({"id": null}), json!({"id": [1]})] {
        assert_eq!(edit(body).await, bad("错误参数"));
    }
    assert_eq!(edit(json!({"id": 3, "name": "a"})).await, faulty(r#"{"name":["名称已被占用"]}"#));
    assert_eq!(edit(json!({"id": 3, "name": null})).await, faulty(r#"{"name":["该字段不能为 null。"]}"#));
    let list = admin.get("resource/group/get/?name=B").await;
    let expected = concat!(
        r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":3,"name":"b","description":"改了啊,不是摸鱼了","#,
        r#""create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","level":1,"parent":2,"root":2}],"extra":null}"#
    );
    assert_eq!(list.line(), expected);
}

#[tokio::test]
async fn groups_in_use_are_named_line_by_line() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let state = json!({
        "resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}],
        "resource": [{"name": "r", "group": "b", "address": "10.0.0.1"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "p"}],
    });
    apply_state(&surface, state).await;
    let del = async |ids: Value| admin.post("resource/group/del/", json!({ "id_list": ids })).await.line();
    let lines = "资源组2有关联资源[]凭证[1]资源组[3]无法删除\n";
    assert_eq!(del(json!([2])).await, bad(lines));
    let lines = "资源组2有关联资源[]凭证[1]资源组[]无法删除\n资源组3有关联资源[1]凭证[]资源组[]无法删除\n";
    assert_eq!(del(json!([2, 3])).await, bad(lines));
    assert_eq!(del(json!([1, 2])).await, bad("无法操作系统保留项"));
    assert_eq!(del(json!([98, 99])).await, bad("无删除资源组条目"));
    for wrong in [json!([]), json!("x"), json!(["x"]), json!([0]), Value::Null] {
        assert_eq!(del(wrong).await, bad("错误参数"));
    }
    assert_eq!(admin.post("resource/group/del/", json!({})).await.line(), bad("错误参数"));
    assert_eq!(admin.post("resource/resource/del/", json!({"id_list": [1]})).await.line(), deleted(1));
    assert_eq!(admin.post("resource/voucher/del/", json!({"id_list": ["1"]})).await.line(), deleted(1));
    assert_eq!(del(json!([2, 3, 99])).await, deleted(2));
}

#[tokio::test]
async fn groups_are_seen_through_their_root() {
    let surface = Surface::new().await;
    let state = json!({"resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}, {"name": "c"}]});
    apply_state(&surface, state).await;
    let me = member(&surface, "me", &[], json!([{"group": "a", "codes": ["resource.self.read"]}])).await;
    let sub = member(&surface, "sub", &[], json!([{"group": "b", "codes": ["all"]}])).await;
    let all = surface.person("all", &["system.group.read"]).await;
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    assert_eq!(ids(&me.get("resource/group/get/").await.json()), [2, 3]);
    assert_eq!(ids(&sub.get("resource/group/get").await.json()), [3], "a sub-group does not reach its parent");
    assert_eq!(ids(&all.get("resource/group/get/?desc=true&page_size=2").await.json()), [4, 3]);
    let answer = all.get("resource/group/get/?page=9").await;
    assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK","total":4,"detail":[],"extra":null}"#);
    let seen = keys(&all.get("resource/group/get/?page_size=1").await.text());
    let row = ["id", "name", "description", "create_date", "update_date", "level", "parent", "root"];
    assert_eq!(seen, [&["code", "msg", "total", "detail"], &row[..], &["extra"]].concat());
    assert_eq!(nobody.get("resource/group/get/").await.line(), FORBIDDEN);
    // 403 comes before the body is looked at.
    for path in ["add", "edit", "del"] {
        assert_eq!(nobody.post(&format!("resource/group/{path}/"), json!([])).await.line(), FORBIDDEN);
        assert_eq!(surface.post(&format!("resource/group/{path}/"), json!([])).await.line(), UNAUTHENTICATED);
    }
    // Other people's groups and groups that do not exist are refused alike.
    for id in [4, 99] {
        let body = json!({"name": "x", "parent": id});
        assert_eq!(sub.post("resource/group/add/", body).await.line(), FORBIDDEN);
        assert_eq!(sub.post("resource/group/edit/", json!({"id": id})).await.line(), FORBIDDEN);
        assert_eq!(sub.post("resource/group/del/", json!({"id_list": [id]})).await.line(), FORBIDDEN);
    }
    assert_eq!(sub.post("resource/group/add/", json!({"name": "mine", "parent": 3})).await.line(), OK);
    assert_eq!(sub.post("resource/group/edit/", json!({"id": 3, "name": "bb"})).await.line(), OK);
    assert_eq!(sub.post("resource/group/del/", json!({"id_list": [5]})).await.line(), deleted(1));
}

#[tokio::test]
async fn calls_are_in_the_operation_log() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    admin.post("resource/group/add/", json!({"name": "a", "role": 1})).await;
    admin.post("resource/group/edit/", json!({"id": 1})).await;
    admin.post("resource/group/del/", json!({"id_list": [2]})).await;
    let log = admin.get("audit/opera/get/?operation=资源组").await.json();
    let rows: Vec<_> = log["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["operation"].as_str().unwrap().to_owned(), row["status"].as_bool().unwrap()))
        .collect();
    let expected = [("添加资源组", true), ("编辑资源组1", false), ("删除资源组", true)];
    assert_eq!(rows, expected.map(|(text, status)| (text.to_owned(), status)));
}
