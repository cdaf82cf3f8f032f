//! What people do with their own account: password, profile, sessions, keys, API tokens.

use std::{net::IpAddr, time::Duration};

use gatehouse_domain::{Settings, account::change, audit};
use gatehouse_kit::ClientAddress;
use gatehouse_model::Secret;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, Surface};

fn refused(detail: &str) -> String {
    format!(r#"400 {{"code":400,"msg":"参数错误","detail":{detail}}}"#)
}

const OK: &str = r#"200 {"code":200,"msg":"OK"}"#;
const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;

async fn reset(client: &Client<'_>, old: &str, new: &str) -> Answer {
    client.post("rbac/user/reset_password/", json!({ "old_password": old, "new_password": new })).await
}

#[tokio::test]
async fn ones_own_password_is_changed_and_the_other_sessions_die() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let other = surface.login("kim").await;
    assert_eq!(reset(&kim, "wrong", "another word").await.line(), refused(r#"{"old_password":["密码错误"]}"#));
    assert_eq!(reset(&kim, PASSWORD, PASSWORD).await.line(), refused(r#"{"new_password":["新旧密码不能相同"]}"#));
    assert_eq!(reset(&kim, PASSWORD, "short").await.line(), refused(r#"{"new_password":["密码长度不得少于8字符"]}"#));
    let long = "x".repeat(129);
    assert_eq!(
        reset(&kim, PASSWORD, &long).await.line(),
        refused(r#"{"new_password":["请确保这个字段不能超过 128 个字符。"]}"#)
    );
    let missing = kim.post("rbac/user/reset_password/", json!({})).await;
    assert_eq!(missing.line(), refused(r#"{"old_password":["旧密码不能为空"],"new_password":["密码为必填项"]}"#));
    assert_eq!(reset(&kim, PASSWORD, "another word").await.line(), OK);
    assert_eq!((kim.get("rbac/user/detail/").await.status, other.get("rbac/user/detail/").await.status), (200, 401));
    assert_eq!(surface.try_login("kim", PASSWORD).await.status, 401);
    assert_eq!(surface.try_login("kim", "another word").await.status, 200);
    let rows = audit::list(&surface.test.operator(), None, Some("account.password.change"), 9).await.unwrap();
    let outcomes: Vec<_> = rows.iter().rev().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["invalid", "invalid", "invalid", "invalid", "invalid", "ok"]);
    assert!(rows.iter().all(|row| row.actor_label.as_deref() == Some("kim name")));
}

#[tokio::test]
async fn short_passwords_are_a_compatibility() {
    let mut settings = Settings::default();
    settings.bastion.compat.short_passwords = true;
    let surface = Surface::with(settings).await;
    let kim = surface.person("kim", &[]).await;
    assert_eq!(reset(&kim, PASSWORD, "x").await.line(), OK);
}

#[tokio::test]
async fn the_old_password_cannot_be_guessed_without_end() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    for _ in 0..10 {
        assert_eq!(reset(&kim, "wrong", "another word").await.status, 400);
    }
    assert_eq!(reset(&kim, PASSWORD, "another word").await.status, 429);
}

#[tokio::test]
async fn who_must_change_his_password_can_do_nothing_else() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &["user.profile.update"]).await;
    surface.test.execute("UPDATE account SET must_change_password = 1 WHERE login = 'kim'").await.unwrap();
    let limited = r#"403 {"code":403,"msg":"权限错误","detail":"须先修改密码"}"#;
    assert_eq!(kim.get("rbac/session/get/").await.line(), limited);
    assert_eq!(kim.post("rbac/user/profile/", json!({})).await.line(), limited);
    for path in ["rbac/user/detail/", "rbac/mfa/get/"] {
        assert_eq!(kim.get(path).await.status, 200, "{path}");
    }
    assert_eq!(surface.login("kim").await.get("rbac/key/get/").await.line(), limited);
    assert_eq!(reset(&kim, PASSWORD, "another word").await.line(), OK);
    assert_eq!(kim.get("rbac/session/get/").await.status, 200);
}

#[tokio::test]
async fn a_password_set_by_staff_ends_every_session() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    change::set_password(&surface.test.operator(), "kim", &Secret::new("another word")).await.unwrap();
    assert_eq!(kim.get("rbac/user/detail/").await.status, 401);
}

#[tokio::test]
async fn the_profile_needs_its_right_and_tells_all_faults() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &["user.profile.update"]).await;
    let lee = surface.person("lee", &[]).await;
    assert_eq!(lee.post("rbac/user/profile/", json!({"name": 1})).await.line(), FORBIDDEN);
    let edit =
        json!({"name":"Kim","email":"kim@example.com","phone_number":"13800000000","remark":"", "account":"root"});
    assert_eq!(kim.post("rbac/user/profile/", edit).await.line(), OK);
    let shown = kim.get("rbac/user/detail/").await.json();
    let shown = &shown["detail"];
    assert_eq!((&shown["account"], &shown["name"], &shown["remark"]), (&json!("kim"), &json!("Kim"), &json!("")));
    assert_eq!((&shown["email"], &shown["phone_number"]), (&json!("kim@example.com"), &json!("13800000000")));
    let mia = surface.person("mia", &["user.profile.update"]).await;
    let taken = json!({"email":"KIM@example.com","phone_number":"13800000000"});
    let expected = r#"{"email":["邮箱已被注册"],"phone_number":["具有 电话 的 用户 已存在。"]}"#;
    assert_eq!(mia.post("rbac/user/profile/", taken).await.line(), refused(expected));
    let malformed = json!({"email":"x","phone_number":"123"});
    let expected = r#"{"email":["无效邮箱"],"phone_number":["无效手机号"]}"#;
    assert_eq!(mia.post("rbac/user/profile/", malformed).await.line(), refused(expected));
    let long = json!({"name":"x".repeat(51),"phone_number":"1".repeat(12)});
    let expected =
        r#"{"name":["请确保这个字段不能超过 50 个字符。"],"phone_number":["请确保这个字段不能超过 11 个字符。"]}"#;
    assert_eq!(mia.post("rbac/user/profile/", long).await.line(), refused(expected));
    assert_eq!(kim.post("rbac/user/profile/", json!({"email":null,"phone_number":""})).await.line(), OK);
    assert_eq!(kim.get("rbac/user/detail/").await.json()["detail"]["email"], Value::Null);
    assert_eq!(kim.post("rbac/user/profile/", json!({"email":"kim@example.com"})).await.line(), OK);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let request =
        Request::post("/api/rbac/login/").header("content-type", "application/json").header("user-agent", "curl");
    surface.send(request, json!({"account":"kim","password":PASSWORD}).to_string()).await;
    let third = surface.login("kim").await;
    let list = kim.get("rbac/session/get/?desc=true&page_size=2").await.json();
    assert_eq!((list["total"].as_i64(), list["detail"].as_array().unwrap().len()), (Some(3), 2));
    let second = &list["detail"][1];
    let expected = json!({
        "id": second["id"], "created": "2026-01-01T08:00:00+08:00", "last_seen": "2026-01-01T08:00:00+08:00",
        "ip": "192.0.2.1", "user_agent": "curl", "current": false,
    });
    assert_eq!(second, &expected);
    let lee = surface.person("lee", &[]).await;
    let ids = json!({"id_list":[second["id"]]});
    assert_eq!(lee.post("rbac/session/del/", ids.clone()).await.line(), FORBIDDEN);
    assert_eq!(lee.get(&format!("rbac/session/get/?user_id={}", kim.id)).await.line(), FORBIDDEN);
    assert_eq!(kim.post("rbac/session/del/", ids.clone()).await.line(), r#"200 {"code":200,"msg":"OK","total":1}"#);
    assert_eq!(kim.post("rbac/session/del/", ids).await.line(), refused(r#""登录会话不存在""#));
    assert_eq!(kim.post("rbac/session/del/", json!({})).await.line(), refused(r#""错误参数""#));
    let all = kim.post("rbac/session/del/", json!({"all_other":"True"})).await;
    assert_eq!(all.line(), r#"200 {"code":200,"msg":"OK","total":1}"#);
    assert_eq!((third.get("rbac/user/detail/").await.status, kim.get("rbac/user/detail/").await.status), (401, 200));
    let clerk = surface.person("clerk", &["system.token.manage"]).await;
    assert_eq!(clerk.get(&format!("rbac/session/get/?user_id={}", kim.id)).await.json()["total"], json!(1));
    assert_eq!(
        clerk.get("rbac/session/get/?user_id=1").await.line(),
        FORBIDDEN,
        "he holds less than the administrator"
    );
}

#[tokio::test]
async fn keys_are_added_listed_and_deleted() {
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let add = json!({"name":"laptop","public_key":format!("{KEY} kim@laptop")});
    let added = kim.post("rbac/key/add/", add.clone()).await;
    assert_eq!(added.status, 200, "{}", added.text());
    assert_eq!(kim.post("rbac/key/add/", add.clone()).await.line(), refused(r#"{"public_key":["公钥已存在"]}"#));
    let bad = kim.post("rbac/key/add/", json!({"name":"x","public_key":"ssh-dss AAAA"})).await;
    assert_eq!(bad.line(), refused(r#"{"public_key":["公钥格式错误"]}"#));
    let list = kim.get("rbac/key/get/").await.json();
    assert_eq!((&list["total"], &list["detail"][0]["public_key"]), (&json!(1), &json!(KEY)));
    assert!(list["detail"][0]["fingerprint"].as_str().unwrap().starts_with("SHA256:"));
    let lee = surface.person("lee", &[]).await;
    assert_eq!(lee.post("rbac/key/del/", json!({"id_list":[list["detail"][0]["id"]]})).await.line(), FORBIDDEN);
    let mut other = add;
    other["user_id"] = json!(kim.id);
    assert_eq!(lee.post("rbac/key/add/", other).await.line(), FORBIDDEN);
    let deleted = kim.post("rbac/key/del/", json!({"id_list":[list["detail"][0]["id"]]})).await;
    assert_eq!(deleted.line(), r#"200 {"code":200,"msg":"OK","total":1}"#);
    assert_eq!(kim.post("rbac/key/del/", json!({"id_list":[9]})).await.line(), refused(r#""公钥不存在""#));
}

async fn by(surface: &Surface, token: &str, path: &str, from: [u8; 4]) -> Answer {
    let request = Request::get(format!("/api/{path}"))
        .header(header::AUTHORIZATION, token)
        .extension(ClientAddress(IpAddr::from(from)));
    surface.send(request, "").await
}

#[tokio::test]
async fn an_api_token_holds_what_its_owner_holds_and_no_more() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &["system.token.manage", "user.profile.update"]).await;
    let beyond = kim.post("rbac/token/add/", json!({"name":"ci","scopes":["system.user.delete"]})).await;
    assert_eq!(beyond.line(), refused(r#"{"scopes":["权限错误"]}"#));
    let none = kim.post("rbac/token/add/", json!({"name":"ci"})).await;
    assert_eq!(none.line(), refused(r#"{"scopes":["该字段是必填项。"]}"#));
    let late = json!({"name":"ci","scopes":[],"expires_at":"2028-01-01"});
    assert_eq!(kim.post("rbac/token/add/", late).await.line(), refused(r#"{"expires_at":["有效期须在一年之内"]}"#));
    let add = json!({"name":"ci","scopes":["user.profile.update"],"cidrs":["192.0.2.0/24"],"expires_at":"2026-02-01"});
    let added = kim.post("rbac/token/add/", add).await.json();
    let token = added["detail"]["token"].as_str().unwrap().to_owned();
    assert_eq!(by(&surface, &token, "rbac/user/detail/", [192, 0, 2, 9]).await.status, 200);
    assert_eq!(by(&surface, &token, "rbac/user/detail/", [198, 51, 100, 9]).await.status, 401);
    assert_eq!(by(&surface, &token, "rbac/session/get/", [192, 0, 2, 9]).await.status, 401, "sessions are for people");
    let list = kim.get("rbac/token/get/").await;
    assert!(!list.text().contains(&token));
    assert_eq!(list.json()["detail"][0]["scopes"], json!(["user.profile.update"]));
    change::set_enabled(&surface.test.operator(), "kim", false, None).await.unwrap();
    assert_eq!(by(&surface, &token, "rbac/user/detail/", [192, 0, 2, 9]).await.status, 401);
    change::set_enabled(&surface.test.operator(), "kim", true, None).await.unwrap();
    assert_eq!(by(&surface, &token, "rbac/user/detail/", [192, 0, 2, 9]).await.status, 200);
    surface.test.advance(Duration::from_hours(32 * 24));
    assert_eq!(by(&surface, &token, "rbac/user/detail/", [192, 0, 2, 9]).await.status, 401);
    let kim = surface.login("kim").await;
    let deleted = kim.post("rbac/token/del/", json!({"id_list":[added["detail"]["id"]]})).await;
    assert_eq!(deleted.line(), r#"200 {"code":200,"msg":"OK","total":1}"#);
}
