//! Subscriptions as clients fetch them.

use gatehouse_domain::apply::{AccountEntry, ProxyEntry, StateFile};
use http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, Surface, surface};

/// A user of a group with two nodes; gives staff's token and the user's link below the host.
async fn subscriber(surface: &Surface) -> (String, String) {
    let admin = surface.admin().await;
    surface
        .post(&admin, "v2/{sp}/config/save", json!({"app_url": "https://panel.example.com", "app_name": "A house"}))
        .await
        .data();
    let group = surface.node_group(&admin, "g").await;
    surface.node(&admin, &[group], json!({"name": "First, \u{1F600}", "tags": ["fast"]})).await;
    let vless = json!({"type": "vless", "name": "Second", "protocol_settings": {"tls": 1, "network": "tcp"}});
    surface.node(&admin, &[group], vless).await;
    surface.node(&admin, &[], json!({"name": "Foreign"})).await;
    surface.node(&admin, &[group], json!({"name": "Hidden", "show": 0})).await;
    let quota = Some(serde_json::from_value(json!("1GiB")).unwrap());
    surface.member("one@example.com", "g", ProxyEntry { quota, ..ProxyEntry::default() }).await;
    let user = surface.login("one@example.com").await;
    let url = surface.get(&user, "v1/user/getSubscribe").await.data()["subscribe_url"].as_str().unwrap().to_owned();
    (admin, url.strip_prefix("https://panel.example.com").unwrap().to_owned())
}

async fn fetch(surface: &Surface, path: &str, agent: &str) -> Answer {
    let request = Request::get(path).header("user-agent", agent).header("host", "evil.example.net");
    surface.send(request.body(axum::body::Body::empty()).unwrap()).await
}

fn decoded(answer: &Answer) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::prelude::BASE64_STANDARD.decode(&answer.body).unwrap()).unwrap()
}

