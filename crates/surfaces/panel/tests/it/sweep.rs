//! Every endpoint with every kind of bad credential: each is refused in the surface's words.

use http::Method;
use serde_json::json;

use crate::support::surface;

#[tokio::test]
async fn every_endpoint_refuses_whoever_may_not() {
    let surface = surface().await;
    surface.user("user@example.com").await;
    let user = surface.login("user@example.com").await;
    let low = surface.staff("low@example.com", &["system.user.read"]).await;
    let mut table = String::new();
    for line in gatehouse_panel::endpoints() {
        let [verb, path, credential] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if credential == "-" {
            continue;
        }
        let path = path.replace("{userId}", "1").replace("{id}", "1");
        let method = if verb == "Post" { Method::POST } else { Method::GET };
        let body = json!({"id": 1});
        let body = (method == Method::POST).then_some(&body);
        let mut refused = vec![("none", ""), ("wrong", "a.b.c")];
        if credential != "user" {
            refused.extend([("user", user.as_str()), ("low", low.as_str())]);
        }
        for (name, token) in refused {
            let answer = surface.call(method.clone(), token, &path, body).await;
            let (status, message) = answer.failure();
            table += &format!("{line:<70} {name:<6} {status} {message}\n");
            assert_eq!(status, 403, "{line} {name}: {message}");
            let expected = if credential == "user" { "Not logged in or the login has expired" } else { "Unauthorized" };
            assert_eq!(message, expected, "{line} {name}");
        }
        let wrong = if method == Method::POST { Method::PUT } else { Method::DELETE };
        assert_eq!(surface.call(wrong, &user, &path, None).await.status, 405, "{line}");
        if path.contains("{sp}") {
            let guessed = path.replace("{sp}", "0123456789abcdef");
            assert_eq!(surface.call(method, &user, &guessed, body).await.status, 404, "{line}");
        }
    }
    println!("{table}");
}

#[tokio::test]
async fn unknown_paths_and_unreadable_bodies_are_refused_in_the_envelope() {
    let surface = surface().await;
    assert_eq!(surface.get("", "v1/no/such/path").await.failure(), (404, "Not Found".to_owned()));
    assert_eq!(surface.get("", "v2/{sp}/no/such").await.failure(), (404, "Not Found".to_owned()));
    // The name of the pattern is no path.
    assert_eq!(surface.get("", "v2/%7Bsp%7D/config/fetch").await.status, 404);
    for body in ["{", r#"{"email":"a","email":"b"}"#, "\u{1}", "[[[["] {
        let request = http::Request::post("/api/v1/passport/auth/login").header("content-type", "application/json");
        let answer = surface.send(request.body(axum::body::Body::from(body)).unwrap()).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
    }
    let huge = "x".repeat((1 << 20) + 1);
    let request = http::Request::post("/api/v1/passport/auth/login").body(axum::body::Body::from(huge)).unwrap();
    assert_eq!(surface.send(request).await.status, 413);
}
