//! The original's `config.ini` (specs/oa.md §8.2), named on the command line, with gatehouse's own accounts behind it.

use gatehouse_testkit::{Installation, RunningServer};

use super::system::{G, OaSystem, token};
use crate::{
    GATEHOUSE,
    wire::{Wire, request},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_config_ini_gives_port_domain_and_reserved_name() {
    let house = Installation::new(GATEHOUSE);
    let port = gatehouse_testkit::peer::free_port().unwrap();
    let ini = format!(
        "; made for the original\n[panelWeb]\naddress=192.0.2.1 ; the panel\nport=80\nusername = boss ; its login\n\
         password = \"\"\"s#e;c\"\"\"\n\n[vpnHelper]\nwebPort = {port} ;web\nuserEmailDomain = Example.COM ;domain\n\
         dbAddress = 127.0.0.1\ndbPort = 5432\ndbUsername = postgres\ndbPassword = secret\ndbName = vpnhelper\n"
    );
    std::fs::create_dir(house.path().join("old")).unwrap();
    house.write("old/config.ini", &ini);
    let running = house.serve("serve --oa-config old/config.ini --oa-backend local");
    let base = format!("http://127.0.0.1:{port}");
    assert_eq!(running.url("oa"), format!("http://0.0.0.0:{port}"));
    let token = token(&house);
    let mut oa = OaSystem::connect(&base, &token).await.unwrap();
    assert_eq!(oa.code(G, "boss").await, 406, "the panel's login is reserved");
    assert_eq!(oa.code(G, "Boss").await, 200, "and nothing but it");
    assert_eq!(oa.code(G, "admin").await, 200, "the default gives way");
    oa.make("Ann").await;
    assert_eq!(house.run("account show Ann --json").json()["email"], "ann@example.com");
    assert_page(&running, &base).await;
    running.stop();

    // What is set elsewhere wins over the file.
    let house = house.with("OA__USER_EMAIL_DOMAIN", "other.example").with("OA__ADMIN_NAMES", "[\"root\"]");
    let running = house.serve("serve --oa-config old/config.ini --oa-backend local --oa-listen 127.0.0.1:0");
    let mut oa = OaSystem::connect(&running.url("oa"), &token).await.unwrap();
    assert_eq!((oa.code(G, "root").await, oa.code(G, "boss").await), (406, 200));
    oa.make("Bob").await;
    assert_eq!(house.run("account show Bob --json").json()["email"], "bob@other.example");
    running.stop();
}

/// The surface answers on its own port alone.
async fn assert_page(running: &RunningServer, base: &str) {
    let get = async |base: &str, path: &str| {
        let answer = Wire::connect(base).await.unwrap().exchange(request(&format!("GET {path}"), None, "")).await;
        answer.unwrap()
    };
    assert!(get(base, "/").await.body.contains("service is running"));
    assert_eq!(get(base, "/healthz").await.body, "404 page not found");
    assert_eq!(get(&running.url("http"), "/v1/").await.status, 404);
}
