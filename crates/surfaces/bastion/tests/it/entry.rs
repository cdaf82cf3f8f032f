//! specs/bastion.md §5.1–§5.3: logins, tokens, refreshing, logging out.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use gatehouse_domain::{Settings, account::change, audit, signing};
use gatehouse_kit::ClientAddress;
use gatehouse_testkit::Engine as Db;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Surface};

const UNAUTHENTICATED: &str = r#"401 {"code":401,"msg":"未登录","detail":"未登录或Token过期"}"#;
const REFRESH_REFUSED: &str = r#"400 {"code":400,"msg":"参数错误","detail":"未登录或Token过期"}"#;

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn detail(surface: &Surface, token: &str) -> Answer {
    surface.send(Request::get("/api/rbac/user/detail/").header(header::AUTHORIZATION, token), "").await
}

async fn refresh(surface: &Surface, token: &str) -> Answer {
    surface.post("rbac/refresh/", json!({ "refresh": token })).await
}

#[tokio::test]
async fn a_login_gives_the_pair_and_the_cookie() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let answer = surface.try_login("kim", PASSWORD).await;
    assert!(
        answer.text().starts_with(r#"{"code":200,"msg":"OK","token":{"access":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."#)
    );
    let json = answer.json();
    let (access, refresh) = (json["token"]["access"].as_str().unwrap(), json["token"]["refresh"].as_str().unwrap());
    assert_eq!(
        answer.header("set-cookie").unwrap(),
        format!("refresh={refresh}; Path=/api/rbac/; Max-Age=604800; HttpOnly; SameSite=Lax")
    );
    let (a, r) = (part(access, 1), part(refresh, 1));
    assert_eq!((&a["token_type"], &r["token_type"]), (&json!("access"), &json!("refresh")));
    assert_eq!((a["iat"].as_i64(), r["iat"].as_i64()), (Some(1_767_225_600), Some(1_767_225_600)));
    assert_eq!((a["exp"].as_i64(), r["exp"].as_i64()), (Some(1_767_226_500), Some(1_767_225_600 + 604_800)));
    assert_eq!(a["user_id"], json!(kim.id.to_string()));
    assert_ne!(a["jti"], r["jti"]);
    assert_eq!(a["jti"].as_str().unwrap().len(), 32);
    let shown = detail(&surface, access).await;
    assert_eq!(
        shown.text(),
        format!(
            r#"{{"code":200,"msg":"OK","detail":{{"id":{},"account":"kim","name":"kim name","email":null,"status":true,"protected":false,"phone_number":null,"avatar":"/media/avatars/default.png","create_date":"2026-01-01T08:00:00+08:00","update_date":"2026-01-01T08:00:00+08:00","login_date":"2026-01-01T08:00:00+08:00","remark":null,"roles":[],"ip":"192.0.2.1"}}}}"#,
            kim.id
        )
    );
}

#[tokio::test]
async fn wrong_and_unknown_are_the_same_answer_and_both_are_logged() {
    let surface = Surface::new().await;
    surface.person("kim", &[]).await;
    let refused = r#"401 {"code":401,"msg":"未登录","detail":"密码错误"}"#;
    for (account, password) in [("kim", "wrong"), ("nobody", PASSWORD), ("KIM", PASSWORD), ("kim ", PASSWORD)] {
        assert_eq!(surface.try_login(account, password).await.line(), refused, "{account}");
    }
    let rows = audit::list(&surface.test.operator(), None, Some("account.login"), 4).await.unwrap();
    let rows: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| (row.object_name.as_str(), row.object_id.is_some(), row.outcome.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("kim", true, "wrong_password"),
            ("nobody", false, "no_such_account"),
            ("KIM", false, "no_such_account"),
            ("kim ", false, "no_such_account")
        ]
    );
}

