//! From the login to the recording, and the switch that ends it all.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use gatehouse_testkit::{
    Engine,
    peer::{Frame, wait_for},
};
use serde_json::{Value, json};

use super::world::{Person, World, type_line};

/// What a revocation may take (specs/bastion.md §1).
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_works_and_is_put_out_on_sqlite() {
    story(Engine::Sqlite).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_works_and_is_put_out_on_postgresql() {
    story(Engine::Postgres).await.unwrap();
}

async fn story(engine: Engine) -> Result<()> {
    let world = World::new(engine).await?;
    let running = world.house.serve_beside("serve").await;
    let ids = world.furnish(&running).await?;
    let (chief, ann) = (Person::chief(&running).await?, Person::ann(&running).await?);

    let listed = ann.get("resource/resource/get/").await?;
    assert_eq!(listed.pointer("/detail/0/name"), Some(&json!("target")), "{listed}");
    let mut terminal = ann.terminal(ids).await?;
    type_line(&mut terminal, "echo out-$((6*7))").await?;
    terminal.expect("out-42").await?;
    let open = world.house.run_beside(&["session", "list", "--json"]).await.json();
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    for (key, value) in [("door", "ssh"), ("resource", "target"), ("login", "ann"), ("user", world.sshd.user())] {
        assert_eq!(open.pointer(&format!("/0/{key}")), Some(&json!(value)), "{open}");
    }
    type_line(&mut terminal, "exit").await?;
    assert_eq!(end(&mut terminal).await?, Frame::Closed(1000, String::new()));
    let log = closed(&chief).await?;
    let id = log.get("id").and_then(Value::as_i64).context("no id")?;
    let played = chief.text(&format!("audit/session/replay/?id={id}")).await?;
    let head: Value = serde_json::from_str(played.lines().next().unwrap_or_default())?;
    assert!(played.contains("out-42") && head.get("version") == Some(&json!(2)), "{played}");

    let mut native = world.ssh(&running, "echo native-$((6*7))")?;
    assert_eq!(native.line().await?.as_deref(), Some("native-42"));
    assert_eq!(native.ended(AT_ONCE).await?, Some(0));

    let mut terminal = ann.terminal(ids).await?;
    type_line(&mut terminal, "echo again-$((6*7))").await?;
    terminal.expect("again-42").await?;
    let mut native = world.ssh(&running, "echo up; exec sleep 600")?;
    assert_eq!(native.line().await?.as_deref(), Some("up"));
    chief.post("rbac/user/status/", json!({ "id": ids.ann, "status": false })).await?;
    let answered = Instant::now();
    assert_eq!(end(&mut terminal).await?, Frame::Closed(4410, "revoked".to_owned()));
    assert!(answered.elapsed() < AT_ONCE, "the terminal took {:?}", answered.elapsed());
    let code = native.ended(AT_ONCE.saturating_sub(answered.elapsed())).await?;
    assert_ne!(code, Some(0));
    wait_for("the target's processes", async || Ok(world.sshd.processes().is_empty())).await?;
    assert!(Person::ann(&running).await.is_err(), "a disabled account logs in");
    drop(running.stop_beside().await);
    Ok(())
}

/// Reads a terminal to its end.
async fn end(terminal: &mut gatehouse_testkit::peer::WebSocket) -> Result<Frame> {
    loop {
        match terminal.message().await? {
            Frame::Text(_) | Frame::Binary(_) => {}
            last => return Ok(last),
        }
    }
}

/// The newest row of the session log, once its stay has ended.
pub(super) async fn closed(chief: &Person) -> Result<Value> {
    let mut newest = Value::Null;
    wait_for("the end of the stay", async || {
        let log = chief.get("audit/session/get/?desc=true").await?;
        newest = log.pointer("/detail/0").cloned().unwrap_or_default();
        Ok(newest.get("status") == Some(&json!("close")))
    })
    .await
    .with_context(|| newest.to_string())?;
    Ok(newest)
}
