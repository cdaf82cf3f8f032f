//! Every endpoint × no token, a wrong one, none of the codes it needs, exactly the codes it needs. Prints the table.
//!
//! Each helper adds the rows of his endpoints to [`ENDPOINTS`].

use gatehouse_domain::permission::CATALOGUE;
use http::Method;
use serde_json::json;

use crate::support::{Client, Surface};

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy)]
enum Need {
    /// Any user with a token.
    Token,
    /// Holders of one of these installation-wide codes.
    Code(&'static [&'static str]),
    /// Holders of a code on any group: lists of what they see.
    Anywhere(&'static str),
    /// Holders of a code on the group that the call is about: the code, and a body about group 1.
    Group(&'static str, &'static str),
}

use Need::{Anywhere, Code, Group, Token};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// Method, path and need.
const ENDPOINTS: &[(Method, &str, Need)] = &[
    (POST, "rbac/user/add/", Code(&["system.user.create"])),
    (POST, "rbac/user/edit/", Code(&["system.user.update"])),
    (POST, "rbac/user/del/", Code(&["system.user.delete"])),
    (GET, "rbac/user/get/", Code(&["system.user.read"])),
    (GET, "rbac/user/detail/", Token),
    (POST, "rbac/user/role/", Code(&["system.permission.update"])),
    (GET, "rbac/user/role/get/", Code(&["system.permission.read"])),
    (POST, "rbac/user/status/", Code(&["system.user.update"])),
    (POST, "rbac/user/set_password/", Code(&["system.user.update"])),
    (POST, "rbac/user/unlock/", Code(&["system.user.update"])),
    (POST, "rbac/user/mfa_reset/", Code(&["system.user.update"])),
    (POST, "rbac/user/profile/", Code(&["user.profile.update"])),
    (POST, "rbac/role/add/", Code(&["system.role.create"])),
    (POST, "rbac/role/edit/", Code(&["system.role.update"])),
    (POST, "rbac/role/del/", Code(&["system.role.delete"])),
    (GET, "rbac/role/get/", Code(&["system.role.read"])),
    (GET, "rbac/role/get/permission/", Code(&["system.permission.read"])),
    (POST, "rbac/role/edit/permission/", Code(&["system.permission.update"])),
    (POST, "rbac/role/status/", Code(&["system.role.update"])),
    (GET, "rbac/perm/", Code(&["system.perm.read", "system.permission.read"])),
    (GET, "perm/group-auth/get/", Code(&["system.permission.read"])),
    (POST, "perm/group-auth/edit/", Code(&["system.permission.update"])),
    (GET, "rbac/routes/", Token),
    (GET, "audit/login/get/", Code(&["audit.login.read"])),
    (GET, "audit/login/get/?self=true", Code(&["audit.login.read", "user.profile.read"])),
    (GET, "audit/opera/get/", Code(&["audit.operation.read"])),
    (GET, "audit/opera/get/?self=true", Code(&["audit.operation.read", "user.profile.read"])),
    (GET, "audit/session/get/", Code(&["audit.session.read"])),
    (GET, "audit/session/get/?self=true", Code(&["audit.session.read", "user.profile.read"])),
    (GET, "audit/operation/export/", Code(&["audit.operation.export"])),
    (GET, "audit/session/detail/", Code(&["audit.session.read", "user.profile.read"])),
    (GET, "audit/session/replay/", Code(&["audit.session.replay"])),
    (GET, "audit/session/download/", Code(&["audit.session.download"])),
    (GET, "access/catalog/get/", Code(&["access.request.create"])),
    (POST, "access/request/add/", Code(&["access.request.create"])),
    (POST, "access/request/decide/", Code(&["access.request.approve"])),
    (GET, "resource/hostkey/get/", Code(&["system.hostkey.approve"])),
    (POST, "resource/hostkey/add/", Code(&["system.hostkey.approve"])),
    (POST, "resource/hostkey/approve/", Code(&["system.hostkey.approve"])),
    (POST, "resource/hostkey/del/", Code(&["system.hostkey.approve"])),
    (GET, "resource/policy/get/", Code(&["system.setting.read"])),
    (POST, "resource/policy/edit/", Code(&["system.setting.update"])),
    (GET, "resource/rule/get/", Code(&["system.setting.read"])),
    (POST, "resource/rule/add/", Code(&["system.setting.update"])),
    (POST, "resource/rule/edit/", Code(&["system.setting.update"])),
    (POST, "resource/rule/del/", Code(&["system.setting.update"])),
    (GET, "system/setting/get/", Code(&["system.setting.read"])),
    (POST, "system/setting/edit/", Code(&["system.setting.update"])),
    (GET, "resource/protocol/get/", Token),
    (GET, "resource/resource/get/", Anywhere("resource.self.read")),
    (GET, "resource/voucher/get/", Anywhere("resource.voucher.read")),
    (POST, "resource/group/add/", Group("resource.self.create", r#"{"name":"below","parent":1}"#)),
    (
        POST,
        "resource/resource/add/",
        Group("resource.self.create", r#"{"name":"new","ipv4_address":"192.0.2.7","group":1,"protocol":1}"#),
    ),
    (POST, "resource/resource/edit/", Group("resource.self.update", r#"{"id":1,"description":"d"}"#)),
    (POST, "resource/resource/del/", Group("resource.self.delete", r#"{"id_list":[1]}"#)),
    (
        POST,
        "resource/voucher/add/",
        Group("resource.voucher.create", r#"{"name":"new","username":"u","password":"p","group":1}"#),
    ),
    (POST, "resource/voucher/edit/", Group("resource.voucher.update", r#"{"id":1,"description":"d"}"#)),
    (POST, "resource/voucher/del/", Group("resource.voucher.delete", r#"{"id_list":[1]}"#)),
    (GET, "terminal/session/get/", Token),
    (GET, "rbac/session/get/", Token),
    (POST, "rbac/session/del/", Token),
    (GET, "rbac/key/get/", Token),
    (POST, "rbac/key/add/", Token),
    (GET, "rbac/token/get/", Token),
    (POST, "rbac/token/add/", Token),
    (GET, "rbac/mfa/get/", Token),
    (POST, "rbac/mfa/confirm/", Token),
    (POST, "rbac/user/reset_password/", Token),
];

const UNAUTHENTICATED: &str = r#"401 {"code":401,"msg":"未登录","detail":"未登录或Token过期"}"#;
const FORBIDDEN: &str = r#"403 {"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#;

/// The people of the sweep: one without each set of codes, and one with each code alone.
struct People<'a> {
    surface: &'a Surface,
    made: std::collections::BTreeMap<String, Client<'a>>,
}

impl<'a> People<'a> {
    async fn with(&mut self, name: String, codes: &[&str]) -> &Client<'a> {
        if !self.made.contains_key(&name) {
            let client = self.surface.person(&format!("p{}", self.made.len()), codes).await;
            self.made.insert(name.clone(), client);
        }
        &self.made[&name]
    }

    /// Somebody with a code on a group; 90 is made on the way, a root of nobody.
    async fn on_group(&mut self, code: &str, group: i64) -> &Client<'a> {
        let name = format!("{code} on {group}");
        if !self.made.contains_key(&name) {
            let login = format!("p{}", self.made.len());
            // A role without a code of meaning is there to carry the grant.
            self.with(name.clone(), &["oa.user.read"]).await;
            let sql = format!(
                "INSERT OR IGNORE INTO resource_group (id, name, name_folded, is_protected, root_id, level, created_at, updated_at) \
                 VALUES (90, 'g90', 'g90', 0, 90, 0, 1, 1); \
                 INSERT OR IGNORE INTO resource_group_above VALUES (90, 90); \
                 INSERT INTO role_grant (role_id, code, resource_group_id, is_protected, created_at) \
                 SELECT id, '{code}', {group}, 0, 1 FROM role WHERE code = 'role-of-{login}'"
            );
            self.surface.test.execute(&sql).await.unwrap();
        }
        &self.made[&name]
    }

    async fn without(&mut self, codes: &[&str]) -> &Client<'a> {
        let others: Vec<&str> = CATALOGUE.iter().copied().filter(|code| !codes.contains(code)).collect();
        self.with(format!("without {codes:?}"), &others).await
    }
}

async fn call(client: &Client<'_>, method: &Method, path: &str) -> String {
    match *method {
        Method::GET => client.get(path).await.line(),
        _ => client.post(path, json!({})).await.line(),
    }
}

async fn call_as(surface: &Surface, method: &Method, path: &str, token: Option<&str>) -> String {
    let mut request =
        http::Request::builder().method(method).uri(format!("/api/{path}")).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    surface.send(request, "{}").await.line()
}

/// Nowhere, on another group, on the group itself: only the last gets beyond the right.
async fn sweep_group(people: &mut People<'_>, method: &Method, path: &str, code: &str, about_first: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(about_first).unwrap();
    let nothing = people.with("nothing".to_owned(), &[]).await;
    assert_eq!(call(nothing, method, path).await, FORBIDDEN, "{path} without {code}");
    let elsewhere = people.on_group(code, 90).await;
    assert_eq!(elsewhere.post(path, body.clone()).await.line(), FORBIDDEN, "{path} with {code} on another group");
    let line = people.on_group(code, 1).await.post(path, body).await.line();
    assert!(!line.starts_with("401") && !line.starts_with("403"), "{path} with {code}: {line}");
    line
}

#[tokio::test]
async fn every_endpoint_asks_for_its_right_and_no_other() {
    let surface = Surface::new().await;
    let mut people = People { surface: &surface, made: std::collections::BTreeMap::new() };
    let things = "INSERT INTO resource (id, name, name_folded, protocol_id, resource_group_id, ipv4, host, port, is_enabled, created_at, \
         updated_at) VALUES (1, 'r', 'r', 1, 1, '192.0.2.9', '192.0.2.9', 22, 1, 1, 1); \
         INSERT INTO voucher (id, name, name_folded, username, kind, secret_sealed, seal_ref, resource_group_id, created_at, updated_at) \
         VALUES (1, 'v', 'v', 'root', 'password', 'x', 'x', 1, 1, 1)";
    surface.test.execute(things).await.unwrap();
    let refresh = people.with("refresh".to_owned(), &[]).await.refresh.clone();
    println!("{:5} {:32} {:8} {:8} {:8} with", "", "", "none", "wrong", "without");
    for (method, path, need) in ENDPOINTS {
        assert_eq!(call_as(&surface, method, path, None).await, UNAUTHENTICATED, "{path}");
        for wrong in ["x", "Bearer x", refresh.as_str(), "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(call_as(&surface, method, path, Some(wrong)).await, UNAUTHENTICATED, "{path} {wrong}");
        }
        let codes = match need {
            Token => {
                let line = call(people.with("nothing".to_owned(), &[]).await, method, path).await;
                assert!(!line.starts_with("401") && !line.starts_with("403"), "{path} {line}");
                println!("{method:5} {path:32} {:8} {:8} {:8} {}", 401, 401, "-", &line[..3]);
                continue;
            }
            Anywhere(code) => {
                let nothing = people.with("nothing".to_owned(), &[]).await;
                assert_eq!(call(nothing, method, path).await, FORBIDDEN, "{path} without {code}");
                let line = call(people.on_group(code, 90).await, method, path).await;
                assert!(line.starts_with("200"), "{path} with {code}: {line}");
                println!("{method:5} {path:32} {:8} {:8} {:8} {} {code} on any group", 401, 401, 403, &line[..3]);
                continue;
            }
            Group(code, about_first) => {
                let line = sweep_group(&mut people, method, path, code, about_first).await;
                println!("{method:5} {path:32} {:8} {:8} {:8} {} {code} on the group", 401, 401, 403, &line[..3]);
                continue;
            }
            Code(codes) => *codes,
        };
        assert_eq!(call(people.without(codes).await, method, path).await, FORBIDDEN, "{path} without {codes:?}");
        for code in codes {
            let line = call(people.with((*code).to_owned(), &[code]).await, method, path).await;
            assert!(!line.starts_with("401") && !line.starts_with("403"), "{path} with {code}: {line}");
            println!("{method:5} {path:32} {:8} {:8} {:8} {} {code}", 401, 401, 403, &line[..3]);
        }
    }
}