#[tokio::test]
async fn the_fields_of_a_login_have_their_own_texts() {
    let surface = Surface::new().await;
    let rows = [
        (json!({}), r#"{"account":["账户为必填项"],"password":["密码为必填项"]}"#),
        (json!({"account":"","password":""}), r#"{"account":["该字段不能为空。"],"password":["该字段不能为空。"]}"#),
        (
            json!({"account":null,"password":1}),
            r#"{"account":["该字段不能为 null。"],"password":["不是有效的字符串。"]}"#,
        ),
        (
            json!({"account":"a".repeat(21),"password":"x".repeat(129)}),
            r#"{"account":["账号长度不得超过20字符"],"password":["密码长度不得超过128字符"]}"#,
        ),
        (json!([]), r#"{"non_field_errors":["无效数据。期待为字典类型，得到的是 list 。"]}"#),
        (json!(1.5), r#"{"non_field_errors":["无效数据。期待为字典类型，得到的是 float 。"]}"#),
        (json!(null), r#"{"non_field_errors":["无效数据。期待为字典类型，得到的是 NoneType 。"]}"#),
    ];
    for (body, detail) in rows {
        let expected = format!(r#"400 {{"code":400,"msg":"参数错误","detail":{detail}}}"#);
        assert_eq!(surface.post("rbac/login/", body).await.line(), expected);
    }
    let request = Request::post("/api/rbac/login/").header("content-type", "application/json; charset=utf-8");
    assert_eq!(surface.send(request, "{").await.line(), r#"400 {"code":400,"msg":"参数错误","detail":"JSON解析错误"}"#);
    let request = Request::post("/api/rbac/login/").header("content-type", "text/plain");
    let expected = r#"415 {"code":415,"msg":"不支持的媒体类型","detail":"不支持请求中的媒体类型 “text/plain”。"}"#;
    assert_eq!(surface.send(request, "{}").await.line(), expected);
    let request = Request::post("/api/rbac/login/").header("content-type", "application/json");
    let large = format!(r#"{{"account":"{}"}}"#, "x".repeat(256 << 10));
    assert_eq!(
        surface.send(request, large).await.line(),
        r#"413 {"code":413,"msg":"请求体过大","detail":"请求体过大"}"#
    );
}

#[tokio::test]
async fn a_disabled_account_is_told_only_after_the_right_password() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    change::set_enabled(&surface.test.operator(), "kim", false, None).await.unwrap();
    let expected = r#"403 {"code":403,"msg":"权限错误","detail":"用户被禁用，请及时联系管理员"}"#;
    assert_eq!(surface.try_login("kim", PASSWORD).await.line(), expected);
    assert_eq!(surface.try_login("kim", "wrong").await.status, 401);
    assert_eq!(detail(&surface, &kim.access).await.line(), UNAUTHENTICATED);
    assert_eq!(refresh(&surface, &kim.refresh).await.line(), REFRESH_REFUSED);
    change::set_enabled(&surface.test.operator(), "kim", true, None).await.unwrap();
    assert_eq!(detail(&surface, &kim.access).await.line(), UNAUTHENTICATED, "what was ended stays ended");
}

#[tokio::test]
async fn only_our_own_access_tokens_are_let_in() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let (head, rest) = kim.access.split_once('.').unwrap();
    let (payload, mac) = rest.split_once('.').unwrap();
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other = BASE64_URL_SAFE_NO_PAD.encode(payload.replace('a', "b"));
    let tokens = [
        String::new(),
        "x".to_owned(),
        kim.refresh.clone(),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{mac}"),
        format!("{head}.{payload}."),
        format!("{head}.{other}.{mac}"),
        format!("Basic {}", kim.access),
        format!("Bearer  {}", kim.access),
        format!("Bearer {} x", kim.access),
        format!("{} x", kim.access),
    ];
    for token in tokens {
        assert_eq!(detail(&surface, &token).await.line(), UNAUTHENTICATED, "{token}");
    }
    for token in [kim.access.clone(), format!("Bearer {}", kim.access), format!("bEARER {}", kim.access)] {
        assert_eq!(detail(&surface, &token).await.status, 200);
    }
    let twice = Request::get("/api/rbac/user/detail/").header("authorization", &kim.access);
    assert_eq!(surface.send(twice.header("authorization", &kim.access), "").await.line(), UNAUTHENTICATED);
    surface.test.advance(Duration::from_secs(899));
    assert_eq!(detail(&surface, &kim.access).await.status, 200);
    surface.test.advance(Duration::from_secs(1));
    assert_eq!(detail(&surface, &kim.access).await.line(), UNAUTHENTICATED);
}

#[tokio::test]
async fn a_rotated_key_signs_with_its_name_and_older_tokens_still_count() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    signing::rotate(&surface.test.operator(), "bastion.jwt_keys").await.unwrap();
    surface.test.advance(Duration::from_mins(1));
    let again = surface.login("kim").await;
    assert!(part(&again.access, 0)["kid"].is_string());
    assert_eq!(part(&kim.access, 0).get("kid"), None);
    for token in [&kim.access, &again.access] {
        assert_eq!(detail(&surface, token).await.status, 200);
    }
    // Another process learns of a key it does not know at once.
    let other = surface.behind(gatehouse_bastion::router(surface.test.again().await.unwrap(), "/api/"));
    assert_eq!(detail(&other, &again.access).await.status, 200);
    for _ in 0..2 {
        signing::rotate(&other.test.operator(), "bastion.jwt_keys").await.unwrap();
    }
    other.test.advance(Duration::from_mins(1));
    assert_eq!(detail(&other, &kim.access).await.line(), UNAUTHENTICATED, "the first key is forgotten");
    assert_eq!(detail(&other, &again.access).await.status, 200);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_no_other() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let other = surface.login("kim").await;
    let answer = kim.post("rbac/logout/", json!({})).await;
    assert_eq!(answer.line(), r#"200 {"code":200,"msg":"OK"}"#);
    assert_eq!(answer.header("set-cookie").unwrap(), "refresh=; Path=/api/rbac/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert_eq!(detail(&surface, &kim.access).await.line(), UNAUTHENTICATED);
    assert_eq!(refresh(&surface, &kim.refresh).await.line(), REFRESH_REFUSED);
    let again = r#"401 {"code":401,"msg":"未登录","detail":"未登录"}"#;
    assert_eq!(kim.post("rbac/logout/", json!({})).await.line(), again);
    let bare = surface.send(Request::post("/api/rbac/logout/"), "").await;
    assert_eq!(bare.line(), again);
    assert_eq!(detail(&surface, &other.access).await.status, 200);
    let nothing =
        Request::post("/api/rbac/logout").header("authorization", &other.access).header("content-type", "text/x");
    assert_eq!(surface.send(nothing, "").await.status, 200, "no body, whatever its type");
}

#[tokio::test]
async fn bare_errors_are_the_seeds_to_the_byte() {
    let mut settings = Settings::default();
    settings.bastion.compat.bare_errors = true;
    let surface = Surface::with(settings).await;
    let kim = surface.person("kim", &[]).await;
    assert_eq!(surface.post("rbac/logout/", json!({})).await.line(), r#"401 {"detail":"未登录"}"#);
    assert_eq!(refresh(&surface, "x").await.line(), r#"400 {"code":400,"msg":"参数错误"}"#);
    assert_eq!(
        surface.post("rbac/login/", json!({"account":"kim","password":"x"})).await.line(),
        r#"401 {"code":401,"msg":"未登录","detail":"密码错误"}"#
    );
    assert_eq!(kim.get("rbac/x/").await.line(), r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#);
}

#[tokio::test]
async fn a_refresh_by_cookie_or_body_gives_a_new_pair() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    surface.test.advance(Duration::from_mins(10));
    let cookie = format!("x=1; refresh={}", kim.refresh);
    let request = || Request::post("/api/rbac/refresh/").header("cookie", &cookie).header("host", "gate.example.com");
    assert_eq!(surface.send(request().header("origin", "https://evil.example.com"), "").await.line(), REFRESH_REFUSED);
    let answer = surface.send(request().header("origin", "https://gate.example.com"), "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("set-cookie").unwrap().starts_with("refresh=ey"));
    let json = answer.json();
    let (access, next) = (json["token"]["access"].as_str().unwrap(), json["token"]["refresh"].as_str().unwrap());
    assert_eq!(detail(&surface, access).await.status, 200);
    assert_eq!(detail(&surface, &kim.access).await.status, 200, "the pair before counts within the grace");
    assert_eq!(refresh(&surface, &kim.refresh).await.json(), json, "the same successor within the grace");
    surface.test.advance(Duration::from_secs(11));
    assert_eq!(detail(&surface, &kim.access).await.line(), UNAUTHENTICATED);
    assert_eq!(refresh(&surface, next).await.status, 200);
    for bad in [&kim.access, "", "x", "a.b.c"] {
        assert_eq!(refresh(&surface, bad).await.line(), REFRESH_REFUSED);
    }
    assert_eq!(surface.send(Request::post("/api/rbac/refresh/"), "").await.line(), REFRESH_REFUSED);
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_ends_the_session() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let next = refresh(&surface, &kim.refresh).await.json();
    let next = |kind: &str| next["token"][kind].as_str().unwrap().to_owned();
    surface.test.advance(Duration::from_secs(11));
    assert_eq!(refresh(&surface, &kim.refresh).await.line(), REFRESH_REFUSED);
    assert_eq!(detail(&surface, &next("access")).await.line(), UNAUTHENTICATED);
    assert_eq!(refresh(&surface, &next("refresh")).await.line(), REFRESH_REFUSED);
    let rows = audit::list(&surface.test.operator(), None, Some("login_session.reuse"), 9).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.stream.as_str(), row.object_id)).collect::<Vec<_>>(),
        [("alert", Some(kim.id))]
    );
}

async fn fifty_at_once(engine: Db) {
    let surface = Surface::on(engine, Settings::default()).await;
    let kim = surface.person("kim", &[]).await;
    surface.test.advance(Duration::from_mins(10));
    let answers = join_all((0..50).map(|_| refresh(&surface, &kim.refresh))).await;
    let pairs: std::collections::BTreeSet<String> = answers.iter().map(Answer::line).collect();
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    let answer = answers.first().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(detail(&surface, answer.json()["token"]["access"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn fifty_parallel_refreshes_give_one_pair_on_sqlite() {
    fifty_at_once(Db::Sqlite).await;
}

#[tokio::test]
async fn fifty_parallel_refreshes_give_one_pair_on_postgres() {
    fifty_at_once(Db::Postgres).await;
}

#[tokio::test]
async fn a_session_slides_with_its_refreshes_to_its_ceiling() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    let mut token = kim.refresh.clone();
    for _ in 0..5 {
        surface.test.advance(Duration::from_hours(6 * 24));
        let answer = refresh(&surface, &token).await;
        assert!(matches!(answer.status, 200 | 400));
        if answer.status == 400 {
            break;
        }
        token = answer.json()["token"]["refresh"].as_str().unwrap().to_owned();
    }
    assert_eq!(part(&token, 1)["exp"].as_i64().unwrap(), 1_767_225_600 + 30 * 86_400, "thirty days after the login");
    surface.test.advance(Duration::from_hours(6 * 24));
    assert_eq!(refresh(&surface, &token).await.line(), REFRESH_REFUSED);
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_stopped_for_its_pair_only() {
    let surface = Surface::new().await;
    surface.person("kim", &[]).await;
    surface.person("lee", &[]).await;
    let rows = audit::list(&surface.test.operator(), None, None, 1).await.unwrap();
    for _ in 0..10 {
        assert_eq!(surface.try_login("kim", "wrong").await.status, 401);
    }
    let blocked = surface.try_login("kim", PASSWORD).await;
    let expected = r#"429 {"code":429,"msg":"请求过于频繁","detail":"请求过于频繁,请稍后再试"}"#;
    assert_eq!((blocked.line(), blocked.header("retry-after")), (expected.to_owned(), Some("300".to_owned())));
    for _ in 0..100 {
        assert_eq!(surface.try_login("kim", "wrong").await.status, 429);
    }
    let all = audit::list(&surface.test.operator(), None, None, 1_000).await.unwrap();
    assert!(all.len() < rows.len() + 40, "a blocked flood writes a row a minute");
    assert_eq!(surface.try_login("lee", PASSWORD).await.status, 200);
    let elsewhere = Request::post("/api/rbac/login/")
        .header("content-type", "application/json")
        .extension(ClientAddress(IpAddr::from([198, 51, 100, 7])));
    let body = json!({"account":"kim","password":PASSWORD}).to_string();
    assert_eq!(surface.send(elsewhere, body).await.status, 200);
    surface.test.advance(Duration::from_mins(5));
    assert_eq!(surface.try_login("kim", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_database_that_is_gone_is_an_error_of_ours() {
    let surface = Surface::new().await;
    let kim = surface.person("kim", &[]).await;
    surface.test.app.db().close().await;
    let answer = detail(&surface, &kim.access).await;
    assert_eq!(answer.status, 500);
    let id = answer.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(answer.text(), format!(r#"{{"code":500,"msg":"服务器内部错误","detail":"{id}"}}"#));
    assert_eq!(id.len(), 16);
}

#[tokio::test]
async fn the_cookie_is_secure_over_tls() {
    let surface = Surface::new().await;
    surface.person("kim", &[]).await;
    let request =
        Request::post("/api/rbac/login/").header("content-type", "application/json").extension(gatehouse_kit::OverTls);
    let answer = surface.send(request, json!({"account":"kim","password":PASSWORD}).to_string()).await;
    assert!(answer.header("set-cookie").unwrap().ends_with("; SameSite=Lax; Secure"));
}

#[tokio::test]
async fn only_listed_origins_may_read_answers() {
    let mut settings = Settings::default();
    settings.bastion.cors_origins = vec!["https://front.example.com".to_owned()];
    let surface = Surface::with(settings).await;
    let asked = async |origin: &'static str| {
        let request = Request::options("/api/rbac/login/")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = surface.send(request, "").await;
        (answer.status, answer.header("access-control-allow-origin"), answer.header("access-control-allow-methods"))
    };
    let origin = "https://front.example.com";
    assert_eq!(asked(origin).await, (204, Some(origin.to_owned()), Some("GET, POST, OPTIONS".to_owned())));
    assert_eq!(asked("https://evil.example.com").await, (204, None, None));
}
