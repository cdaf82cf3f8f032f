//! `gatehouse serve` where nothing is yet.

use gatehouse_testkit::Installation;

use crate::{
    GATEHOUSE,
    wire::{Wire, request},
};

#[tokio::test]
async fn serve_in_an_empty_directory_makes_everything_and_tells_the_password_once() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let log = running.log();
    let passwords: Vec<_> = log.lines().filter_map(|line| line.trim().strip_prefix("password")).collect();
    assert_eq!(passwords.len(), 1, "{log}");
    let password = passwords[0].trim().to_owned();
    house.run_with("account check-login administrator --password-stdin", &password).ok();
    assert!(!running.announced.iter().any(|line| line.contains(&password)), "not where addresses are announced");
    running.stop();
    let running = house.serve("serve");
    assert!(!running.log().contains("password"), "{}", running.log());
    running.stop();
    house.run_with("account check-login administrator --password-stdin", &password).ok();
}

#[tokio::test]
async fn metrics_count_what_was_answered_and_name_nobody() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let token = crate::oa::system::token(&house);
    let mut oa = crate::oa::system::OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("newcomer").await;
    let mut wire = Wire::connect(&running.url("metrics")).await.unwrap();
    let page = wire.exchange(request("GET /metrics", None, "")).await.unwrap();
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        r#"gatehouse_oa_answers_total{action="generate",code="200"} 1"#,
        r#"gatehouse_http_requests_total{surface="oa",route="/v1/generateUserProfile",status="200"}"#,
        "gatehouse_http_request_seconds_bucket",
        "gatehouse_http_connections ",
    ] {
        assert!(page.body.contains(line), "{line} in {}", page.body);
    }
    assert!(!page.body.contains("newcomer") && !page.body.contains(&token));
    running.stop();
}

#[tokio::test]
async fn no_log_level_shows_a_secret() {
    let house = Installation::new(GATEHOUSE).with("LOG__FILTER", "trace").with("LOG__FORMAT", "json");
    let running = house.serve("demo");
    let token = crate::oa::system::token(&house);
    let mut oa = crate::oa::system::OaSystem::connect(&running.url("http"), &token).await.unwrap();
    oa.make("newcomer").await;
    let links = oa.until(crate::oa::system::C, "newcomer", &[412], 200).await.body;
    let query = format!("POST /v1/delUserProfile?token={token}&username=nobody");
    Wire::connect(&running.url("http")).await.unwrap().exchange(request(&query, None, "")).await.unwrap();
    let log = running.stop();
    assert!(log.lines().count() > 100 && log.contains("delUserProfile"), "the log is at its most talkative");
    assert!(!log.contains(&token), "the token");
    let links: serde_json::Value = serde_json::from_str(&links).unwrap();
    for node in links["NodeInfos"].as_array().unwrap() {
        let link = node["ConnInfo"].as_str().unwrap();
        let secret = link.split_once("://").unwrap().1.split('@').next().unwrap();
        assert!(!log.contains(secret), "the credential of {link}");
    }
}
