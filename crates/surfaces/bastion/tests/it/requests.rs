//! specs/bastion.md §11.3: access requests.

use serde_json::{Value, json};

use crate::{
    rights::{FORBIDDEN, NOT_FOUND, OK, apply_state, bad, faulty, ids, member},
    support::{Client, Surface},
};

#[tokio::test]
async fn a_request_is_made_decided_and_cancelled() {
    let surface = Surface::new().await;
    let state = json!({
        "resource_group": [{"name": "a"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "p"}],
        "resource": [{"name": "r", "group": "a", "address": "10.0.0.1", "vouchers": ["v"]},
            {"name": "hidden", "group": "Default", "address": "10.0.0.2"}],
        "bastion": {"policy": [{"group": "a", "values": {"requestable": true}}]},
    });
    apply_state(&surface, state).await;
    let guest = surface.person("guest", &["access.request.create"]).await;
    let boss = member(&surface, "boss", &["access.request.approve"], json!([{"group": "a", "codes": ["all"]}])).await;
    let other = surface.person("other", &["access.request.create", "access.request.approve"]).await;
    let nobody = surface.person("nobody", &["system.user.read"]).await;
    let ask = async |body: Value| guest.post("access/request/add/", body).await.line();
    for id in [2, 99] {
        assert_eq!(ask(json!({"resource_id": id, "reason": "to look"})).await, NOT_FOUND, "hidden or nothing");
    }
    let text = r#"{"resource_id":["该字段是必填项。"],"reason":["该字段是必填项。"],"minutes":["请确保该值大于或者等于 1。"]}"#;
    assert_eq!(ask(json!({"minutes": 0})).await, faulty(text));
    let text = r#"{"minutes":["请确保该值小于或者等于 10080。"]}"#;
    assert_eq!(ask(json!({"resource_id": 1, "reason": "x", "minutes": 10_081})).await, faulty(text));
    let made = ask(json!({"resource_id": 1, "voucher_id": 1, "reason": "to look", "minutes": 30})).await;
    assert_eq!(made, r#"200 {"code":200,"msg":"OK","detail":{"id":1}}"#);
    let text = r#"{"resource_id":["已有待审批的申请"]}"#;
    assert_eq!(ask(json!({"resource_id": 1, "reason": "again"})).await, faulty(text));
    assert_eq!(guest.get("resource/resource/get/").await.line(), FORBIDDEN);
    let decide = json!({"id": 1, "approve": true, "reason": "fine"});
    assert_eq!(guest.post("access/request/decide/", decide.clone()).await.line(), FORBIDDEN);
    assert_eq!(other.post("access/request/decide/", decide.clone()).await.line(), NOT_FOUND, "he holds nothing there");
    assert_eq!(
        boss.post("access/request/decide/", json!({"id": 1})).await.line(),
        faulty(r#"{"approve":["该字段是必填项。"]}"#)
    );
    assert_eq!(boss.post("access/request/decide/", json!({"approve": 1})).await.line(), bad("错误参数"));
    assert_eq!(boss.post("access/request/decide/", decide.clone()).await.line(), OK);
    assert_eq!(boss.post("access/request/decide/", decide).await.line(), bad("申请已处理或已失效"));
    let list = guest.get("resource/resource/get/").await.json();
    assert_eq!((ids(&list), list["extra"].clone()), (vec![1], json!([])));
    assert_eq!(list["detail"][0]["vouchers"].as_array().unwrap().len(), 1);
    let row = guest.get("access/request/get/?self=true").await.json()["detail"][0].clone();
    assert_eq!((&row["status"], &row["valid_until"]), (&json!("approved"), &json!("2026-01-01T08:30:00+08:00")));
    assert_eq!(row["decisions"][0]["user"]["account"], json!("boss"));
    assert_eq!(boss.get("access/request/get/?status=approved").await.json()["total"], json!(1));
    assert_eq!(other.get("access/request/get/").await.json()["total"], json!(0));
    assert_eq!(boss.post("access/request/cancel/", json!({"id": 1})).await.line(), FORBIDDEN, "he may not ask");
    assert_eq!(other.post("access/request/cancel/", json!({"id": 1})).await.line(), NOT_FOUND);
    assert_eq!(guest.post("access/request/cancel/", json!({"id": 1})).await.line(), OK);
    assert_eq!(guest.post("access/request/cancel/", json!({"id": 1})).await.line(), bad("申请已处理或已失效"));
    assert_eq!(guest.get("resource/resource/get/").await.line(), FORBIDDEN);
    for path in ["add", "cancel", "decide"] {
        assert_eq!(nobody.post(&format!("access/request/{path}/"), json!("x")).await.line(), FORBIDDEN);
    }
    assert_eq!(nobody.get("access/request/get/").await.line(), FORBIDDEN);
    assert_eq!(nobody.get("access/catalog/get/").await.line(), FORBIDDEN);
}

#[tokio::test]
async fn several_approvers_decide_together_and_one_refusal_is_enough() {
    let surface = Surface::new().await;
    let state = json!({
        "resource_group": [{"name": "a"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "p"}],
        "resource": [{"name": "r", "group": "a", "address": "10.0.0.1", "vouchers": ["v"]}],
        "bastion": {"policy": [{"group": "a", "values": {"requestable": true, "approvals": 2}}]},
    });
    apply_state(&surface, state).await;
    let guest = surface.person("guest", &["access.request.create", "access.request.approve"]).await;
    let all = json!([{"group": "a", "codes": ["all"]}]);
    let one = member(&surface, "one", &["access.request.approve"], all.clone()).await;
    let two = member(&surface, "two", &["access.request.approve"], all.clone()).await;
    let three = member(&surface, "three", &["access.request.approve"], all).await;
    let ask = async || guest.post("access/request/add/", json!({"resource_id": 1, "reason": "to look"})).await;
    let decide = async |who: &Client<'_>, id: i64, approve: bool| {
        who.post("access/request/decide/", json!({"id": id, "approve": approve})).await.line()
    };
    let over = bad("申请已处理或已失效");
    let seen = async |id: i64| {
        let rows = guest.get("access/request/get/?self=true").await.json()["detail"].clone();
        let row = rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
        let said: Vec<Value> =
            row["decisions"].as_array().unwrap().iter().map(|said| said["user"]["account"].clone()).collect();
        (row["status"].clone(), said)
    };
    assert_eq!(ask().await.json()["detail"]["id"], json!(1));
    assert_eq!(decide(&guest, 1, true).await, FORBIDDEN, "never the requester");
    assert_eq!(decide(&one, 1, true).await, OK);
    assert_eq!(decide(&one, 1, true).await, over, "one voice each");
    assert_eq!(seen(1).await, (json!("pending"), vec![json!("one")]));
    assert_eq!(guest.get("resource/resource/get/").await.line(), FORBIDDEN, "not yet");
    assert_eq!(decide(&two, 1, true).await, OK);
    assert_eq!(seen(1).await, (json!("approved"), vec![json!("one"), json!("two")]));
    assert_eq!(ids(&guest.get("resource/resource/get/").await.json()), [1]);
    assert_eq!(decide(&three, 1, false).await, over);
    assert_eq!(guest.post("access/request/cancel/", json!({"id": 1})).await.line(), OK);

    assert_eq!(ask().await.json()["detail"]["id"], json!(2));
    assert_eq!(decide(&one, 2, true).await, OK);
    assert_eq!(decide(&two, 2, false).await, OK);
    assert_eq!(decide(&three, 2, true).await, over);
    assert_eq!(seen(2).await, (json!("rejected"), vec![json!("one"), json!("two")]));
    assert_eq!(guest.get("resource/resource/get/").await.line(), FORBIDDEN);

    // Both at the same moment: the second voice is counted with the first.
    assert_eq!(ask().await.json()["detail"]["id"], json!(3));
    let (first, second) = tokio::join!(decide(&one, 3, true), decide(&two, 3, true));
    assert_eq!((first.as_str(), second.as_str()), (OK, OK));
    assert_eq!(seen(3).await.0, json!("approved"));
}
