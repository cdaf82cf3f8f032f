//! Listeners, health, signals, restarts.

use gatehouse_testkit::{Installation, PATIENCE};

use crate::GATEHOUSE;

use reqwest::Client;
use rustix::process::Signal;
use serde_json::Value;

fn client() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().timeout(PATIENCE).no_proxy().build().unwrap()
}

async fn get(url: &str) -> (u16, String) {
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn post(base: &str, endpoint: &str, token: &str, username: &str) -> Value {
    let form = [("token", token), ("username", username)];
    let answer = client().post(format!("{base}/v1/{endpoint}")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

/// Asks until the status code is the wanted one.
async fn until(base: &str, endpoint: &str, token: &str, username: &str, wanted: u64) -> Value {
    let asked = async {
        loop {
            let answer = post(base, endpoint, token, username).await;
            if answer["StatusCode"] == wanted {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the wanted status code")
}

fn token(house: &Installation) -> String {
    house.run("oa token generate --json").json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_answers_its_health_and_nothing_else() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let (http, metrics) = (running.url("http"), running.url("metrics"));
    for base in [&http, &metrics] {
        assert_eq!(get(&format!("{base}/healthz")).await, (200, "ok\n".to_owned()));
        assert_eq!(get(&format!("{base}/readyz")).await, (200, "ready\n".to_owned()));
        assert_eq!(get(&format!("{base}/elsewhere")).await, (404, "404 not found\n".to_owned()));
    }
    assert_eq!(get(&format!("{http}/metrics")).await.0, 404, "metrics stay on their own listener");
    assert!(get(&format!("{metrics}/metrics")).await.1.contains("gatehouse_http_connections"));
    assert!(!running.stop().contains("ERROR"));
}

#[tokio::test]
async fn tokens_made_and_deleted_while_serving_count_at_once() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    let base = running.url("http");
    assert_eq!(post(&base, "generateUserProfile", "no", "ann").await["StatusCode"], 401);
    let token = token(&house);
    assert_eq!(post(&base, "generateUserProfile", &token, "ann").await["StatusCode"], 200);
    until(&base, "generateUserProfile", &token, "ann", 405).await;
    let user = house.run("oa user show ann --json").json();
    assert_eq!((&user["state"], &user["code"]), (&"exists".into(), &200.into()));
    house.run(&format!("dt {token}")).ok();
    assert_eq!(post(&base, "generateUserProfile", &token, "ann").await["StatusCode"], 401);
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_nine() {
    let house = Installation::new(GATEHOUSE);
    let token = token(&house);
    let running = house.serve("serve");
    let names: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
    for name in &names {
        assert_eq!(post(&running.url("http"), "generateUserProfile", &token, name).await["StatusCode"], 200);
    }
    running.kill();
    let running = house.serve("serve");
    for name in &names {
        until(&running.url("http"), "generateUserProfile", &token, name, 405).await;
    }
    running.stop();
}

#[tokio::test]
async fn run_prod_reads_the_config_ini_and_listens_where_it_says() {
    let house = Installation::new(GATEHOUSE);
    let ini = "\u{feff}[panelWeb]\naddress = 127.0.0.1 ;panel\nport = 80\nusername = root ;login\npassword = `a;b`\n\
               [vpnHelper]\nwebPort = 0 ;any\nuserEmailDomain = example.com ;domain\n";
    house.write("config.ini", ini);
    let ended = house.run("r");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("config.ini") && ended.stderr.contains("--oa-backend local"), "{ended:?}");

    let running = house.serve("r --oa-backend local");
    let port = running.url("oa").rsplit(':').next().unwrap().to_owned();
    assert!(running.url("oa").starts_with("http://0.0.0.0:"), "{:?}", running.announced);
    let base = format!("http://127.0.0.1:{port}");
    let token = token(&house);
    assert_eq!(post(&base, "generateUserProfile", &token, "root").await["StatusCode"], 406);
    assert_eq!(post(&base, "generateUserProfile", &token, "ann").await["StatusCode"], 200);
    assert_eq!(get(&format!("{base}/elsewhere")).await, (404, "404 page not found".to_owned()));
    let shared = client().post(format!("{}/v1/generateUserProfile", running.url("http"))).send().await.unwrap();
    assert_eq!(shared.status(), 404, "the surface has left the shared listener");
    running.stop();
}

#[test]
fn run_debug_copies_its_log_into_a_fresh_file() {
    let house = Installation::new(GATEHOUSE);
    let log = house.path().join("data/log/vpnHelper.log");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    std::fs::write(&log, "of an earlier run").unwrap();
    house.serve("debug").stop();
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.contains("stopped") && !text.contains("earlier"), "{text}");
}

#[test]
fn a_taken_port_fails_before_anything_is_made() {
    let house = Installation::new(GATEHOUSE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = house.run(&format!("serve --metrics-listen 127.0.0.1:0 --listen {address}"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&address.to_string()) && ended.stderr.contains("http.listen"), "{ended:?}");
    assert!(!house.path().join("data").exists());
}

#[tokio::test]
async fn sighup_does_not_end_a_server_and_two_signals_end_it_at_once() {
    let house = Installation::new(GATEHOUSE);
    let running = house.serve("serve");
    running.signal(Signal::HUP);
    assert_eq!(get(&format!("{}/healthz", running.url("http"))).await.0, 200);
    assert!(running.stop().contains("nothing to reload"));

    // A request whose body never comes keeps the drain waiting.
    let mut command = house.command("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0");
    command.env("GATEHOUSE__HTTP__DRAIN", "25s");
    let mut running = house.start(command);
    let address = running.url("http").replace("http://", "");
    let mut stuck = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = b"POST /v1/delUserProfile HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stuck, head).await.unwrap();
    let mut interim = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stuck, &mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100", "the handler waits for the body");
    running.signal(Signal::INT);
    while get_refused(&address).await.is_none() {}
    running.signal(Signal::INT);
    assert_eq!(running.wait().code(), Some(1));
}

/// Whether the server has stopped to accept.
async fn get_refused(address: &str) -> Option<std::io::Error> {
    tokio::net::TcpStream::connect(address).await.err()
}
