//! specs/bastion.md §6.1 rows 4–7 and 10, §13 user/*: users.

use gatehouse_domain::{Settings, account::pass};
use gatehouse_model::PassKind;
use serde_json::{Value, json};

use crate::support::{Client, Surface};

const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;
const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;
const NOT_FOUND: &str = r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#;
const PROTECTED: &str = r#"400 {"code":400,"msg":"参数错误","detail":"无法操作系统保留项"}"#;
const NOTHING: &str = r#"400 {"code":400,"msg":"参数错误","detail":"用户受保护,或对象不存在"}"#;

fn form(account: &str) -> Value {
    json!({ "account": account, "password": "sample-pass-1", "name": "测试", "status": true })
}

fn with(mut form: Value, field: &str, value: Value) -> Value {
    form[field] = value;
    form
}

async fn add(client: &Client<'_>, account: &str) -> i64 {
    assert_eq!(client.post("rbac/user/add/", form(account)).await.line(), OK);
    find(client, account).await["id"].as_i64().unwrap()
}

async fn find(client: &Client<'_>, account: &str) -> Value {
    let rows = client.get(&format!("rbac/user/get/?account={account}")).await.json();
    rows["detail"].as_array().unwrap().iter().find(|row| row["account"] == account).cloned().unwrap_or_default()
}

/// The texts of E400f.
async fn faults(client: &Client<'_>, path: &str, body: Value) -> Value {
    let answer = client.post(path, body).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["code"], &json["msg"]), (400, &json!(400), &json!("参数错误")), "{json}");
    json["detail"].clone()
}

#[tokio::test]
async fn a_user_is_added_as_in_the_seed() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let body = json!({
        "account": "test11", "password": "sample-pass-1", "name": "测试", "email": "someone@example.com",
        "status": true, "phone_number": null, "remark": null,
    });
    assert_eq!(admin.post("rbac/user/add/", body.clone()).await.line(), OK);
    let answer = admin.get("rbac/user/get/?page_size=2&name=测").await;
    let expected = r#"200 {"code":200,"msg":"OK","total":1,"detail":[{"id":2,"account":"test11","name":"测试","email":"someone@example.com","status":true,"protected":false,"phone_number":null,"avatar":"/media/avatars/default.png","create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","login_date":null,"remark":null,"roles":[2]}],"extra":null}"#;
    assert_eq!(answer.line(), expected);
    assert_eq!(surface.try_login("test11", "sample-pass-1").await.status, 200);
    let again = r#"400 {"code":400,"msg":"参数错误","detail":{"account":["账户以被注册"],"email":["邮箱已被注册"]}}"#;
    assert_eq!(admin.post("rbac/user/add/", body).await.line(), again);
    assert_eq!(faults(&admin, "rbac/user/add/", form("TEST11")).await, json!({ "account": ["账户以被注册"] }));
}

