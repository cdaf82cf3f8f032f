//! Every endpoint × no token, a wrong one, none of the codes it needs, exactly the codes it needs. Prints the table.
//!
//! A new endpoint needs a row in [`ENDPOINTS`]: a test says so.

use std::collections::BTreeSet;

use gatehouse_domain::{
    bastion::terminal::Size,
    permission::CATALOGUE,
    recording::{self, NewRecording},
    settings::RecordingMode,
};
use gatehouse_testkit::peer::{Frame, WebSocket};
use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    support::{Client, Surface},
    terminal::{World, admission},
};

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy)]
enum Need {
    /// Nobody: it is a way in, and a token changes nothing.
    Nobody,
    /// Any user with a token.
    Token,
    /// Any user with a token, who has none afterwards.
    Leaves,
    /// Holders of one of these installation-wide codes.
    Code(&'static [&'static str]),
    /// The same, where the body has to be right first, as everybody may do it to what is his own.
    OfOthers(&'static str, &'static str),
    /// Holders of a code on any group: lists of what they see.
    Anywhere(&'static str),
    /// Holders of a code on the group that the call is about: the code, and a body about group 1.
    Group(&'static str, &'static str),
    /// A web socket; see [`web_sockets_ask_for_their_right_too`].
    Socket,
}

