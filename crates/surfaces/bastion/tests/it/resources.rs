//! seeds/003 operations 24–27: resources.

use serde_json::{Value, json};

use crate::{
    rights::{FORBIDDEN, NOT_FOUND, OK, UNAUTHENTICATED, apply_state, bad, deleted, faulty, ids, keys, member},
    support::{Client, Surface},
};

/// Groups a (with b below it) and c, each with a voucher.
async fn house(surface: &Surface) {
    let voucher = |group: &str| json!({"name": format!("v-{group}"), "group": group, "username": "root", "password": "Pa55 word"});
    let state = json!({
        "resource_group": [{"name": "a"}, {"name": "b", "parent": "a"}, {"name": "c"}],
        "voucher": [voucher("a"), voucher("b"), voucher("c")],
    });
    apply_state(surface, state).await;
}

async fn add(client: &Client<'_>, body: Value) -> String {
    client.post("resource/resource/add/", body).await.line()
}

async fn edit(client: &Client<'_>, body: Value) -> String {
    client.post("resource/resource/edit/", body).await.line()
}

#[tokio::test]
async fn the_seeds_request_makes_a_resource() {
    let surface = Surface::new().await;
    house(&surface).await;
    let admin = surface.administrator().await;
    assert_eq!(add(&admin, json!({"name": "ptp", "ipv4_address": "192.0.2.37", "group": 1, "protocol": 1})).await, OK);
    let body = json!({"name": "six", "ipv6_address": "2001:DB8::1", "group": "2", "protocol_ids": [1], "port": "2222",
        "description": "d", "status": "False", "voucher_ids": [1, 2]});
    assert_eq!(add(&admin, body).await, OK);
    let list = admin.get("resource/resource/get/?name=six").await;
    let row = concat!(
        r#"{"id":2,"vouchers":[{"id":1,"name":"v-a","username":"root","description":null,"create_date":"2026-01-01T08:00:00+08:00","#,
        r#""update_date":"2026-01-01T08:00:00+08:00","group":2},{"id":2,"name":"v-b","username":"root","description":null,"#,
        r#""create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","group":3}],"name":"six","status":false,"#,
        r#""ipv4_address":null,"ipv6_address":"2001:db8::1","domain":null,"port":2222,"description":"d","#,
        r#""create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","group":2,"protocol":1}"#
    );
    let text = list.text();
    assert!(
        text.starts_with(&format!(
            r#"{{"code":200,"msg":"OK","total":1,"detail":[{row}],"extra":[{{"id":2,"name":"a""#
        )),
        "{text}"
    );
    let extra = list.json()["extra"].clone();
    assert_eq!(extra.as_array().unwrap().len(), 2, "the root and the sub-group");
}

