//! Where the surface answers: on the shared listener, on its own, under a prefix (specs/vpn.md §2, DESIGN §6).

use gatehouse_testkit::Installation;

use super::caller::{Caller, WEB_API};
use crate::{
    GATEHOUSE,
    wire::{Wire, request},
};

const NOT_FOUND: &str =
    r#"{"code":404,"success":false,"message":"\u8bf7\u6c42\u5730\u5740\u9519\u8bef","readOnlyInfo":null}"#;

async fn get(base: &str, path: &str) -> (u16, String) {
    let line = format!("GET {path}");
    let answer = Wire::connect(base).await.unwrap().exchange(request(&line, None, "")).await.unwrap();
    (answer.status, answer.body.trim_end().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_listener_of_its_own_every_unknown_path_is_told_in_its_words() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve --vpn-listen 127.0.0.1:0");
    let (shared, own) = (running.url("http"), running.url("vpn"));
    for path in ["/", "/healthz", "/v1/", "/api/", "/cgi-bin/x"] {
        assert_eq!(get(&own, path).await, (404, NOT_FOUND.to_owned()), "{path}");
    }
    assert_eq!(get(&own, WEB_API).await, (405, NOT_FOUND.to_owned()));
    for path in [WEB_API, "/Api.php", "/cgi-bin/php-cgi/"] {
        assert_eq!(get(&shared, path).await, (404, "404 not found".to_owned()), "{path}");
    }
    let caller = Caller::of(&house, &own);
    assert_eq!(caller.call("Updater", "UpdaterCloud", &[]).await["code"], 0);
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_that_is_off_or_elsewhere_leaves_its_paths_alone() {
    let house = Installation::new(GATEHOUSE).with("VPN__ENABLED", "false");
    let running = house.serve("serve");
    assert_eq!(get(&running.url("http"), WEB_API).await, (404, "404 not found".to_owned()));
    running.stop();
    let house = Installation::new(GATEHOUSE).with("VPN__PREFIX", "/vpn").with("VPN__API_PHP_ALIAS", "false");
    let running = house.serve("serve");
    let base = running.url("http");
    assert_eq!(get(&base, WEB_API).await, (404, "404 not found".to_owned()));
    assert_eq!(get(&base, "/vpn/Api.php").await, (404, "404 not found".to_owned()));
    let caller = Caller::of(&house, &format!("{base}/vpn"));
    assert_eq!(get(&base, &format!("/vpn{WEB_API}")).await, (405, NOT_FOUND.to_owned()));
    assert_eq!(caller.secret.len(), 32);
    running.stop();
}

#[test]
fn a_wrong_key_of_the_section_is_named() {
    let house = Installation::new(GATEHOUSE);
    for (line, named) in [
        ("allowed_ranges = [\"192.0.2.1\", \"x\"]", "vpn.allowed_ranges[1]"),
        ("apply_mode = \"sometimes\"", "vpn.apply_mode"),
        ("clock_skew = \"0s\"", "vpn.clock_skew"),
        ("time_zone = \"Mars/Base\"", "vpn.time_zone"),
        ("prefix = \"vpn\"", "vpn.prefix"),
        ("api_enable = true", "vpn"),
    ] {
        house.write("gatehouse.toml", &format!("[vpn]\n{line}\n"));
        let ended = house.run("check-config");
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
        assert!(ended.stderr.contains("gatehouse.toml:2") && ended.stderr.contains(named), "{line}: {ended:?}");
    }
}
