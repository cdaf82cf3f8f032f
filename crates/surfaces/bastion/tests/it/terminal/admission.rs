//! Who gets as far as the door (specs/bastion.md §7.2, §7.4, §7.5).

use gatehouse_domain::Settings;
use gatehouse_testkit::peer::{Frame, Handshake, WebSocket};

use super::{SSH, STRANGER, TOKEN, World, path};

pub(crate) const UNAUTHENTICATED: (&str, u16, &str) = ("权限错误", 4401, "auth");
pub(crate) const FORBIDDEN: (&str, u16, &str) = ("权限错误", 4403, "forbidden");

impl World {
    /// Text, close code and reason of a terminal that is refused; nothing is dialled for it.
    pub(crate) async fn refused(&self, path: &str, headers: &[(&str, &str)]) -> (String, u16, String) {
        let mut client = WebSocket::open(self.address, path, headers).await.unwrap();
        let Frame::Text(text) = client.message().await.unwrap() else { panic!("no text for {path}") };
        let Frame::Closed(code, reason) = client.message().await.unwrap() else { panic!("no close for {path}") };
        assert!(reason.is_ascii() && self.door.is_untouched(), "{path}");
        (text, code, reason)
    }

    async fn http(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        match WebSocket::handshake(self.address, path, headers, None).await.unwrap() {
            Handshake::Refused(status, body) => (status, body),
            Handshake::Open(_) => panic!("{path} was accepted"),
        }
    }
}

pub(crate) fn is((text, code, reason): &(String, u16, String), expected: (&str, u16, &str)) -> bool {
    (text.as_str(), *code, reason.as_str()) == expected
}

