//! specs/bastion.md §4: what every endpoint has in common.

use http::{Method, Request};

use crate::support::Surface;

#[tokio::test]
async fn paths_match_exactly_with_and_without_their_slash() {
    let surface = Surface::new().await;
    for path in ["/api/rbac/user/detail", "/api/rbac/user/detail/"] {
        let answer = surface.send(Request::get(path), "").await;
        assert_eq!(answer.line(), r#"401 {"code":401,"msg":"未登录","detail":"未登录或Token过期"}"#);
    }
    for path in
        ["/api/", "/api/x", "/api/rbac//user/detail/", "/api/rbac/user/detail;x/", "/api/RBAC/user/detail/", "/media/x"]
    {
        let answer = surface.send(Request::get(path), "").await;
        assert_eq!(answer.line(), r#"404 {"code":404,"msg":"未找到","detail":"未找到。"}"#, "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_named_and_options_are_listed() {
    let surface = Surface::new().await;
    let path = "/api/rbac/user/detail/";
    for method in ["PUT", "PATCH", "DELETE", "POST"] {
        let answer = surface.send(Request::builder().method(method).uri(path), "").await;
        let text = format!(r#"405 {{"code":405,"msg":"方法不被允许","detail":"方法 “{method}” 不被允许。"}}"#);
        assert_eq!((answer.line(), answer.header("allow")), (text, Some("GET, HEAD, OPTIONS".to_owned())));
    }
    let answer = surface.send(Request::builder().method(Method::OPTIONS).uri(path), "").await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS".to_owned())));
}

#[tokio::test]
async fn the_default_picture_is_served() {
    let surface = Surface::new().await;
    let answer = surface.send(Request::get("/media/avatars/default.png"), "").await;
    assert_eq!((answer.status, answer.header("content-type").as_deref()), (200, Some("image/png")));
    assert!(answer.body.starts_with(b"\x89PNG"));
}
