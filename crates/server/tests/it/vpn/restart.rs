//! What survives `kill -9`: staged and live, each as it was acknowledged (specs/vpn.md §9, §14).

use gatehouse_testkit::{Engine, Installation};
use serde_json::Value;

use super::caller::Caller;
use crate::GATEHOUSE;

const PASSWORD: &str = "Passw0rd\n";

/// Whether the radius door would let somebody in.
fn lets_in(house: &Installation, login: &str) -> bool {
    let ended = house.run_with(&format!("account check-login {login} --door vpn --password-stdin"), PASSWORD);
    match ended.code {
        Some(0) => true,
        Some(1) if ended.stderr.contains("refused: no_such_account") => false,
        _ => panic!("{ended:?}"),
    }
}

async fn shown(caller: &Caller, login: &str) -> Value {
    caller.call("User", "ExGetUserInfo", &[("username", login)]).await
}

async fn story(engine: Engine) {
    let house = Installation::on(GATEHOUSE, engine);
    let running = house.serve("serve");
    let caller = Caller::of(&house, &running.url("http"));
    let new = [("name", "kim"), ("parent_group", "/"), ("passwd", PASSWORD.trim_end()), ("note", "销售")];
    assert_eq!(caller.call("User", "AddUserCloud", &new).await["code"], 0);
    running.kill();

    let running = house.serve("serve");
    let caller = Caller { base: running.url("http"), ..caller };
    assert_eq!(shown(&caller, "kim").await["result"]["note"], "销售", "the secret and the write are still there");
    assert!(!lets_in(&house, "kim"), "a restart publishes nothing");
    assert_eq!(caller.call("Updater", "UpdaterCloud", &[]).await["code"], 0);
    running.kill();

    let running = house.serve("serve");
    let caller = Caller { base: running.url("http"), ..caller };
    assert!(lets_in(&house, "kim"), "what was published stays so");
    assert_eq!(caller.call("User", "DelUserByNameCloud", &[("names", r#"["kim"]"#)]).await["code"], 0);
    running.kill();

    let running = house.serve("serve");
    let caller = Caller { base: running.url("http"), ..caller };
    assert_eq!(shown(&caller, "kim").await["code"], -10);
    assert!(lets_in(&house, "kim"), "a deletion waits like everything else");
    assert_eq!(caller.call("Updater", "DataSyncCloud", &[]).await["code"], 0);
    assert!(!lets_in(&house, "kim"));
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_on_sqlite() {
    story(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_on_postgres() {
    story(Engine::Postgres).await;
}