#[tokio::test]
async fn every_fault_of_a_new_user_has_its_text() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let required = json!({
        "account": ["账户为必填项"], "password": ["密码为必填项"], "name": ["该字段是必填项。"], "status": ["该字段是必填项。"],
    });
    assert_eq!(faults(&admin, "rbac/user/add/", json!({})).await, required);
    let long = |n: usize| "长".repeat(n);
    for (field, value, text) in [
        ("account", json!(null), "该字段不能为 null。"),
        ("account", json!(""), "该字段不能为空。"),
        ("account", json!(7), "不是有效的字符串。"),
        ("account", json!("a".repeat(21)), "请确保这个字段不能超过 20 个字符。"),
        ("account", json!("a b"), "账户包含非法字符"),
        ("account", json!("a#b"), "账户包含非法字符"),
        ("account", json!("a/b"), "账户包含非法字符"),
        ("account", json!("a\tb"), "账户包含非法字符"),
        ("account", json!("administrator"), "账户以被注册"),
        ("password", json!("1234567"), "密码长度不得少于8字符"),
        ("password", json!("x".repeat(129)), "请确保这个字段不能超过 128 个字符。"),
        ("password", json!(""), "该字段不能为空。"),
        ("name", json!(long(51)), "请确保这个字段不能超过 50 个字符。"),
        ("name", json!("  "), "该字段不能为空。"),
        ("status", json!("maybe"), "必须是有效的布尔值。"),
        ("status", json!(null), "该字段不能为 null。"),
        ("email", json!("nobody"), "无效邮箱"),
        ("email", json!(["a@example.com"]), "不是有效的字符串。"),
        ("email", json!(format!("{}@example.com", "a".repeat(100))), "请确保这个字段不能超过 100 个字符。"),
        ("phone_number", json!("12345678901"), "无效手机号"),
        ("phone_number", json!("138000000000"), "请确保这个字段不能超过 11 个字符。"),
        ("phone_number", json!(13_800_000_000_i64), "不是有效的字符串。"),
    ] {
        let detail = faults(&admin, "rbac/user/add/", with(form("new"), field, value.clone())).await;
        assert_eq!(detail, json!({ field: [text] }), "{field} {value}");
    }
    let all = json!({
        "account": "administrator", "password": "x", "name": null, "status": 2, "email": "x", "phone_number": "1",
    });
    let told = json!({
        "account": ["账户以被注册"], "password": ["密码长度不得少于8字符"], "name": ["该字段不能为 null。"],
        "status": ["必须是有效的布尔值。"], "email": ["无效邮箱"], "phone_number": ["无效手机号"],
    });
    assert_eq!(faults(&admin, "rbac/user/add/", all).await, told);
    for body in [json!([]), json!("x"), json!(null)] {
        assert!(faults(&admin, "rbac/user/add/", body).await["non_field_errors"].is_array());
    }
    let total = admin.get("rbac/user/get/").await.json()["total"].clone();
    assert_eq!(total, 1, "nothing was made");
}

#[tokio::test]
async fn optional_fields_of_a_new_user_are_cleared_by_null_and_nothing_is_assigned_in_passing() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let mut body = form("ann");
    for (field, value) in [
        ("email", json!("")),
        ("phone_number", json!("")),
        ("remark", json!("")),
        ("status", json!("False")),
        ("id", json!(77)),
        ("roles", json!([1])),
        ("protected", json!(true)),
        ("avatar", json!("/x")),
    ] {
        body[field] = value;
    }
    assert_eq!(admin.post("rbac/user/add/", body).await.line(), OK);
    let row = find(&admin, "ann").await;
    assert_eq!((&row["id"], &row["roles"], &row["protected"]), (&json!(2), &json!([2]), &json!(false)));
    assert_eq!((&row["email"], &row["phone_number"], &row["status"]), (&json!(null), &json!(null), &json!(false)));
    // Two users without e-mail and phone do not collide.
    assert_eq!(admin.post("rbac/user/add/", form("bob")).await.line(), OK);
    let refused = surface.try_login("ann", "sample-pass-1").await;
    assert_eq!(refused.line(), r#"403 {"code":403,"msg":"权限错误","detail":"用户被禁用，请及时联系管理员"}"#);
}

#[tokio::test]
async fn a_user_is_edited_field_by_field() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let id = add(&admin, "ann").await;
    let body = json!({ "id": id, "email": "ann@example.com", "name": "test111", "phone_number": "13800000000", "remark": "备注" });
    assert_eq!(admin.post("rbac/user/edit/", body).await.line(), OK);
    let row = find(&admin, "ann").await;
    assert_eq!(
        (&row["email"], &row["name"], &row["phone_number"], &row["remark"]),
        (&json!("ann@example.com"), &json!("test111"), &json!("13800000000"), &json!("备注"))
    );
    let ignored = json!({ "id": id.to_string(), "account": "eve", "password": "x", "status": false, "roles": [1], "protected": true });
    assert_eq!(admin.post("rbac/user/edit/", ignored).await.line(), OK);
    assert_eq!(find(&admin, "ann").await["name"], "test111");
    assert_eq!(surface.try_login("ann", "sample-pass-1").await.status, 200);
    let clear = json!({ "id": id, "email": null, "phone_number": "", "remark": null });
    assert_eq!(admin.post("rbac/user/edit/", clear).await.line(), OK);
    let row = find(&admin, "ann").await;
    assert_eq!((&row["email"], &row["phone_number"], &row["remark"]), (&json!(null), &json!(null), &json!(null)));
    let other = add(&admin, "bob").await;
    let taken = json!({ "id": other, "email": "ann@example.com", "phone_number": "13800000000" });
    assert_eq!(admin.post("rbac/user/edit/", taken.clone()).await.line(), OK);
    let clash = r#"400 {"code":400,"msg":"参数错误","detail":{"email":["邮箱已被注册"],"phone_number":["具有 电话 的 用户 已存在。"]}}"#;
    assert_eq!(admin.post("rbac/user/edit/", with(taken.clone(), "id", json!(id))).await.line(), clash);
    let both = json!({ "id": id, "name": null, "email": "x", "phone_number": "13800000000" });
    let told = json!({
        "name": ["该字段不能为 null。"], "email": ["无效邮箱"], "phone_number": ["具有 电话 的 用户 已存在。"],
    });
    assert_eq!(faults(&admin, "rbac/user/edit/", both).await, told);
    for body in [json!({}), json!({ "id": null }), json!({ "id": "x" }), json!({ "id": [1] }), json!({ "id": 99 })] {
        assert_eq!(admin.post("rbac/user/edit/", body).await.line(), NOT_FOUND);
    }
    assert_eq!(admin.post("rbac/user/edit/", with(taken, "id", json!(1))).await.line(), PROTECTED);
}