use Need::{Anywhere, Code, Group, Leaves, Nobody, OfOthers, Socket, Token};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// Method, path and need.
const ENDPOINTS: &[(Method, &str, Need)] = &[
    (POST, "rbac/login/", Nobody),
    (POST, "rbac/login/otp/", Nobody),
    (POST, "rbac/refresh/", Nobody),
    (POST, "rbac/logout/", Leaves),
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
    (GET, "audit/command/get/", Code(&["audit.session.read"])),
    (GET, "audit/command/get/?self=true", Code(&["audit.session.read", "user.profile.read"])),
    (GET, "audit/file/get/", Code(&["audit.session.read"])),
    (GET, "audit/file/get/?self=true", Code(&["audit.session.read", "user.profile.read"])),
    (GET, "access/catalog/get/", Code(&["access.request.create"])),
    (POST, "access/request/add/", Code(&["access.request.create"])),
    (GET, "access/request/get/", Code(&["access.request.create", "access.request.approve"])),
    (POST, "access/request/cancel/", Code(&["access.request.create"])),
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
    (GET, "resource/group/get/", Code(&["system.group.read"])),
    (GET, "resource/group/get/", Anywhere("resource.self.read")),
    (POST, "resource/group/add/", Code(&["system.group.create"])),
    (POST, "resource/group/edit/", Code(&["system.group.update"])),
    (POST, "resource/group/edit/", Group("resource.self.update", r#"{"id":91,"description":"d"}"#)),
    (POST, "resource/group/del/", Code(&["system.group.delete"])),
    (POST, "resource/group/del/", Group("resource.self.delete", r#"{"id_list":[91]}"#)),
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
    (GET, "terminal/ssh/", Socket),
    (GET, "terminal/watch/", Socket),
    (POST, "terminal/ticket/", Token),
    (GET, "terminal/session/get/", Token),
    (POST, "terminal/session/terminate/", OfOthers("audit.session.terminate", r#"{"session_id":"x"}"#)),
    (GET, "rbac/session/get/", Token),
    (POST, "rbac/session/del/", Token),
    (GET, "rbac/key/get/", Token),
    (POST, "rbac/key/add/", Token),
    (POST, "rbac/key/del/", Token),
    (GET, "rbac/token/get/", Token),
    (POST, "rbac/token/add/", Token),
    (POST, "rbac/token/del/", Token),
    (GET, "rbac/mfa/get/", Token),
    (POST, "rbac/mfa/setup/", Token),
    (POST, "rbac/mfa/confirm/", Token),
    (POST, "rbac/mfa/verify/", Token),
    (POST, "rbac/mfa/recovery/", Token),
    (POST, "rbac/mfa/disable/", Token),
    (POST, "rbac/user/reset_password/", Token),
];

const UNAUTHENTICATED: &str = r#"401 {"code":401,"msg":"未登录","detail":"未登录或Token过期"}"#;
const LOGGED_OUT: &str = r#"401 {"code":401,"msg":"未登录","detail":"未登录"}"#;
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
         VALUES (1, 'v', 'v', 'root', 'password', 'x', 'x', 1, 1, 1); \
         INSERT INTO resource_group (id, name, name_folded, is_protected, parent_id, root_id, level, created_at, updated_at) \
         VALUES (91, 'g91', 'g91', 0, 1, 1, 1, 1, 1); \
         INSERT INTO resource_group_above VALUES (91, 91), (91, 1)";
    surface.test.execute(things).await.unwrap();
    let refresh = people.with("refresh".to_owned(), &[]).await.refresh.clone();
    println!("{:5} {:32} {:8} {:8} {:8} with", "", "", "none", "wrong", "without");
    for (method, path, need) in ENDPOINTS {
        let unknown = match need {
            Nobody | Socket => "400",
            Leaves => LOGGED_OUT,
            _ => UNAUTHENTICATED,
        };
        for wrong in [None, Some("x"), Some("Bearer x"), Some(refresh.as_str()), Some("eyJhbGciOiJub25lIn0.e30.")] {
            let line = call_as(&surface, method, path, wrong).await;
            let is_refused = if unknown == "400" { line.starts_with("400") } else { line == unknown };
            assert!(is_refused, "{path} {wrong:?}: {line}");
        }
        let codes = match need {
            Nobody | Socket => {
                println!("{method:5} {path:32} {:8} {:8}", 400, 400);
                continue;
            }
            Leaves => {
                let leaver = people.with(format!("leaver of {path}"), &[]).await;
                let (there, gone) = (call(leaver, method, path).await, call(leaver, method, path).await);
                assert_eq!((&there[..3], gone.as_str()), ("200", LOGGED_OUT), "{path}");
                println!("{method:5} {path:32} {:8} {:8} {:8} {}", 401, 401, "-", &there[..3]);
                continue;
            }
            OfOthers(code, body) => {
                let body: serde_json::Value = serde_json::from_str(body).unwrap();
                let line = people.without(&[code]).await.post(path, body.clone()).await.line();
                assert_eq!(line, FORBIDDEN, "{path} without {code}");
                let line = people.with((*code).to_owned(), &[code]).await.post(path, body).await.line();
                assert!(line.starts_with("404"), "{path} with {code}: {line}");
                println!("{method:5} {path:32} {:8} {:8} {:8} {} {code}", 401, 401, 403, &line[..3]);
                continue;
            }
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

#[test]
fn every_endpoint_is_in_the_table() {
    let name = |method: &Method, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        format!("{method} {}", path.trim_end_matches('/'))
    };
    let swept: BTreeSet<String> = ENDPOINTS.iter().map(|(method, path, _)| name(method, path)).collect();
    let served: BTreeSet<String> =
        gatehouse_bastion::endpoints().iter().map(|(method, path)| name(method, path)).collect();
    assert!(served.len() > 70, "{served:#?}");
    let missing: Vec<_> = served.difference(&swept).collect();
    let gone: Vec<_> = swept.difference(&served).collect();
    assert!(missing.is_empty() && gone.is_empty(), "missing in the table: {missing:#?}; not served: {gone:#?}");
}

#[tokio::test]
async fn web_sockets_ask_for_their_right_too() {
    let world = World::new().await;
    let surface = &world.surface;
    let mut people = People { surface, made: std::collections::BTreeMap::new() };
    let visit = Uuid::from_u128(0x4000);
    let open = format!(
        "INSERT INTO visit (id, uuid, door, account_id, login, process_id, since_at, seen_at) \
         VALUES (9, '{visit}', 'ssh', 1, 'administrator', 0, 1, 1); \
         INSERT INTO visit_terminal (visit_id, kind, client, resource_id, resource_name, resource_name_folded, login_folded, \
         resource_group_id, host, port, voucher_id, voucher_name, username) \
         VALUES (9, 'shell', 'web', 1, 'web', 'web', 'administrator', 1, '127.0.0.1', 22, 1, 'root', 'root')"
    );
    surface.test.execute(&open).await.unwrap();
    let (size, mode) = (Size { cols: 80, rows: 24 }, RecordingMode::Strict);
    let new = NewRecording { visit, size, term: "xterm".to_owned(), title: "web".to_owned(), mode, input: false };
    let _recorder = recording::start(&surface.test.app, new).await.unwrap();
    let ssh = "/api/terminal/ssh/?resource_id=1&voucher_id=1".to_owned();
    let watch = format!("/api/terminal/watch/?session_id={visit}");
    let refresh = people.with("refresh".to_owned(), &[]).await.refresh.clone();
    for path in [&ssh, &watch] {
        for wrong in ["", "&token=x", &format!("&token={refresh}"), "&token=eyJhbGciOiJub25lIn0.e30."] {
            let refused = world.refused(&format!("{path}{wrong}"), &[]).await;
            assert!(admission::is(&refused, admission::UNAUTHENTICATED), "{path} {wrong}: {refused:?}");
        }
        let without = people.without(&["audit.session.watch"]).await;
        let refused = world.refused(&format!("{path}&token={}", without.access), &[]).await;
        assert!(admission::is(&refused, admission::FORBIDDEN), "{path}: {refused:?}");
    }
    for group in [1, 90] {
        let half = people.on_group("resource.self.read", group).await;
        let refused = world.refused(&format!("{ssh}&token={}", half.access), &[]).await;
        assert!(admission::is(&refused, admission::FORBIDDEN), "without the voucher, group {group}: {refused:?}");
    }
    let grant = "INSERT INTO role_grant (role_id, code, resource_group_id, is_protected, created_at) \
         SELECT role_id, 'resource.voucher.read', resource_group_id, 0, 1 FROM role_grant \
         WHERE code = 'resource.self.read' AND is_protected = 0";
    surface.test.execute(grant).await.unwrap();
    let elsewhere = people.on_group("resource.self.read", 90).await;
    let refused = world.refused(&format!("{ssh}&token={}", elsewhere.access), &[]).await;
    assert!(admission::is(&refused, admission::FORBIDDEN), "both on another group: {refused:?}");
    let there = people.on_group("resource.self.read", 1).await;
    let _terminal = WebSocket::open(world.address, &format!("{ssh}&token={}", there.access), &[]).await.unwrap();
    assert_eq!(world.door.stay().await.admitted.account.0, there.id);
    let watcher = people.with("audit.session.watch".to_owned(), &["audit.session.watch"]).await;
    let mut socket = WebSocket::open(world.address, &format!("{watch}&token={}", watcher.access), &[]).await.unwrap();
    let first = socket.message().await.unwrap();
    assert!(matches!(&first, Frame::Text(line) if line.contains("\"version\":2")), "{first:?}");
}
