//! `doctor` finds what is wrong and says what to do.

use serde_json::Value;

use crate::house::House;

fn text(findings: &Value, what: &str) -> String {
    let found = findings.as_array().unwrap().iter().find(|finding| finding["what"] == what);
    let found = found.unwrap_or_else(|| panic!("{what} in {findings:#}"));
    format!("{} {}", found["state"].as_str().unwrap(), found["text"].as_str().unwrap())
}

#[test]
fn a_healthy_installation_has_no_problem() {
    let house = House::new();
    let findings = house.run("doctor --json").json();
    assert_eq!(text(&findings, "configuration"), "ok valid");
    assert!(text(&findings, "servers").starts_with("warning none runs"));
    assert!(text(&findings, "audit chain").starts_with("ok"));
    let running = house.serve("serve");
    assert_eq!(text(&house.run("doctor --json").json(), "servers"), "ok 1");
    running.stop();
}

#[test]
fn a_lost_key_ring_is_found() {
    let house = House::new();
    house.run("gt").ok();
    house.run("account add ann --pass proxy").ok();
    std::fs::remove_file(house.path().join("data/key-ring")).unwrap();
    let ended = house.run("doctor");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("PROBLEM  proxy users    unreadable"), "{ended:?}");
    assert!(ended.stdout.contains("PROBLEM  oa tokens"), "{ended:?}");
}

#[test]
fn a_certificate_that_ends_is_found() {
    let house = House::new();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    house.write("cert.pem", &certificate.pem());
    house.write("g.toml", "[http.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    let ended = house.run("doctor --config g.toml");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("ended 2020-01-01T00:00:00.000Z; renew it"), "{ended:?}");
}
