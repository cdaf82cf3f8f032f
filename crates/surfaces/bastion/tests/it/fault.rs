//! specs/bastion.md §4.2 E400f: all faults at once, those of the form and those that only the database knows.

use serde_json::{Value, json};

use crate::{
    rights::{FORBIDDEN, OK, apply_state, member},
    support::Surface,
};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2";

const BLANK: &str = "该字段不能为空。";
const TAKEN: &str = "名称已被占用";

/// Groups 2 (a) and 3 (c), resource 1 (r) and 2 (s), voucher 1 (v) and 2 (w) in a.
async fn house(surface: &Surface) {
    let state = json!({
        "resource_group": [{"name": "a"}, {"name": "c"}],
        "voucher": [{"name": "v", "group": "a", "username": "root", "password": "p"},
            {"name": "w", "group": "a", "username": "root", "password": "p"}],
        "resource": [{"name": "r", "group": "a", "address": "10.0.0.1"}, {"name": "s", "group": "a", "address": "10.0.0.2"}],
        "bastion": {"rule": [{"name": "one", "pattern": "x", "action": "deny"},
            {"name": "two", "pattern": "x", "action": "deny"}]},
    });
    apply_state(surface, state).await;
}

#[tokio::test]
async fn faults_of_form_and_of_the_database_are_told_together() {
    let surface = Surface::new().await;
    house(&surface).await;
    let admin = surface.administrator().await;
    let made = json!({"resource_id": 1, "reason": "to look"});
    assert_eq!(admin.post("access/request/add/", made).await.status, 200);
    assert_eq!(admin.post("rbac/key/add/", json!({"name": "k", "public_key": KEY})).await.status, 200);
    let other = surface.person("other", &["user.profile.update"]).await;
    let mine = json!({"email": "other@example.com"});
    assert_eq!(other.post("rbac/user/profile/", mine).await.line(), OK);
    for (path, body, detail) in [
        (
            "resource/resource/add/",
            json!({"name": "r", "ipv4_address": "10.0.0.1", "group": 2, "protocol": 9, "status": "maybe", "voucher_ids": [99]}),
            json!({"name": [TAKEN], "ipv4_address": ["ipv4地址重复"], "protocol": ["协议错误"],
                "status": ["必须是有效的布尔值。"], "voucher": ["不同系统组,禁止使用"]}),
        ),
        (
            "resource/resource/add/",
            json!({"name": "r", "ipv4_address": 7, "group": 2, "protocol_ids": ["x"]}),
            json!({"name": [TAKEN], "ipv4_address": ["不是有效的字符串。"], "protocol_ids": ["请填写合法的整数值。"]}),
        ),
        (
            "resource/resource/edit/",
            json!({"id": 2, "name": "r", "ipv4_address": "10.0.0.1", "port": 0, "protocol": 9, "voucher": [99]}),
            json!({"name": [TAKEN], "ipv4_address": ["ipv4地址重复"], "port": ["无效端口"], "protocol": ["协议错误"],
                "voucher": ["不同系统组,禁止使用"]}),
        ),
        (
            "resource/voucher/add/",
            json!({"name": "v", "username": "", "private_key": "k", "group": 2}),
            json!({"name": [TAKEN], "username": [BLANK], "private_key": ["私钥格式错误"]}),
        ),
        (
            "resource/voucher/add/",
            json!({"name": "v", "username": "u", "group": 2}),
            json!({"name": [TAKEN], "password": ["password与private_key必须二选一"],
                "private_key": ["password与private_key必须二选一"]}),
        ),
        (
            "resource/voucher/edit/",
            json!({"id": 2, "name": "v", "username": "", "private_key": "k"}),
            json!({"name": [TAKEN], "username": [BLANK], "private_key": ["私钥格式错误"]}),
        ),
        (
            "resource/group/add/",
            json!({"name": "a", "description": 7, "role": 99}),
            json!({"name": [TAKEN], "description": ["不是有效的字符串。"], "role": ["角色不存在"]}),
        ),
        (
            "resource/group/edit/",
            json!({"id": 3, "name": "a", "description": 7}),
            json!({"name": [TAKEN], "description": ["不是有效的字符串。"]}),
        ),
        (
            "resource/rule/add/",
            json!({"name": "one", "pattern": "(", "action": "explode", "roles": [99]}),
            json!({"name": [TAKEN], "pattern": ["正则表达式无效"], "action": ["无效数据。"], "roles": ["角色不存在"]}),
        ),
        (
            "resource/rule/edit/",
            json!({"id": 2, "name": "one", "action": "explode"}),
            json!({"name": [TAKEN], "action": ["无效数据。"]}),
        ),
        (
            "resource/hostkey/add/",
            json!({"host": "a_b", "port": 0, "public_key": "x"}),
            json!({"host": ["无效地址"], "port": ["无效端口"], "public_key": ["公钥格式错误"]}),
        ),
        (
            "rbac/key/add/",
            json!({"name": "", "public_key": KEY}),
            json!({"name": [BLANK], "public_key": ["公钥已存在"]}),
        ),
        (
            "rbac/token/add/",
            json!({"name": "", "scopes": ["no.such.code"], "expires_at": "2099-01-01"}),
            json!({"name": [BLANK], "scopes": ["权限错误"], "expires_at": ["有效期须在一年之内"]}),
        ),
        (
            "rbac/user/profile/",
            json!({"name": "", "email": "Other@example.com", "phone_number": "1"}),
            json!({"name": [BLANK], "email": ["邮箱已被注册"], "phone_number": ["无效手机号"]}),
        ),
        (
            "rbac/user/role/",
            json!({"id": other.id, "roles": [99], "valid_until": {"99": "soon"}}),
            json!({"roles": ["角色不存在"], "valid_until":
                ["日期时间格式错误。请使用 YYYY-MM-DD、YYYY-MM-DD HH:MM:SS 或 ISO 8601 格式。"]}),
        ),
        (
            "access/request/add/",
            json!({"resource_id": 1, "reason": ""}),
            json!({"resource_id": ["已有待审批的申请"], "reason": [BLANK]}),
        ),
    ] {
        let answer = admin.post(path, body.clone()).await;
        let json = answer.json();
        assert_eq!((answer.status, &json["detail"]), (400, &detail), "{path} {body}");
    }
}