#[tokio::test]
async fn users_are_deleted_but_for_those_that_stay() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    assert_eq!(admin.post("rbac/user/del/", json!({ "id_list": [1, 2] })).await.line(), NOTHING);
    for body in [
        json!({}),
        json!({ "id_list": [] }),
        json!({ "id_list": null }),
        json!({ "id_list": 2 }),
        json!({ "id_list": ["x"] }),
        json!({ "id_list": [0] }),
        json!({ "id_list": [99] }),
    ] {
        assert_eq!(admin.post("rbac/user/del/", body).await.line(), NOTHING);
    }
    let (ann, bob) = (add(&admin, "ann").await, add(&admin, "bob").await);
    pass::grant(&surface.test.operator(), "bob", PassKind::Proxy).await.unwrap();
    let ann_client = surface.try_login("ann", "sample-pass-1").await.json();
    let answer = admin.post("rbac/user/del/", json!({ "id_list": [1, ann, bob.to_string(), ann, 99] })).await;
    assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK","total":2}"#);
    assert_eq!(admin.get("rbac/user/get/").await.json()["total"], 1);
    let access = ann_client["token"]["access"].as_str().unwrap();
    let request = http::Request::get("/api/rbac/user/detail/").header("authorization", access);
    assert_eq!(surface.send(request, "").await.status, 401);
    assert_eq!(surface.try_login("bob", "sample-pass-1").await.status, 401, "he has another pass, and is unknown here");
    assert_eq!(faults(&admin, "rbac/user/add/", form("bob")).await, json!({ "account": ["账户以被注册"] }));
    assert_eq!(add(&admin, "ann").await, 4, "ids are never used again");
}

#[tokio::test]
async fn users_are_searched_and_paged() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    for (account, name) in [("one", "甲%"), ("two", "乙_"), ("Three", "丙")] {
        assert_eq!(admin.post("rbac/user/add/", with(form(account), "name", json!(name))).await.line(), OK);
    }
    let found = async |query: &str| {
        let json = admin.get(&format!("rbac/user/get/?{query}")).await.json();
        let rows = json["detail"].as_array().unwrap().iter().map(|row| row["account"].as_str().unwrap().to_owned());
        (json["total"].as_i64().unwrap(), rows.collect::<Vec<_>>().join(" "))
    };
    let all = "administrator one two Three";
    for (query, total, accounts) in [
        ("", 4, all),
        ("name=%25", 1, "one"),
        ("name=_", 1, "two"),
        ("name=%E4%B8%99", 1, "Three"),
        ("name=丙", 1, "Three"),
        ("account=T", 3, "administrator two Three"),
        ("status=true&account=o", 3, "administrator one two"),
        ("status=0", 0, ""),
        ("page_size=2", 4, "administrator one"),
        ("page_size=2&page=2", 4, "two Three"),
        ("page_size=3&page_number=2", 4, "Three"),
        ("page_size=2&page=9", 4, ""),
        ("page_size=1000&desc=true", 4, "Three two one administrator"),
        ("page_size=1&all=true", 4, all),
    ] {
        assert_eq!(found(query).await, (total, accounts.to_owned()), "{query}");
    }
    let answer = admin.get("rbac/user/get/?page_size=0&status=maybe&page=x").await;
    let told = r#"400 {"code":400,"msg":"参数错误","detail":{"status":["必须是有效的布尔值。"],"page_size":["请确保该值大于或者等于 1。"],"page":["请填写合法的整数值。"]}}"#;
    assert_eq!(answer.line(), told);
}

