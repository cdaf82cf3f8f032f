//! specs/bastion.md §6.1 rows 18 and 19: what roles hold on resource groups.

use gatehouse_domain::Settings;
use serde_json::{Value, json};

use crate::support::{Client, Surface};

const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;
const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;
const NOT_FOUND: &str = r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#;

/// Makes group 2, a root of nobody, and group 3 below the seeded one.
async fn groups(surface: &Surface) {
    let group = |id: i64, parent: &str, root: i64| {
        format!(
            "INSERT INTO resource_group (id, name, name_folded, is_protected, parent_id, root_id, level, created_at, updated_at) \
             VALUES ({id}, 'g{id}', 'g{id}', 0, {parent}, {root}, 0, 1, 1); \
             INSERT INTO resource_group_above VALUES ({id}, {id});"
        )
    };
    let sql = [group(2, "NULL", 2), group(3, "1", 1), "INSERT INTO resource_group_above VALUES (3, 1);".to_owned()];
    surface.test.execute(&sql.concat()).await.unwrap();
}

async fn held(client: &Client<'_>, role: i64) -> Vec<(i64, i64)> {
    let json = client.get(&format!("perm/group-auth/get/?role_id={role}")).await.json();
    let pair = |row: &Value| (row["resource_group"].as_i64().unwrap(), row["permission"].as_i64().unwrap());
    let mut pairs: Vec<_> = json["detail"].as_array().unwrap().iter().map(pair).collect();
    pairs.sort_unstable();
    pairs
}

async fn edit(client: &Client<'_>, role: i64, groups: Value) -> String {
    client.post("perm/group-auth/edit/", json!({ "role_id": role, "groups": groups })).await.line()
}

#[tokio::test]
async fn grants_are_shown_as_in_the_seed() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let answer = admin.get("perm/group-auth/get/?role_id=1").await;
    let first = r#"{"code":200,"msg":"OK","detail":[{"id":1,"protected":true,"create_date":"2025-01-01T08:00:00+08:00","role":1,"permission":16,"resource_group":1},"#;
    assert!(answer.text().starts_with(first), "{}", answer.text());
    assert_eq!(answer.json().as_object().unwrap().len(), 3, "no total, no extra");
    let all: Vec<_> = (16..=23).chain([112, 113]).map(|permission| (1, permission)).collect();
    assert_eq!(held(&admin, 1).await, all);
    assert_eq!(admin.get("perm/group-auth/get/?role_id=2").await.line(), r#"200 {"code":200,"msg":"OK","detail":[]}"#);
    for query in ["", "?role_id=", "?role_id=x", "?role_id=99"] {
        assert_eq!(admin.get(&format!("perm/group-auth/get/{query}")).await.line(), NOT_FOUND);
    }
}

#[tokio::test]
async fn grants_are_replaced_merged_and_never_doubled() {
    let surface = Surface::new().await;
    groups(&surface).await;
    let admin = surface.administrator().await;
    surface.test.execute("INSERT INTO role_grant (role_id, code, resource_group_id, is_protected, created_at) SELECT 1, code, 2, 0, 1 FROM role_grant WHERE resource_group_id = 1").await.unwrap();
    let wish = json!([{ "id": 1, "permission": [19, "19", 23] }, { "id": "3", "permission": [16] }, { "id": 1, "permission": [18, 19] }]);
    assert_eq!(edit(&admin, 2, wish).await, OK);
    assert_eq!(held(&admin, 2).await, [(1, 18), (1, 19), (1, 23), (3, 16)]);
    assert_eq!(
        edit(&admin, 2, json!([{ "id": 3, "permission": [16, 17] }, { "id": 2, "permission": [112, 113] }])).await,
        OK
    );
    assert_eq!(
        held(&admin, 2).await,
        [(2, 112), (2, 113), (3, 16), (3, 17)],
        "a group that is left out loses its grants"
    );
    assert_eq!(edit(&admin, 2, json!([{ "id": 3, "permission": [] }])).await, OK);
    assert_eq!(held(&admin, 2).await, []);
    // The seed's sample edits role 1: its protected rows stay, others are replaced.
    assert_eq!(edit(&admin, 1, json!([{ "id": 3, "permission": [16, 17, 18, 19, 20, 21, 22, 23] }])).await, OK);
    assert_eq!(held(&admin, 1).await.len(), 18, "10 protected, 8 new; those on group 2 went");
    assert_eq!(edit(&admin, 1, json!([])).await, OK);
    assert_eq!(held(&admin, 1).await.len(), 10);
}

