//! Serving with a certificate, and a new one without a restart.

use std::net::SocketAddr;

use gatehouse_testkit::peer::{SelfSigned, certificate_of};
use rustix::process::Signal;

use gatehouse_testkit::{Ended, Installation};

use crate::{
    GATEHOUSE,
    oa::system::{G, code, eventually, token},
    wire::{Wire, request},
};

fn install(house: &Installation, certificate: &SelfSigned) {
    house.write("key.pem", &certificate.key_pem());
    house.write("cert.pem", &certificate.certificate_pem());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_while_serving_and_a_broken_one_changes_nothing() {
    let house = Installation::new(GATEHOUSE);
    let (first, second) = (SelfSigned::new("oa.test").unwrap(), SelfSigned::new("oa.test").unwrap());
    install(&house, &first);
    house.write("g.toml", "[http.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    let running = house.serve("serve --config g.toml");
    let base = running.url("http");
    let address: SocketAddr = base.strip_prefix("https://").unwrap().parse().unwrap();
    assert_eq!(certificate_of(address, "oa.test").await.unwrap(), first.der());

    let t = token(&house);
    let ask = || {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--cacert", "cert.pem", "-F", &format!("token={t}"), "-F", "username=ann"]);
        curl.args(["--resolve", &format!("oa.test:{}:127.0.0.1", address.port())]).current_dir(house.path());
        curl.arg(format!("https://oa.test:{}{G}", address.port()));
        code(&Ended::from(curl.output().unwrap()).ok())
    };
    assert_eq!(ask(), 200);

    install(&house, &second);
    running.signal(Signal::HUP);
    eventually("the new certificate", async || certificate_of(address, "oa.test").await.unwrap() == second.der()).await;
    assert!([201, 102, 405].contains(&ask()));

    house.write("cert.pem", "no certificate");
    running.signal(Signal::HUP);
    eventually("the complaint", async || running.log().contains("certificate not reloaded")).await;
    assert_eq!(certificate_of(address, "oa.test").await.unwrap(), second.der());
    install(&house, &first);
    house.write("key.pem", &second.key_pem());
    running.signal(Signal::HUP);
    eventually("the second complaint", async || running.log().matches("certificate not reloaded").count() == 2).await;
    assert_eq!(certificate_of(address, "oa.test").await.unwrap(), second.der());

    // Whoever speaks plainly to it hears nothing, and nobody else suffers.
    let mut plain = Wire::connect(&address.to_string()).await.unwrap();
    let answer = plain.exchange(request("GET /healthz", None, "")).await;
    assert!(answer.is_err(), "{answer:?}");
    let metrics =
        Wire::connect(&running.url("metrics")).await.unwrap().exchange(request("GET /healthz", None, "")).await;
    assert_eq!(metrics.unwrap().status, 200, "the metrics listener stays plain");
    assert_eq!(certificate_of(address, "oa.test").await.unwrap(), second.der());
    running.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_is_made() {
    let house = Installation::new(GATEHOUSE);
    house.write("g.toml", "[http.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    let refused = house.run("serve --config g.toml --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("http.tls.cert_file cert.pem"), "{refused:?}");
    assert!(!house.path().join("data").exists());
}