#[tokio::test]
async fn roles_are_bound_as_a_whole() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let id = add(&admin, "ann").await;
    assert_eq!(admin.post("rbac/user/role/", json!({ "id": 1, "roles": [1] })).await.line(), PROTECTED);
    for body in [json!({}), json!({ "id": "x", "roles": [] }), json!({ "id": 99, "roles": [] })] {
        assert_eq!(admin.post("rbac/user/role/", body).await.line(), NOT_FOUND);
    }
    let unknown = r#"400 {"code":400,"msg":"参数错误","detail":{"roles":["角色不存在"]}}"#;
    assert_eq!(admin.post("rbac/user/role/", json!({ "id": id, "roles": [2, 99] })).await.line(), unknown);
    for (roles, text) in
        [(json!(null), "该字段不能为 null。"), (json!(3), "期待为列表。"), (json!(["x"]), "请填写合法的整数值。")]
    {
        let body = json!({ "id": id, "roles": roles });
        assert_eq!(faults(&admin, "rbac/user/role/", body).await, json!({ "roles": [text] }));
    }
    assert_eq!(faults(&admin, "rbac/user/role/", json!({ "id": id })).await, json!({ "roles": ["该字段是必填项。"] }));
    assert_eq!(admin.post("rbac/user/role/", json!({ "id": id, "roles": ["3", 2, 3] })).await.line(), OK);
    assert_eq!(find(&admin, "ann").await["roles"], json!([2, 3]));
    let dated = json!({ "id": id, "roles": [3, 2], "valid_until": { "3": "2026-02-01T00:00:00+08:00", "9": null } });
    assert_eq!(admin.post("rbac/user/role/", dated).await.line(), OK);
    let answer = admin.get(&format!("rbac/user/role/get/?id={id}")).await;
    let ends =
        answer.json()["detail"].as_array().unwrap().iter().map(|row| row["valid_until"].clone()).collect::<Vec<_>>();
    assert_eq!(ends, [json!(null), json!("2026-02-01T00:00:00+08:00")]);
    assert!(answer.text().contains(r#""name":"审计员","code":"Audit","description":"审计","status":true,"protected":true,"create_date":"2025-01-01T08:00:00+08:00","update_date":"2025-01-01T08:00:00+08:00","valid_until":"#), "{}", answer.text());
    for ends in [json!(5), json!({ "3": "soon" }), json!({ "3": 5 })] {
        let detail = faults(&admin, "rbac/user/role/", json!({ "id": id, "roles": [3], "valid_until": ends })).await;
        assert!(detail["valid_until"].is_array(), "{detail}");
    }
    assert_eq!(admin.post("rbac/user/role/", json!({ "id": id, "roles": [] })).await.line(), OK);
    assert_eq!(find(&admin, "ann").await["roles"], json!([]));
    for query in ["", "?id=x", "?id=99"] {
        assert_eq!(admin.get(&format!("rbac/user/role/get/{query}")).await.line(), NOT_FOUND);
    }
}

#[tokio::test]
async fn nobody_rises_by_way_of_users() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let codes = ["system.user.update", "system.user.delete", "system.permission.update", "system.user.create"];
    let clerk = surface.person("clerk", &codes).await;
    let auditor = add(&admin, "auditor").await;
    assert_eq!(admin.post("rbac/user/role/", json!({ "id": auditor, "roles": [3] })).await.line(), OK);
    for (path, body) in [
        ("rbac/user/edit/", json!({ "id": auditor, "email": "clerk@example.com" })),
        ("rbac/user/status/", json!({ "id": auditor, "status": false })),
        ("rbac/user/set_password/", json!({ "id": auditor, "password": "sample-pass-14" })),
        ("rbac/user/unlock/", json!({ "id": auditor })),
        ("rbac/user/mfa_reset/", json!({ "id": auditor })),
        ("rbac/user/role/", json!({ "id": auditor, "roles": [] })),
        ("rbac/user/role/", json!({ "id": clerk.id, "roles": [1] })),
        ("rbac/user/role/", json!({ "id": clerk.id, "roles": [3] })),
        ("rbac/user/del/", json!({ "id_list": [auditor] })),
    ] {
        assert_eq!(clerk.post(path, body.clone()).await.line(), FORBIDDEN, "{path} {body}");
    }
    assert_eq!(find(&admin, "auditor").await["roles"], json!([3]));
}