#[tokio::test]
async fn every_fault_of_a_wish_is_told_at_its_index() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let one = r#"400 {"code":400,"msg":"参数错误","detail":{"groups":{"0":{"id":{"group":"所添加至的组不存在"}}}}}"#;
    assert_eq!(edit(&admin, 1, json!([{ "id": 2, "permission": [16] }])).await, one);
    let one = r#"400 {"code":400,"msg":"参数错误","detail":{"groups":{"0":{"permission":{"perms":"权限错误"}}}}}"#;
    for bad in [json!(1), json!(15), json!(24), json!(29), json!(0), json!("x"), json!(null)] {
        assert_eq!(edit(&admin, 1, json!([{ "id": 1, "permission": [16, bad] }])).await, one);
    }
    let one = r#"400 {"code":400,"msg":"参数错误","detail":{"role_id":{"role":"角色不存在"}}}"#;
    assert_eq!(edit(&admin, 99, json!([{ "id": 1, "permission": [16] }])).await, one);
    let body = json!({ "role_id": 99, "groups": [
        { "id": 7, "permission": [1] }, { "id": 1, "permission": [16] }, { "permission": [16] }, { "id": "x" }, 5,
        { "id": 1, "permission": null }, { "id": null, "permission": 4 },
        { "id": 1, "permission": [], "valid_from": "soon", "valid_until": 5, "schedule": [{ "days": [8], "from": "09:00", "to": "10:00" }] },
        { "id": 8, "permission": [16] },
    ] });
    let answer = admin.post("perm/group-auth/edit/", body).await;
    let time = "日期时间格式错误。请使用 YYYY-MM-DD、YYYY-MM-DD HH:MM:SS 或 ISO 8601 格式。";
    let told = json!({ "role_id": { "role": "角色不存在" }, "groups": {
        "0": { "id": { "group": "所添加至的组不存在" }, "permission": { "perms": "权限错误" } },
        "2": { "id": "该字段是必填项。" },
        "3": { "id": "请填写合法的整数值。", "permission": "该字段是必填项。" },
        "4": { "non_field_errors": "无效数据。" },
        "5": { "permission": "该字段不能为 null。" },
        "6": { "id": "该字段不能为 null。", "permission": "期待为列表。" },
        "7": { "valid_from": time, "valid_until": time, "schedule": "无效数据。" },
        "8": { "id": { "group": "所添加至的组不存在" } },
    } });
    assert_eq!((answer.status, &answer.json()["detail"]), (400, &told));
    for (body, told) in [
        (json!({}), json!({ "role_id": ["该字段是必填项。"], "groups": ["该字段是必填项。"] })),
        (
            json!({ "role_id": null, "groups": null }),
            json!({ "role_id": ["该字段不能为 null。"], "groups": ["该字段不能为 null。"] }),
        ),
        (
            json!({ "role_id": "x", "groups": {} }),
            json!({ "role_id": ["请填写合法的整数值。"], "groups": ["期待为列表。"] }),
        ),
    ] {
        assert_eq!(admin.post("perm/group-auth/edit/", body).await.json()["detail"], told);
    }
    assert_eq!(held(&admin, 1).await.len(), 10);
}

#[tokio::test]
async fn grants_may_have_times_which_clients_that_do_not_know_them_leave_alone() {
    let surface = Surface::new().await;
    let admin = surface.administrator().await;
    let schedule = json!([{ "days": [1, 2, 3, 4, 5], "from": "09:00", "to": "18:00" }]);
    let wish = json!([{ "id": 1, "permission": [19], "valid_from": "2026-01-01", "valid_until": "2026-02-01 00:00:00", "schedule": schedule }]);
    assert_eq!(edit(&admin, 2, wish).await, OK);
    let row = async || admin.get("perm/group-auth/get/?role_id=2").await.json()["detail"][0].clone();
    let dated = row().await;
    assert_eq!(
        (&dated["valid_from"], &dated["valid_until"], &dated["schedule"]),
        (&json!("2026-01-01T00:00:00+08:00"), &json!("2026-02-01T00:00:00+08:00"), &schedule)
    );
    assert_eq!(edit(&admin, 2, json!([{ "id": 1, "permission": [19] }])).await, OK);
    assert_eq!(row().await, dated);
    let clear = json!([{ "id": 1, "permission": [19], "valid_from": null, "valid_until": null, "schedule": null }]);
    assert_eq!(edit(&admin, 2, clear).await, OK);
    assert_eq!(row().await.as_object().unwrap().len(), 6, "keys that are not set are not there");
}

#[tokio::test]
async fn nobody_gives_on_a_group_what_he_does_not_hold_there() {
    let surface = Surface::new().await;
    groups(&surface).await;
    let admin = surface.administrator().await;
    let clerk = surface.person("clerk", &["system.permission.update"]).await;
    let own = admin.get("rbac/role/get/?name=role-of-clerk").await.json()["detail"][0]["id"].as_i64().unwrap();
    assert_eq!(edit(&admin, own, json!([{ "id": 1, "permission": [19] }])).await, OK);
    assert_eq!(edit(&clerk, 2, json!([{ "id": 1, "permission": [18] }])).await, FORBIDDEN);
    assert_eq!(edit(&clerk, 2, json!([{ "id": 2, "permission": [19] }])).await, FORBIDDEN);
    assert_eq!(edit(&clerk, 1, json!([{ "id": 3, "permission": [19] }])).await, FORBIDDEN, "role 1 is not his to fill");
    assert_eq!(edit(&clerk, 2, json!([{ "id": 1, "permission": [19] }, { "id": 3, "permission": [19] }])).await, OK);
    assert_eq!(held(&admin, 2).await, [(1, 19), (3, 19)]);
    assert_eq!(edit(&clerk, own, json!([])).await, OK, "his own is his to give up");
    assert_eq!(edit(&clerk, 2, json!([])).await, FORBIDDEN);
}

#[tokio::test]
async fn the_bare_form_of_the_seed_is_a_setting() {
    let mut settings = Settings::default();
    settings.bastion.compat.bare_errors = true;
    let surface = Surface::with(settings).await;
    let admin = surface.administrator().await;
    for path in ["perm/group-auth/get/?role_id=99", "rbac/role/get/permission/?id=99"] {
        assert_eq!(admin.get(path).await.line(), r#"404 {"detail":"未找到。"}"#);
    }
    let nobody = surface.person("nobody", &[]).await;
    for path in ["audit/login/get/", "audit/opera/get/", "audit/session/get/"] {
        assert_eq!(nobody.get(path).await.line(), r#"403 {"code":403,"msg":"权限错误"}"#);
    }
    assert_eq!(nobody.get("rbac/user/get/").await.line(), FORBIDDEN, "others keep their detail");
}