#[tokio::test]
async fn every_client_gets_its_format_with_the_nodes_of_its_group_only() {
    let surface = surface().await;
    let (_, path) = subscriber(&surface).await;
    let general = fetch(&surface, &path, "v2rayN/6.40").await;
    assert_eq!(general.status, 200);
    let header = |name: &str| general.headers[name].to_str().unwrap();
    assert_eq!(header("cache-control"), "private, no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("subscription-userinfo"), "upload=0; download=0; total=1073741824");
    let links = decoded(&general);
    assert_eq!(links.matches("\r\n").count(), 2, "{links}");
    assert!(links.starts_with("ss://") && links.contains("vless://"), "{links}");
    assert!(!links.contains("Foreign") && !links.contains("Hidden"));
    let token = path.rsplit('/').next().unwrap();
    let by_call = fetch(&surface, &format!("/api/v1/client/subscribe?token={token}"), "v2rayN/6.40").await;
    assert_eq!(decoded(&by_call), links);
    for agent in [
        "clash-verge/v2",
        "sing-box 1.13.0",
        "Surge/5",
        "Loon/762",
        "Stash/3.3",
        "Quantumult%20X/1",
        "Shadowrocket/1",
        "shadowsocks-service/1",
    ] {
        let answer = fetch(&surface, &path, agent).await;
        assert_eq!(answer.status, 200, "{agent}");
        assert!(!answer.text().contains("evil.example.net"), "{agent}");
    }
    let singbox: Value = serde_json::from_slice(&fetch(&surface, &path, "sing-box 1.13.0").await.body).unwrap();
    assert!(singbox["outbounds"].as_array().unwrap().iter().any(|outbound| outbound["type"] == "vless"));
    let filtered = decoded(&fetch(&surface, &format!("{path}?types=vless&flag=general&unknown=1"), "Surge").await);
    assert!(filtered.starts_with("vless://") && filtered.lines().count() == 1, "{filtered}");
    let tagged = decoded(&fetch(&surface, &format!("{path}?filter=FAST"), "").await);
    assert!(tagged.starts_with("ss://") && tagged.lines().count() == 1, "{tagged}");
    let head = Request::head(&path).body(axum::body::Body::empty()).unwrap();
    let head = surface.send(head).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn unknown_tokens_and_users_that_may_not_are_refused() {
    let surface = surface().await;
    let (admin, path) = subscriber(&surface).await;
    let unknown = fetch(&surface, "/s/0123456789abcdef0123456789abcdef", "x").await;
    assert_eq!(unknown.failure(), (403, "token is error".to_owned()));
    assert_eq!(fetch(&surface, "/s/", "x").await.failure(), (403, "token is null".to_owned()));
    assert_eq!(fetch(&surface, "/api/v1/client/subscribe", "x").await.failure(), (403, "token is null".to_owned()));

    // A used-up quota still gets a profile; an expired or banned user nothing that an app would take for one.
    let account = AccountEntry { login: "one@example.com".to_owned(), enabled: Some(false), ..AccountEntry::default() };
    surface.apply(StateFile { account: vec![account.clone()], ..StateFile::default() }).await;
    let banned = fetch(&surface, &path, "x").await;
    assert_eq!((banned.status, banned.body.len()), (403, 0));
    assert_eq!(banned.headers["content-type"], "text/plain; charset=utf-8");
    surface
        .apply(StateFile { account: vec![AccountEntry { enabled: Some(true), ..account }], ..StateFile::default() })
        .await;
    assert_eq!(fetch(&surface, &path, "x").await.status, 200);

    surface.post(&admin, "v2/{sp}/config/save", json!({"subscribe_path": "elsewhere"})).await.data();
    assert_eq!(fetch(&surface, &path, "x").await.status, 404);
    let moved = path.replacen("/s/", "/elsewhere/", 1);
    assert_eq!(fetch(&surface, &moved, "x").await.status, 200);
    let user = surface.login("one@example.com").await;
    surface.get(&user, "v1/user/resetSecurity").await.data();
    assert_eq!(fetch(&surface, &moved, "x").await.failure(), (403, "token is error".to_owned()));
}

#[tokio::test]
async fn a_token_serves_thirty_profiles_a_minute() {
    let surface = surface().await;
    let (_, path) = subscriber(&surface).await;
    for _ in 0..30 {
        assert_eq!(fetch(&surface, &path, "x").await.status, 200);
    }
    assert_eq!(fetch(&surface, &path, "x").await.status, 429);
    surface.test.advance(std::time::Duration::from_mins(1));
    assert_eq!(fetch(&surface, &path, "x").await.status, 200);
}

#[tokio::test]
async fn templates_act_at_once_and_broken_ones_are_refused() {
    let surface = surface().await;
    let (admin, path) = subscriber(&surface).await;
    let save = async |key: &str, text: &str| surface.post(&admin, "v2/{sp}/config/save", json!({ key: text })).await;
    for (key, text) in [
        ("subscribe_template_clash", "a: [b"),
        ("subscribe_template_singbox", "{"),
        ("subscribe_template_stash", "- x"),
    ] {
        let refused = save(key, text).await;
        assert_eq!(refused.status, 422, "{key}: {}", refused.text());
        assert!(refused.json()["errors"][key].is_array());
    }
    let template = "mixed-port: 7899\nproxies: []\nproxy-groups:\n  - {name: All, type: select, proxies: []}\nrules:\n  - MATCH,All\n";
    save("subscribe_template_clashmeta", template).await.data();
    let profile = fetch(&surface, &path, "mihomo/1.19.0").await.text();
    assert!(profile.contains("7899") && profile.contains("Second"), "{profile}");
}

#[tokio::test]
async fn users_see_their_nodes_without_addresses() {
    let surface = surface().await;
    subscriber(&surface).await;
    let user = surface.login("one@example.com").await;
    let answer = surface.get(&user, "v1/user/server/fetch").await;
    let nodes = answer.json()["data"].as_array().unwrap().clone();
    assert_eq!(nodes.len(), 2);
    let keys: Vec<&String> = nodes[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["cache_key", "id", "is_online", "last_check_at", "name", "rate", "tags", "type", "version"]);
    let tag = answer.headers["etag"].clone();
    let request = Request::get("/api/v1/user/server/fetch").header("authorization", &user).header("if-none-match", tag);
    assert_eq!(surface.send(request.body(axum::body::Body::empty()).unwrap()).await.status, 304);
}