#[tokio::test]
async fn staff_switch_unlock_and_reset_others() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let id = add(&admin, "ann").await;
    let login = async |password: &str| surface.try_login("ann", password).await;
    let access = login("sample-pass-1").await.json()["token"]["access"].as_str().unwrap().to_owned();
    let detail = async |access: &str| {
        let request = http::Request::get("/api/rbac/user/detail/").header("authorization", access);
        surface.send(request, "").await
    };
    assert_eq!(detail(&access).await.status, 200);
    assert_eq!(admin.post("rbac/user/status/", json!({ "id": id, "status": 0 })).await.line(), OK);
    assert_eq!(detail(&access).await.status, 401);
    assert_eq!(login("sample-pass-1").await.status, 403);
    assert_eq!(admin.post("rbac/user/status/", json!({ "id": id, "status": true })).await.line(), OK);
    assert_eq!(detail(&access).await.status, 401, "its session is over for good");
    assert_eq!(login("sample-pass-1").await.status, 200);
    assert_eq!(admin.post("rbac/user/status/", json!({ "id": 1, "status": false })).await.line(), PROTECTED);
    assert_eq!(
        faults(&admin, "rbac/user/status/", json!({ "id": id })).await,
        json!({ "status": ["该字段是必填项。"] })
    );

    let body = json!({ "id": id, "password": "another1" });
    assert_eq!(admin.post("rbac/user/set_password/", body.clone()).await.line(), OK);
    assert_eq!(login("sample-pass-1").await.status, 401);
    let token = login("another1").await.json()["token"]["access"].as_str().unwrap().to_owned();
    let request = http::Request::get("/api/audit/login/get/?self=true").header("authorization", &token);
    assert_eq!(surface.send(request, "").await.line(), r#"403 {"code":403,"msg":"权限错误","detail":"须先修改密码"}"#);
    assert_eq!(admin.post("rbac/user/set_password/", with(body, "must_change", json!(false))).await.line(), OK);
    let token = login("another1").await.json()["token"]["access"].as_str().unwrap().to_owned();
    let request = http::Request::get("/api/audit/login/get/?self=true").header("authorization", &token);
    assert_eq!(surface.send(request, "").await.status, 200);
    let short = json!({ "id": id, "password": "short" });
    assert_eq!(
        faults(&admin, "rbac/user/set_password/", short).await,
        json!({ "password": ["密码长度不得少于8字符"] })
    );
    let own = json!({ "id": 1, "password": "another1" });
    assert_eq!(admin.post("rbac/user/set_password/", own).await.line(), PROTECTED);
    assert_eq!(admin.post("rbac/user/mfa_reset/", json!({ "id": 1 })).await.line(), PROTECTED);
    assert_eq!(admin.post("rbac/user/mfa_reset/", json!({ "id": id })).await.line(), OK);

    for _ in 0..10 {
        assert_eq!(login("wrong").await.status, 401);
    }
    assert_eq!(login("another1").await.status, 429);
    assert_eq!(admin.post("rbac/user/unlock/", json!({ "id": id })).await.line(), OK);
    assert_eq!(login("another1").await.status, 200);
    for path in ["status", "set_password", "unlock", "mfa_reset"] {
        for id in [json!(99), json!("x"), json!(null)] {
            let body = json!({ "id": id, "status": true, "password": "another1" });
            assert_eq!(admin.post(&format!("rbac/user/{path}/"), body).await.line(), NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn short_passwords_are_a_setting() {
    let mut settings = Settings::default();
    settings.bastion.compat.short_passwords = true;
    settings.bastion.account_max = 5;
    let surface = Surface::with(settings).await;
    let admin = surface.person("root", &["system.user.create", "user.profile.read", "user.profile.update"]).await;
    assert_eq!(admin.post("rbac/user/add/", with(form("ann"), "password", json!("x"))).await.line(), OK);
    let long = faults(&admin, "rbac/user/add/", form("longer")).await;
    assert_eq!(long, json!({ "account": ["请确保这个字段不能超过 5 个字符。"] }));
}