#[tokio::test]
async fn what_is_missing_is_told_after_the_form_and_what_is_forbidden_before_it() {
    let surface = Surface::new().await;
    house(&surface).await;
    let admin = surface.administrator().await;
    let me = member(&surface, "me", &[], json!([{"group": "a", "codes": ["all"]}])).await;
    for (path, body) in [
        ("resource/resource/add/", json!({"name": 7, "ipv4_address": "10.0.0.9", "group": 99, "protocol": 1})),
        ("resource/resource/edit/", json!({"id": 99, "name": 7})),
        ("resource/voucher/add/", json!({"name": 7, "username": "u", "password": "p", "group": 99})),
        ("resource/voucher/edit/", json!({"id": 99, "name": 7})),
        ("resource/group/add/", json!({"name": 7, "parent": 99})),
        ("resource/group/edit/", json!({"id": 99, "name": 7})),
    ] {
        let answer = admin.post(path, body.clone()).await.json();
        assert_eq!(answer["detail"], json!({"name": ["不是有效的字符串。"]}), "{path} {body}");
    }
    let c: Value = json!(3);
    for (path, body) in [
        ("resource/resource/add/", json!({"name": "r", "ipv4_address": 7, "group": c, "protocol": 1})),
        ("resource/voucher/add/", json!({"name": "v", "username": 7, "password": "p", "group": c})),
        ("resource/group/add/", json!({"name": "a", "description": 7, "parent": c})),
        ("resource/group/edit/", json!({"id": c, "name": "a", "description": 7})),
    ] {
        assert_eq!(me.post(path, body.clone()).await.line(), FORBIDDEN, "{path} {body}");
    }
}