#[tokio::test]
async fn every_credential_that_does_not_count_is_refused_and_prints_its_row() {
    let world = World::new().await;
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjo5OTk5OTk5OTk5LCJpYXQiOjAsImp0aSI6IjAiLCJ1c2VyX2lkIjoiMSJ9.";
    let vector = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzY3MjI2NTAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAxIiwidXNlcl9pZCI6IjEifQ.oq1k5xe3xc8ZaE2E5jYdQxGDNDUnu5n-TkoDZnBJNTc";
    let queries = [
        ("nothing", String::new()),
        ("an empty token", "&token=".to_owned()),
        ("a wrong token", "&token=wrong".to_owned()),
        ("alg none", format!("&token={none}")),
        ("the signing key of the documentation", format!("&token={vector}")),
        ("a ticket that never was", "&ticket=00000000000000000000000000000000".to_owned()),
        ("a resumption without a credential", "&resume=00".to_owned()),
    ];
    for (what, query) in queries {
        let refused = world.refused(&format!("{SSH}{query}"), &[]).await;
        println!("{what:40} {refused:?}");
        assert!(is(&refused, UNAUTHENTICATED), "{what}: {refused:?}");
    }
    let headers = [
        ("a cookie", ("cookie", format!("refresh={TOKEN}; token={TOKEN}"))),
        ("a wrong header", ("authorization", "Bearer wrong".to_owned())),
        ("a header with another scheme", ("authorization", format!("Basic {TOKEN}"))),
        ("a wrong subprotocol", ("sec-websocket-protocol", "bearer, wrong".to_owned())),
    ];
    for (what, (name, value)) in headers {
        let refused = world.refused(SSH, &[(name, &value)]).await;
        println!("{what:40} {refused:?}");
        assert!(is(&refused, UNAUTHENTICATED), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn header_and_subprotocol_carry_tokens_as_well() {
    let world = World::new().await;
    let bearer = format!("bearer, {TOKEN}");
    let both = format!("bastion.v2, bearer, {TOKEN}");
    let header = format!("bEARER {TOKEN}");
    let cases = [
        ("authorization", TOKEN, None),
        ("authorization", header.as_str(), None),
        ("sec-websocket-protocol", bearer.as_str(), Some("bearer")),
        ("sec-websocket-protocol", both.as_str(), Some("bastion.v2")),
    ];
    for (name, value, selected) in cases {
        let client = WebSocket::open(world.address, SSH, &[(name, value)]).await.unwrap();
        assert_eq!(client.protocol.as_deref(), selected, "{value}");
        assert_eq!(world.door.stay().await.admitted.asked.resource.0, 1);
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_the_same() {
    let world = World::new().await;
    let ssh = |resource: &str, voucher: &str, token: &str| {
        format!("/api/terminal/ssh/?resource_id={resource}&voucher_id={voucher}&token={token}")
    };
    let paths = [
        ("a stranger", ssh("1", "1", STRANGER)),
        ("no such resource", ssh("999", "1", TOKEN)),
        ("no such voucher", ssh("1", "999", TOKEN)),
        ("no integer", ssh("1x", "1", TOKEN)),
        ("a negative id", ssh("-1", "1", TOKEN)),
        ("an id beyond all bounds", ssh("99999999999999999999", "1", TOKEN)),
        ("an injected id", ssh("1%20OR%201=1", "1", TOKEN)),
        ("no ids", format!("/api/terminal/ssh/?token={TOKEN}")),
        ("a repeated id", ssh("1", "1&voucher_id=1", TOKEN)),
        ("a repeated token", ssh("1", "1", &format!("{TOKEN}&token={TOKEN}"))),
        ("an id and its alias", ssh("1", "1&voucher=1", TOKEN)),
    ];
    for (what, path) in paths {
        let refused = world.refused(&path, &[]).await;
        println!("{what:40} {refused:?}");
        assert!(is(&refused, FORBIDDEN), "{what}: {refused:?}");
    }
    let aliases = format!("/api/terminal/ssh?resource=1&voucher=1&token={TOKEN}");
    let _client = WebSocket::open(world.address, &aliases, &[]).await.unwrap();
    world.door.stay().await;
}

#[tokio::test]
async fn a_target_that_cannot_be_had_says_why_to_whom_may_know() {
    let world = World::new().await;
    let far = world.refused(&path("").replace("voucher_id=1", "voucher_id=2"), &[]).await;
    assert!(is(&far, ("不同系统组,禁止使用", 4403, "group-mismatch")), "{far:?}");
    let off = world.refused(&path("").replace("resource_id=1", "resource_id=2"), &[]).await;
    assert!(is(&off, ("资源已停用", 4409, "resource-disabled")), "{off:?}");
}

#[tokio::test]
async fn other_origins_are_refused_before_anything_else() {
    let mut settings = Settings::default();
    settings.bastion.cors_origins = vec!["https://console.example".to_owned()];
    let world = World::with(settings).await;
    for origin in ["https://evil.example", "null", "https://console.example.evil"] {
        let (status, body) = world.http(SSH, &[("origin", origin)]).await;
        assert_eq!(status, 403, "{origin}");
        assert_eq!(body, r#"{"code":403,"msg":"权限错误","detail":"您无当前权限访问"}"#);
    }
    let own = format!("http://{}", world.address);
    for origin in [own.as_str(), "https://console.example"] {
        let _client = WebSocket::open(world.address, &path(""), &[("origin", origin)]).await.unwrap();
        world.door.stay().await;
    }
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_told_so() {
    let world = World::new().await;
    let get = || http::Request::get(SSH);
    let answer = world.surface.send(get(), "").await;
    assert_eq!(answer.line(), r#"400 {"code":400,"msg":"参数错误","detail":"需要WebSocket连接"}"#);
    let answer = world.surface.send(http::Request::post(SSH), "").await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn a_ticket_needs_a_login_session() {
    let world = World::new().await;
    let ticket = |body: &'static str, token: &'static str| {
        let request = http::Request::post("/api/terminal/ticket/").header("content-type", "application/json");
        world.surface.send(request.header("authorization", token), body)
    };
    assert_eq!(ticket(r#"{"resource_id":1,"voucher_id":1}"#, "wrong").await.status, 401);
    assert_eq!(ticket(r#"{"resource_id":1,"voucher_id":1}"#, TOKEN).await.status, 403);
    let faulty = ticket(r#"{"resource_id":"x"}"#, TOKEN).await;
    assert_eq!(
        faulty.line(),
        r#"400 {"code":400,"msg":"参数错误","detail":{"resource_id":["请填写合法的整数值。"],"voucher_id":["该字段是必填项。"]}}"#
    );
}
