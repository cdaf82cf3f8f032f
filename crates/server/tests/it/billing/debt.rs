//! Debt cuts: from the charge in the API to the Disconnect at the router (specs/billing.md §7, §14).

use std::{net::SocketAddr, time::Instant};

use gatehouse_testkit::{
    Engine, Installation, RunningServer,
    peer::{FreeRadius, radclient, wait_for},
    server::http_client,
};
use tokio::task::spawn_blocking;

use super::caller::{PASSWORD, call, login, login_as};
use crate::GATEHOUSE;

const SESSION: &str = "Acct-Session-Id = \"80f00001\"";

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_owe_is_disconnected_and_let_in_again_when_he_pays_on_sqlite() {
    story(Engine::Sqlite).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_owe_is_disconnected_and_let_in_again_when_he_pays_on_postgres() {
    story(Engine::Postgres).await.unwrap();
}

async fn story(engine: Engine) -> anyhow::Result<()> {
    let router = FreeRadius::start_nas().await?;
    let house = Installation::on(GATEHOUSE, engine);
    house.apply(&state(router.port())).await?;
    house.run_with("account passwd administrator --password-stdin", PASSWORD).ok();
    let running = house.serve_beside("serve").await;
    let (base, client) = (running.url("http"), http_client()?);
    let (auth, acct) = (port(&running, "radius-auth")?, port(&running, "radius-acct")?);
    let right = format!("User-Name = \"ada\"\nUser-Password = \"{PASSWORD}\"\nMessage-Authenticator = 0x00\n");
    let (accepted, printed) = ask(auth, "auth", &right).await?;
    assert!(accepted, "{printed}");
    let start = format!("Acct-Status-Type = Start\nUser-Name = \"ada\"\n{SESSION}\nFramed-IP-Address = 10.1.0.7\n");
    assert!(ask(acct, "acct", &start).await?.0);

    let (ada, boss) = (login(&client, &base, "ada").await?, login_as(&client, &base, "administrator", "admin").await?);
    let bought = Instant::now();
    let ordered = call(&client, &base, "a=u_srv_add&service_id=34", &ada).await?;
    assert_eq!(ordered["result"], "ok", "{ordered}");
    wait_for("the Disconnect at the router", async || Ok(router.log()?.contains("Received Disconnect-Request")))
        .await?;
    // Told, not asserted: the goal is a second, and the machine may have others to serve.
    eprintln!("{engine:?}: from the order to the Disconnect at the router {:?}", bought.elapsed());
    let log = router.log()?;
    assert!(log.contains(SESSION) && !log.contains("Received CoA-Request"), "{log}");
    let (accepted, printed) = ask(auth, "auth", &right).await?;
    assert!(!accepted && printed.contains("Reply-Message = "), "{printed}");
    let main = call(&client, &base, "a=u_main", &ada).await?;
    assert_eq!((&main["usr"]["balance"], &main["usr"]["state"]), (&"-5.00".into(), &"off".into()), "{main}");

    let paid = call(&client, &base, "a=api_pay_add&uid=357&cash=5&category=1", &boss).await?;
    assert_eq!(paid["result"], "ok", "{paid}");
    // The door's memory follows the commit within milliseconds, though not before the answer of the API.
    wait_for("the Accept", async || Ok(ask(auth, "auth", &right).await?.0)).await?;
    let main = call(&client, &base, "a=u_main", &ada).await?;
    assert_eq!((&main["usr"]["balance"], &main["usr"]["state"]), (&"0.00".into(), &"on".into()), "{main}");
    running.stop_beside().await;
    house.run_beside(&["billing", "check"]).await.ok();
    Ok(())
}

/// A router, a service for nothing that lets in, and one that is charged whatever the wallet holds.
fn state(router: u16) -> String {
    let secret = FreeRadius::SECRET;
    format!(
        r#"
[[nas]]
name = "gate"
address = "127.0.0.1"
secret = "{secret}"
serves = ["subscriber"]
profile = "mikrotik"
coa_port = {router}

[[billing.group]]
name = "home"

[[billing.service]]
key = "inet"
id = 33
module = "internet"
price = "0.00"
period = "endless"
tags = ["inet", "speed=50"]
groups = ["home"]

[[billing.service]]
key = "repair"
id = 34
price = "5.00"
period = "once"
funds_check = false
groups = ["home"]

[[account]]
login = "ada"
password = "{PASSWORD}"
[account.subscriber]
uid = 357
group = "home"
[[account.subscriber.service]]
key = "internet"
service = "inet"
"#
    )
}

fn port(running: &RunningServer, name: &str) -> anyhow::Result<u16> {
    Ok(running.url(name).trim_start_matches("udp://").parse::<SocketAddr>()?.port())
}

/// What radclient is told.
async fn ask(port: u16, kind: &'static str, attributes: &str) -> anyhow::Result<(bool, String)> {
    let attributes = attributes.to_owned();
    spawn_blocking(move || radclient(port, kind, FreeRadius::SECRET, &attributes)).await?
}
