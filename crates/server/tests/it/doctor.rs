//! `doctor` finds what is wrong and says what to do.

use gatehouse_testkit::{Ended, Installation, stand_in::Fcm};

use crate::GATEHOUSE;

use serde_json::Value;

/// Level and message of every finding of an area.
fn found(ended: &Ended, area: &str) -> Vec<String> {
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let of_area = findings.as_array().unwrap().iter().filter(|finding| finding["area"] == area);
    of_area.map(|one| format!("{}: {}", one["level"].as_str().unwrap(), one["message"].as_str().unwrap())).collect()
}

#[test]
fn a_healthy_installation_has_no_problem() {
    let house = Installation::new(GATEHOUSE);
    let idle = house.run("doctor --json");
    assert_eq!(idle.code, Some(0), "{idle:?}");
    assert_eq!(found(&idle, "configuration"), ["ok: valid"]);
    assert_eq!(found(&idle, "servers"), ["warn: none runs"]);
    let running = house.serve("serve");
    assert_eq!(found(&house.run("doctor --json"), "servers"), ["ok: 1 running"]);
    running.stop();
}

#[test]
fn a_lost_key_ring_is_found() {
    let house = Installation::new(GATEHOUSE);
    house.run("gt").ok();
    house.run("account add ann --pass proxy").ok();
    std::fs::remove_file(house.path().join("data/key-ring")).unwrap();
    let ended = house.run("doctor --json");
    assert_eq!(ended.code, Some(1));
    assert!(found(&ended, "keys")[0].starts_with("fail: 4 of 4 sealed values do not open"), "{ended:?}");
}

#[test]
fn a_taken_port_is_found_before_the_start() {
    let house = Installation::new(GATEHOUSE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    house.write("g.toml", &format!("[http]\nlisten = \"{address}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n"));
    let ended = house.run("doctor --json --config g.toml");
    assert_eq!(ended.code, Some(1));
    assert!(found(&ended, "ports")[0].starts_with(&format!("fail: {address} (http.listen)")), "{ended:?}");
}

#[test]
fn certificates_that_ended_are_found() {
    let house = Installation::new(GATEHOUSE);
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    house.write("cert.pem", &certificate.pem());
    house.write("g.toml", "[http.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    house.write("nodes.toml", "[[node]]\ntype = \"trojan\"\ncode = \"t\"\nhost = \"127.0.0.1\"\n");
    house.run("apply nodes.toml").ok();
    let ended = house.run("doctor --json --config g.toml");
    assert_eq!(ended.code, Some(1));
    let found = found(&ended, "certificates");
    assert_eq!(found[0], "fail: http.tls.cert_file: ended 2020-01-01T00:00:00.000Z");
    assert!(found[1].starts_with("ok: node 1 (t): until "), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_key_of_the_push_service_is_found() {
    let house = Installation::new(GATEHOUSE);
    let fcm = Fcm::start(house.path()).await.unwrap();
    let file = fcm.settings().credentials_file.unwrap();
    let (file, right) = (file.display().to_string(), std::fs::read_to_string(&file).unwrap());
    house.write("g.toml", &format!("[billing.push]\ncredentials_file = \"{file}\"\n"));
    let examined = async || {
        let ended = house.run_beside(&["doctor", "--json", "--config", "g.toml"]).await;
        (ended.code, found(&ended, "push"))
    };
    let (code, told) = examined().await;
    assert!(code == Some(0) && told[0] == "ok: messages of the project gatehouse-test can be signed", "{told:?}");
    for (text, why) in [
        (
            right.replace("BEGIN PRIVATE KEY", "BEGIN SOMETHING"),
            "`private_key` of billing.push.credentials_file: no PKCS #8",
        ),
        ("{}".to_owned(), "is no service account"),
        ("no JSON".to_owned(), "is no service account"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, told) = examined().await;
        assert!(code == Some(1) && told[0].starts_with("fail: ") && told[0].contains(why), "{why}: {told:?}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(examined().await.1[0].contains("No such file"));
}