#[tokio::test]
async fn every_fault_of_a_resource_has_its_text() {
    let surface = Surface::new().await;
    house(&surface).await;
    let admin = surface.administrator().await;
    let good = || json!({"name": "r", "ipv4_address": "10.0.0.1", "group": 1, "protocol": 1});
    let with = |field: &str, value: Value| {
        let mut body = good();
        body[field] = value;
        body
    };
    let without = |field: &str| {
        let mut body = good();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    assert_eq!(add(&admin, without("group")).await, bad("错误参数"));
    assert_eq!(add(&admin, with("group", json!(99))).await, NOT_FOUND);
    for (body, detail) in [
        (without("name"), r#"{"name":["该字段是必填项。"]}"#),
        (without("protocol"), r#"{"protocol":["协议为必填项"]}"#),
        (with("protocol", json!(9)), r#"{"protocol":["协议错误"]}"#),
        (with("protocol", json!("ssh")), r#"{"protocol":["请填写合法的整数值。"]}"#),
        (without("ipv4_address"), r#"{"ip":["ipv4与ipv6必须且只能填写一个"]}"#),
        (with("ipv6_address", json!("fd00::1")), r#"{"ip":["ipv4与ipv6必须且只能填写一个"]}"#),
        (with("ipv4_address", json!("10.0.0.256")), r#"{"ipv4_address":["输入一个有效的 IPv4 地址。"]}"#),
        (with("ipv4_address", json!("169.254.169.254")), r#"{"ipv4_address":["不允许的地址"]}"#),
        (with("ipv4_address", json!(7)), r#"{"ipv4_address":["不是有效的字符串。"]}"#),
        (with("port", json!(0)), r#"{"port":["无效端口"]}"#),
        (with("port", json!(99_999)), r#"{"port":["无效端口"]}"#),
        (with("port", json!("x")), r#"{"port":["请填写合法的整数值。"]}"#),
        (with("status", json!("maybe")), r#"{"status":["必须是有效的布尔值。"]}"#),
        (with("voucher_ids", json!("1")), r#"{"voucher_ids":["期待为列表。"]}"#),
        (with("voucher_ids", json!([1])), r#"{"voucher":["不同系统组,禁止使用"]}"#),
        (with("voucher", json!([99])), r#"{"voucher":["不同系统组,禁止使用"]}"#),
        (
            json!({"group": 1, "port": 0, "status": 2}),
            r#"{"name":["该字段是必填项。"],"ip":["ipv4与ipv6必须且只能填写一个"],"protocol":["协议为必填项"],"port":["无效端口"],"status":["必须是有效的布尔值。"]}"#,
        ),
    ] {
        let shown = body.to_string();
        let line = add(&admin, body).await;
        let (line, expected): (Value, Value) =
            (serde_json::from_str(&line[4..]).unwrap(), serde_json::from_str(detail).unwrap());
        assert_eq!(line["detail"], expected, "{shown}");
    }
    let mut six = json!({"name": "six", "group": 1, "protocol": 1});
    six["ipv6_address"] = json!("fe80::1");
    assert_eq!(add(&admin, six.clone()).await, faulty(r#"{"ipv6_address":["不允许的地址"]}"#));
    six["ipv6_address"] = json!("x");
    assert_eq!(add(&admin, six).await, faulty(r#"{"ipv6_address":["IP地址格式无效"]}"#));
    assert_eq!(add(&admin, good()).await, OK);
    assert_eq!(add(&admin, good()).await, faulty(r#"{"name":["名称已被占用"],"ipv4_address":["ipv4地址重复"]}"#));
    assert_eq!(add(&admin, with("name", json!("other"))).await, faulty(r#"{"ipv4_address":["ipv4地址重复"]}"#));
    let other = json!({"name": "other", "ipv4_address": "10.0.0.1", "port": 2222, "group": 1, "protocol": 1});
    assert_eq!(add(&admin, other).await, OK, "another port is another service");
}

#[tokio::test]
async fn a_resource_is_edited_moved_and_bound() {
    let surface = Surface::new().await;
    house(&surface).await;
    let admin = surface.administrator().await;
    let body = json!({"name": "r", "ipv4_address": "10.0.0.1", "group": 2, "protocol": 1, "voucher": [1]});
    assert_eq!(add(&admin, body).await, OK);
    assert_eq!(edit(&admin, json!({"id": 1, "description": "改了啊,不是摸鱼了", "status": true})).await, OK);
    assert_eq!(edit(&admin, json!({"name": "x"})).await, bad("错误参数"));
    assert_eq!(edit(&admin, json!({"id": 9})).await, NOT_FOUND);
    assert_eq!(edit(&admin, json!({"id": 1, "group": 3})).await, bad("有关联当前组数据,无法切组"));
    assert_eq!(edit(&admin, json!({"id": 1, "group": 99, "voucher_ids": []})).await, NOT_FOUND);
    assert_eq!(
        edit(&admin, json!({"id": 1, "voucher_ids": [3]})).await,
        faulty(r#"{"voucher":["不同系统组,禁止使用"]}"#)
    );
    assert_eq!(
        edit(&admin, json!({"id": 1, "ipv4_address": null})).await,
        faulty(r#"{"ip":["ipv4与ipv6必须且只能填写一个"]}"#)
    );
    assert_eq!(edit(&admin, json!({"id": 1, "ipv4_address": null, "domain": "Web.Example", "port": 2200})).await, OK);
    assert_eq!(edit(&admin, json!({"id": 1, "group": 4, "voucher_ids": []})).await, OK);
    let row = admin.get("resource/resource/get/").await.json()["detail"][0].clone();
    assert_eq!(
        (&row["domain"], &row["ipv4_address"], &row["port"]),
        (&json!("web.example"), &Value::Null, &json!(2_200))
    );
    assert_eq!((&row["group"], &row["vouchers"]), (&json!(4), &json!([])));
    // A move needs both rights.
    let me = member(
        &surface,
        "me",
        &[],
        json!([{"group": "a", "codes": ["all"]}, {"group": "c", "codes": ["resource.self.update"]}]),
    )
    .await;
    let refused = r#"403 {"code":403,"msg":"权限错误","detail":"无切换组权限,即添加新组和删除旧组的组合权限"}"#;
    for group in [2, 1, 99] {
        assert_eq!(edit(&me, json!({"id": 1, "group": group})).await, refused, "{group}");
    }
    assert_eq!(edit(&me, json!({"id": 1, "name": "renamed"})).await, OK);
}

#[tokio::test]
async fn what_others_have_is_not_there() {
    let surface = Surface::new().await;
    house(&surface).await;
    let state = json!({"resource": [
        {"name": "mine", "group": "b", "address": "10.0.0.1", "vouchers": ["v-a", "v-b"]},
        {"name": "theirs", "group": "c", "address": "10.0.0.2"},
    ]});
    apply_state(&surface, state).await;
    let grants = json!([{"group": "b", "codes": ["all"]}]);
    let me = member(&surface, "me", &[], grants).await;
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    let list = me.get("resource/resource/get/").await.json();
    assert_eq!((ids(&list), &list["total"]), (vec![1], &json!(1)));
    assert_eq!(list["detail"][0]["vouchers"].as_array().unwrap().len(), 1, "the voucher of the parent is not his");
    assert_eq!(list["extra"].as_array().unwrap().len(), 1);
    for id in [2, 99] {
        assert_eq!(edit(&me, json!({"id": id, "name": "x"})).await, FORBIDDEN);
        assert_eq!(me.post("resource/resource/del/", json!({"id_list": [1, id]})).await.line(), FORBIDDEN);
        let body = json!({"name": "x", "ipv4_address": "10.0.0.9", "group": id + 2, "protocol": 1});
        assert_eq!(add(&me, body).await, FORBIDDEN);
        let answer = me.get(&format!("resource/resource/get/?group={}", id + 2)).await;
        assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK","total":0,"detail":[],"extra":[]}"#);
    }
    assert_eq!(nobody.get("resource/resource/get/").await.line(), FORBIDDEN);
    for path in ["add", "edit", "del"] {
        assert_eq!(nobody.post(&format!("resource/resource/{path}/"), json!("x")).await.line(), FORBIDDEN);
        assert_eq!(surface.post(&format!("resource/resource/{path}/"), json!("x")).await.line(), UNAUTHENTICATED);
    }
    let answer = surface.send(http::Request::get("/api/resource/resource/get/"), "").await;
    assert_eq!(answer.line(), UNAUTHENTICATED);
    assert_eq!(me.post("resource/resource/del/", json!({"id_list": [1]})).await.line(), deleted(1));
    let admin = surface.administrator().await;
    let del = async |body: Value| admin.post("resource/resource/del/", body).await.line();
    assert_eq!(del(json!({"id_list": [1]})).await, bad("无删除资源条目"));
    for body in [json!({}), json!({"id_list": []}), json!({"id_list": "1"}), json!({"id_list": ["a"]})] {
        assert_eq!(del(body).await, bad("错误参数"));
    }
    assert_eq!(del(json!({"id_list": [2, 98]})).await, deleted(1));
}

#[tokio::test]
async fn lists_are_paged_and_searched() {
    let surface = Surface::new().await;
    house(&surface).await;
    let resources: Vec<Value> =
        (1..=12).map(|n| json!({"name": format!("Web_{n}"), "group": "b", "address": format!("10.0.0.{n}")})).collect();
    apply_state(&surface, json!({ "resource": resources })).await;
    let admin = surface.administrator().await;
    let get = async |query: &str| admin.get(&format!("resource/resource/get/{query}")).await.json();
    let first = get("").await;
    assert_eq!((ids(&first).len(), &first["total"]), (10, &json!(12)));
    assert_eq!(ids(&get("?page=2").await), [11, 12]);
    assert_eq!(ids(&get("?page_number=3&page_size=5&desc=1").await), [2, 1]);
    assert_eq!(ids(&get("?all=true").await).len(), 12);
    assert_eq!(ids(&get("?name=wEB_1").await), [1, 10, 11, 12], "case does not count, _ is itself");
    assert_eq!(get("?name=%25").await["total"], json!(0));
    assert_eq!(get("?group=2&page_size=1").await["total"], json!(12), "a group counts with those below it");
    assert_eq!(get("?group=4").await["total"], json!(0));
    assert_eq!(get("?group=x").await["detail"], json!({"group": ["请填写合法的整数值。"]}));
    let protocols = admin.get("resource/protocol/get/").await;
    let expected = r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":1,"name":"SSH","code":"SSH","description":"SSH"}],"extra":null}"#;
    assert_eq!(protocols.line(), expected);
    assert!(keys(&protocols.text()).contains(&"extra".to_owned()));
}
